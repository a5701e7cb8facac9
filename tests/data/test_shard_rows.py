"""Rows of a set by their number, against reading the files from the beginning."""

import io
import json
import pickle

import numpy as np
import pytest
from PIL import Image

from vary.data.engines.base import Reject
from vary.data.schema import EncodedImage, Sample, Word, read_samples, write_samples
from vary.data.shard_rows import ShardRows
from vary.data.shards import Run, file_sha256, generate, iterate_set
from vary.errors import InputError


class Squares:
    """Grey squares with a word on each; every seventh index is rejected."""

    name = "squares"

    def sample(self, index, rng):
        if index % 7 == 6:
            raise Reject("a seventh", f"index {index}")
        file = io.BytesIO()
        Image.new("L", (8, 8), int(rng.integers(256))).save(file, format="PNG")
        image = EncodedImage(file.getvalue(), f"{index}.png", 8, 8)
        text = "a" * int(rng.integers(1, 30))
        words = (Word(0, text, 1, 1, 7, 7),) if index % 2 else None
        return Sample("", (image,), "document", "en", "text", text, words=words)

    def length_hint(self, index):
        return 15

    def config(self):
        return {}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a set of three shards, of 90, 90 and 20 indices: several row groups each."""
    folder = tmp_path_factory.mktemp("sets") / "squares"
    generate(Squares, Run(folder, count=200, seed=3, shard_size=90))
    return folder


@pytest.fixture
def copy(made, tmp_path):
    """Return a copy that may be damaged."""
    for path in made.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_every_row_is_what_reading_from_the_beginning_gives(made):
    rows, whole = ShardRows(made), list(iterate_set(made))
    assert len(rows) == len(whole) == 172
    assert [starts[-1] for starts in rows.group_starts] == [78, 77, 17]
    for number in [171, 0, *np.random.default_rng(0).permutation(172).tolist()]:
        assert rows.sample(number) == whole[number]
        assert rows.text_length(number) == len(whole[number].text)


def test_a_folder_without_a_manifest_is_a_set_too(copy):
    (copy / "manifest.json").unlink()
    assert [ShardRows(copy).sample(n).id for n in (0, 100, 171)] == [
        [sample.id for path in sorted(copy.glob("*.parquet")) for sample in read_samples(path)][n]
        for n in (0, 100, 171)
    ]


def test_texts_of_some_rows(made):
    whole = list(iterate_set(made))
    wanted = np.array([0, 5, 80, 100, 171])
    assert list(ShardRows(made).texts(wanted)) == [whole[row].text for row in wanted]
    assert list(ShardRows(made).texts(np.array([], dtype=int))) == []


def test_the_split_hangs_on_the_ids_alone(made, tmp_path):
    rows = ShardRows(made)
    learned, held = rows.split(0.1)
    assert sorted([*learned, *held]) == list(range(172))
    assert 5 <= len(held) <= 40
    ids = {rows.sample(row).id for row in held}
    # The same samples among others, in another order, are held out again.
    samples = list(iterate_set(made))[::-1][:100]
    write_samples(samples, tmp_path / "other.parquet")
    other = ShardRows(tmp_path)
    assert {other.sample(row).id for row in other.split(0.1)[1]} == {
        sample.id for sample in samples
    } & ids
    assert len(rows.split(0.5)[1]) > len(held)


@pytest.mark.parametrize("share", [0.0, 1e-9, 1.0])
@pytest.mark.parametrize("count", [2, 3])
def test_at_least_one_is_held_out_and_at_least_one_is_not(made, tmp_path, share, count):
    write_samples(list(iterate_set(made))[:count], tmp_path / "few.parquet")
    learned, held = ShardRows(tmp_path).split(share)
    assert len(held) == 1 and len(learned) == count - 1 and not set(held) & set(learned)


def test_a_single_sample_is_learned_and_measured(made, tmp_path):
    write_samples(list(iterate_set(made))[:1], tmp_path / "one.parquet")
    assert [part.tolist() for part in ShardRows(tmp_path).split(0.1)] == [[0], [0]]


def test_rows_go_to_other_processes(made):
    rows = ShardRows(made)
    rows.sample(100)
    rows.text_length(100)
    other = pickle.loads(pickle.dumps(rows))
    assert other.sample(130) == rows.sample(130) and other.text_length(130) == rows.text_length(130)


def test_a_set_is_told_by_its_manifest_or_by_its_files(copy):
    assert ShardRows(copy).digest() == {"manifest.json": file_sha256(copy / "manifest.json")}
    (copy / "manifest.json").unlink()
    digest = ShardRows(copy).digest()
    assert digest == {path.name: file_sha256(path) for path in copy.glob("*.parquet")}
    assert len(digest) == 3


def test_groups_are_read_once_for_neighbours(made, monkeypatch):
    rows = ShardRows(made)
    read = []
    whole = ShardRows._read_group
    monkeypatch.setattr(
        ShardRows, "_read_group", lambda *given: read.append(given[1:]) or whole(*given)
    )
    rows._begin_caches()
    for row in range(172):
        rows.sample(row)
    assert len(read) == len(set(read)) == sum(len(starts) - 1 for starts in rows.group_starts)
    assert read == sorted(read)


def damage(path):
    path.write_bytes(path.read_bytes()[:-9] + b"123456789")


@pytest.mark.parametrize(
    ("do", "told"),
    [
        (lambda folder: (folder / "part-00001.parquet").unlink(), "is missing, but the manifest"),
        (
            lambda folder: (folder / "part-00001.parquet").open("ab").write(b"more"),
            "has another size than the manifest says",
        ),
        (lambda folder: damage(folder / "part-00001.parquet"), "cannot be read as Parquet"),
    ],
    ids=["missing", "longer", "broken"],
)
def test_a_shard_that_is_not_whole_is_named(copy, do, told):
    do(copy)
    with pytest.raises(InputError, match=told) as error:
        ShardRows(copy)
    assert str(copy / "part-00001.parquet") in str(error.value)


def test_a_shard_that_goes_while_it_is_read_is_named(copy):
    rows = ShardRows(copy)
    assert rows.sample(0).id == "squares/3/0"
    (copy / "part-00002.parquet").unlink()
    with pytest.raises(
        InputError, match=r"part-00002\.parquet: cannot be read as Parquet"
    ) as error:
        rows.sample(171)
    assert "the same command then goes on" in str(error.value)


def test_no_set_is_told(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="no set of samples; make one with `vary data`"):
            ShardRows(folder)


def test_an_empty_set_is_told(tmp_path):
    write_samples([], tmp_path / "part.parquet")
    with pytest.raises(InputError, match="holds no samples"):
        ShardRows(tmp_path)


def test_a_set_of_which_no_shard_is_made_yet_is_told(copy):
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    manifest |= {"shards": [], "samples": 0}
    (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(InputError, match=r"not finished \(0 of 200 samples\)"):
        ShardRows(copy)


def test_an_unfinished_set_is_told(copy):
    manifest = json.loads((copy / "manifest.json").read_text(encoding="utf-8"))
    (copy / "manifest.json").write_text(json.dumps(manifest | {"count": 500}), encoding="utf-8")
    with pytest.raises(InputError, match=r"not finished \(200 of 500 samples\); the command"):
        ShardRows(copy)


def test_a_file_of_something_else_is_named(tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(InputError, match=r"other\.parquet: not a file of samples"):
        ShardRows(tmp_path)
