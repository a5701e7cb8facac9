import json
from dataclasses import dataclass, replace
from functools import partial

import pytest

from vary.data.engines.base import Reject
from vary.data.engines.page.engine import PageConfig, build_page_engine
from vary.data.manifest import Rejected, library_versions, read_manifest, write_rejects
from vary.data.schema import Sample
from vary.data.shards import Run, file_sha256, generate, iterate_set, make_shard, read_rejects
from vary.errors import InputError, VaryError


@dataclass
class Numbers:
    """Texts of random numbers; every fifth index is rejected, index 13 meets a fault."""

    name: str = "numbers"
    flavour: str = "plain"

    def sample(self, index, rng):
        if index % 5 == 4:
            raise Reject("a fifth", f"index {index}")
        if index == 13:
            raise ZeroDivisionError("thirteen")
        text = f"{self.flavour} {rng.integers(1 << 30)}"
        return Sample("", (), "document", "en", "text", text)

    def length_hint(self, index):
        return 12

    def config(self):
        return {"flavour": self.flavour, "fonts": {"a.ttf": "00"}}


def run_in(folder, **changes):
    return replace(Run(folder=folder, count=25, seed=3, shard_size=10), **changes)


def contents(folder):
    return {path.name: file_sha256(path) for path in folder.iterdir()}


def test_a_set_has_shards_manifest_and_rejects(tmp_path):
    manifest = generate(Numbers, run_in(tmp_path))
    assert sorted(contents(tmp_path)) == [
        "manifest.json", "part-00000.parquet", "part-00001.parquet", "part-00002.parquet",
        "rejects.jsonl",
    ]  # fmt: skip
    assert manifest == read_manifest(tmp_path)
    assert manifest.samples == 19
    assert manifest.rejects == {"a fifth": 5, "fault: ZeroDivisionError": 1}
    assert [shard.count for shard in manifest.shards] == [10, 10, 5]
    assert all(shard.sha256 == file_sha256(tmp_path / shard.name) for shard in manifest.shards)
    written = json.loads((tmp_path / "manifest.json").read_text())
    assert written["versions"] == library_versions()
    assert written["samples"] == 19
    ids = [sample.id for sample in iterate_set(tmp_path)]
    assert ids == [f"numbers/3/{i}" for i in range(25) if i % 5 != 4 and i != 13]


def test_rejects_name_id_reason_and_detail(tmp_path):
    generate(Numbers, run_in(tmp_path))
    rejected = read_rejects(tmp_path)
    assert [r.index for r in rejected] == [4, 9, 13, 14, 19, 24]
    assert rejected[0].id == "numbers/3/4"
    assert (rejected[0].reason, rejected[0].detail) == ("a fifth", "index 4")
    assert (rejected[2].reason, rejected[2].detail) == ("fault: ZeroDivisionError", "thirteen")


def test_rejects_keep_the_line_ends_of_unicode(tmp_path):
    details = ["one\u2028two", "three\u0085four\x1cfive", "six"]
    rejected = [Rejected(i, f"a/1/{i}", "odd", detail) for i, detail in enumerate(details)]
    write_rejects(tmp_path, rejected)
    assert read_rejects(tmp_path) == rejected


def test_a_users_mistake_stops_the_run(tmp_path):
    class Wrong(Numbers):
        def sample(self, index, rng):
            raise VaryError("no such thing")

    with pytest.raises(VaryError, match="no such thing"):
        generate(Wrong, run_in(tmp_path))


def test_the_number_of_workers_changes_no_byte(tmp_path, text_folder, font_folder):
    config = PageConfig(text_folder, (font_folder,), sizes=("slide",), dpi=(72, 80))
    for workers in (1, 2):
        run = Run(tmp_path / str(workers), count=6, seed=1, shard_size=2, workers=workers)
        generate(partial(build_page_engine, config), run)
    assert contents(tmp_path / "1") == contents(tmp_path / "2")


def test_a_finished_set_is_left_alone(tmp_path):
    generate(Numbers, run_in(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("part-*")}
    found = []
    generate(Numbers, run_in(tmp_path), found.append)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("part-*")} == before
    assert len(found) == 3


