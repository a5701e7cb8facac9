"""The record of a run, whole checkpoints, and files that are never half there."""

import json
from pathlib import Path

import pytest

from vary.errors import VaryError
from vary.train.folder import begin, check_order, last_checkpoint, write_whole
from vary.train.recipe import StageRecipe

INPUTS = {"fonts": {"a.ttf": "1"}, "fonts_held_out": {"b.ttf": "2"}, "texts": {"t.txt": "3"}}


def checkpoint(folder, step, without=""):
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    for name in ("model.safetensors", "optimizer.pt", "scheduler.pt", "trainer_state.json"):
        if name != without:
            (path / name).write_text("{}", encoding="utf-8")
    return path


@pytest.mark.parametrize("lacks", ["model.safetensors", "optimizer.pt", "trainer_state.json"])
def test_a_torn_checkpoint_is_removed_and_the_one_before_it_taken(tmp_path, lacks):
    whole = checkpoint(tmp_path, 9)
    checkpoint(tmp_path, 5)
    torn = checkpoint(tmp_path, 10, without=lacks)
    (tmp_path / "final").mkdir()
    assert last_checkpoint(tmp_path) == whole
    assert not torn.exists()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"checkpoint-5", "checkpoint-9", "final"}


def test_half_a_state_is_torn(tmp_path):
    torn = checkpoint(tmp_path, 3)
    (torn / "trainer_state.json").write_text('{"global_step": 3, "log', encoding="utf-8")
    assert last_checkpoint(tmp_path) is None
    assert not torn.exists()


def test_no_folder_holds_no_checkpoint(tmp_path):
    assert last_checkpoint(tmp_path / "none") is None


def test_a_file_is_old_or_new_but_never_a_part(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    write_whole(path, "old")
    replace = Path.replace

    def look_first(self, target):
        assert path.read_text(encoding="utf-8") == "old"
        assert self.read_text(encoding="utf-8") == "new"
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", look_first)
    write_whole(path, "new")
    assert path.read_text(encoding="utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


def record(folder):
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))


def test_the_first_record_stays_and_later_starts_are_listed(tiny, tmp_path):
    begin(tiny(), tmp_path, INPUTS)
    first = record(tmp_path)
    assert {kind: first[kind] for kind in INPUTS} == INPUTS
    begin(tiny(), tmp_path, INPUTS)
    begin(tiny(), tmp_path, INPUTS)
    later = record(tmp_path)
    starts = later.pop("later_starts")
    assert later == first
    assert [set(start) for start in starts] == [
        {"time", "vary", "python", "libraries", "threads"}
    ] * 2


@pytest.mark.parametrize(
    ("kind", "now", "told"),
    [
        ("fonts", {"a.ttf": "1", "new.ttf": "5"}, r"other fonts \(added: new.ttf\)"),
        ("fonts_held_out", {"c.ttf": "2"}, r"fonts held out \(added: c.ttf; missing: b.ttf\)"),
        ("texts", {"t.txt": "4"}, r"other texts \(changed: t.txt\)"),
    ],
)
def test_other_fonts_or_texts_are_refused(tiny, tmp_path, kind, now, told):
    begin(tiny(), tmp_path, INPUTS)
    first = record(tmp_path)
    with pytest.raises(VaryError, match=told) as error:
        begin(tiny(), tmp_path, {**INPUTS, kind: now})
    assert "give another out=FOLDER" in str(error.value)
    assert record(tmp_path) == first


def test_a_font_that_was_added_may_be_left_out(tiny, tmp_path):
    begin(tiny(), tmp_path, INPUTS)
    begin(tiny("data.font_exclude=[new.ttf]"), tmp_path, INPUTS)


def test_a_record_of_fonts_alone_is_completed(tiny, tmp_path):
    begin(tiny(), tmp_path, {"fonts": INPUTS["fonts"]})
    begin(tiny(), tmp_path, INPUTS)
    assert record(tmp_path)["texts"] == INPUTS["texts"]


def stage_of(**changes):
    fields = {"objective": "both", "steps": 1, "learning_rate": 1e-3, "batch_size": 1}
    return StageRecipe("read", **(fields | changes))


def test_a_stage_is_not_gone_on_with_behind_another_one(tmp_path):
    stage = stage_of()
    check_order(tmp_path / "read", stage, "draft")
    check_order(tmp_path / "read", stage_of(steps=5), "draft")
    with pytest.raises(VaryError, match=r"begun otherwise \(before 'draft', now 'write'\)"):
        check_order(tmp_path / "read", stage, "write")
    with pytest.raises(VaryError, match="before 'draft', now ''"):
        check_order(tmp_path / "read", stage, "")
    check_order(tmp_path / "none", stage, "", writes=False)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("changes", [{"objective": "text"}, {"frozen": ("projector.*",)}])
def test_a_stage_is_not_gone_on_with_for_other_parameters(tmp_path, changes):
    check_order(tmp_path / "read", stage_of(), "draft")
    with pytest.raises(VaryError, match=rf"{next(iter(changes))} .*, now .*remove the folder"):
        check_order(tmp_path / "read", stage_of(**changes), "draft")