def test_a_stopped_run_goes_on_to_the_same_bytes(tmp_path):
    generate(Numbers, run_in(tmp_path / "whole"))

    def stop(record):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(Numbers, run_in(tmp_path / "stopped"), stop)
    assert len(read_manifest(tmp_path / "stopped").shards) == 1
    (tmp_path / "stopped" / "part-00001.parquet.partial").write_bytes(b"half")
    generate(Numbers, run_in(tmp_path / "stopped"))
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["truncate", "delete", "rejects", "manifest"])
def test_what_is_broken_is_made_again(tmp_path, damage):
    generate(Numbers, run_in(tmp_path))
    before = contents(tmp_path)
    shard = tmp_path / "part-00001.parquet"
    if damage == "truncate":
        shard.write_bytes(shard.read_bytes()[:100])
    elif damage == "delete":
        shard.unlink()
    elif damage == "rejects":
        (tmp_path / "rejects.jsonl").write_text("{no json\n")
    else:
        written = json.loads((tmp_path / "manifest.json").read_text())
        written["shards"].pop()
        (tmp_path / "manifest.json").write_text(json.dumps(written))
    generate(Numbers, run_in(tmp_path))
    assert contents(tmp_path) == before


def test_a_set_grows(tmp_path):
    generate(Numbers, run_in(tmp_path / "grown"))
    generate(Numbers, run_in(tmp_path / "grown", count=40))
    generate(Numbers, run_in(tmp_path / "at_once", count=40))
    assert contents(tmp_path / "grown") == contents(tmp_path / "at_once")
    with pytest.raises(VaryError, match="--count 40, 25 is less"):
        generate(Numbers, run_in(tmp_path / "grown"))


@pytest.mark.parametrize(
    ("build", "changes", "named"),
    [
        (Numbers, {"seed": 4}, "seed: 3 -> 4"),
        (Numbers, {"shard_size": 5}, "shard_size: 10 -> 5"),
        (partial(Numbers, flavour="sour"), {}, 'configuration.flavour: "plain" -> "sour"'),
        (partial(Numbers, name="letters"), {}, 'engine: "numbers" -> "letters"'),
    ],
)
def test_going_on_with_something_else_is_refused(tmp_path, build, changes, named):
    generate(Numbers, run_in(tmp_path))
    before = contents(tmp_path)
    with pytest.raises(VaryError, match="another --out") as caught:
        generate(build, run_in(tmp_path, **changes))
    assert named in str(caught.value)
    assert contents(tmp_path) == before


def test_going_on_under_other_versions_is_refused(tmp_path, monkeypatch):
    generate(Numbers, run_in(tmp_path))
    other = {**library_versions(), "pillow": "1.0"}
    monkeypatch.setattr("vary.data.shards.library_versions", lambda: other)
    with pytest.raises(VaryError, match=r'versions\.pillow: ".*" -> "1\.0"'):
        generate(Numbers, run_in(tmp_path))


def test_folders_of_other_things_are_refused(tmp_path):
    (tmp_path / "thesis.doc").write_text("years of work")
    with pytest.raises(VaryError, match=r"no set to go on with.*new folder"):
        generate(Numbers, run_in(tmp_path))
    with pytest.raises(VaryError, match="is a file"):
        generate(Numbers, run_in(tmp_path / "thesis.doc"))
    with pytest.raises(VaryError, match=r"cannot be written"):
        generate(Numbers, run_in(tmp_path / "thesis.doc" / "set"))


def test_unreadable_manifests_are_named(tmp_path):
    with pytest.raises(InputError, match=r"no generated set \(manifest.json is missing\)"):
        read_manifest(tmp_path)
    for content in ("{half", "[]", '{"version": 1}', '{"version": 1, "shards": [{}]}'):
        (tmp_path / "manifest.json").write_text(content)
        with pytest.raises(InputError, match="not a readable manifest"):
            read_manifest(tmp_path)


@pytest.mark.parametrize("name", ["count", "shard_size", "workers"])
def test_runs_of_nothing_are_refused(tmp_path, name):
    with pytest.raises(VaryError, match=f"{name} 0: must be 1 or more"):
        run_in(tmp_path, **{name: 0})
    with pytest.raises(VaryError, match="seed -1"):
        run_in(tmp_path, seed=-1)


def test_what_workers_leave_behind_is_removed_when_they_have_ended(tmp_path):
    events = []

    def pool(work):
        try:
            yield make_shard(Numbers(), work.run, work.todo[0])
            (tmp_path / "part-00001.parquet.0badcafe.partial").write_bytes(b"half")
            raise VaryError("a worker's disk is full")
        finally:
            events.append("pool ends")

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(VaryError, match="disk is full"):
        generate(Numbers, run_in(tmp_path), pool=pool)
    assert [shard.name for shard in read_manifest(tmp_path).shards] == ["part-00000.parquet"]
    assert not list(tmp_path.glob("*.partial"))
    with pytest.raises(KeyboardInterrupt):
        generate(Numbers, run_in(tmp_path), on_shard=stop, pool=pool)
    assert events == ["pool ends"]
    with pytest.raises(KeyboardInterrupt):
        generate(Numbers, run_in(tmp_path / "other"), on_shard=stop, pool=pool)
    assert events == ["pool ends", "pool ends"]
