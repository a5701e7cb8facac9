import json
import os
from pathlib import Path

import pytest

from vary.errors import InputError, VaryError
from vary.read.inputs import (
    Failure,
    OutputFolder,
    checkpoint_digest,
    expand_inputs,
    output_names,
)


def touch(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return paths


# -- folders -----------------------------------------------------------------------------------


def test_folders_are_searched_and_files_are_taken_as_they_are(tmp_path):
    touch(tmp_path / "in", "b.PDF", "a.png", "sub/c.tif", "notes.txt", ".d.png", ".git/e.png")
    odd = touch(tmp_path, "odd.dat")[0]
    files, failures = expand_inputs([odd, tmp_path / "in", tmp_path / "in" / "a.png"])
    names = [str(file.relative_to(tmp_path)) for file in files]
    assert names == ["odd.dat", "in/a.png", "in/b.PDF", "in/sub/c.tif"]
    assert failures == []


def test_a_folder_with_nothing_readable_and_a_missing_file(tmp_path):
    touch(tmp_path / "in", "notes.txt")
    good = touch(tmp_path, "a.pdf")[0]
    files, failures = expand_inputs([tmp_path / "in", tmp_path / "none.pdf", good])
    assert files == [good]
    assert [failure.input for failure in failures] == [
        str(tmp_path / "in"),
        str(tmp_path / "none.pdf"),
    ]
    assert "nothing readable" in failures[0].reason
    assert ".pdf" in failures[0].reason
    assert "check the path" in failures[1].reason


def test_a_folder_that_cannot_be_looked_into_is_a_failure(tmp_path, monkeypatch):
    good, _ = touch(tmp_path / "in", "a.pdf", "locked/b.pdf")
    locked = str(tmp_path / "in" / "locked")
    scandir = os.scandir

    def refuse(path):
        if os.fspath(path) == locked:
            raise PermissionError(13, "Permission denied", locked)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    files, failures = expand_inputs([tmp_path / "in"])
    assert files == [good]
    assert [failure.input for failure in failures] == [locked]
    assert "Permission denied" in failures[0].reason


def test_linked_folders_are_followed_and_cycles_end(tmp_path):
    (far,) = touch(tmp_path, "far/b.pdf")
    (near,) = touch(tmp_path, "in/a.pdf")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "back").symlink_to(tmp_path / "in")
    files, failures = expand_inputs([tmp_path / "in"])
    assert files == [near, tmp_path / "in" / "link" / far.name]
    assert failures == []


# -- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.pdf", "b.png"], ["a.txt", "b.txt"]),
        (["a.pdf", "a.png", "b.png"], ["a.pdf.txt", "a.png.txt", "b.txt"]),
        (["x/a.pdf", "y/a.pdf"], ["x-a.pdf.txt", "y-a.pdf.txt"]),
        (["x/z/a.pdf", "y/z/a.pdf"], ["x-z-a.pdf.txt", "y-z-a.pdf.txt"]),
        (["x/a.pdf", "x/a.png", "y/a.png"], ["a.pdf.txt", "x-a.png.txt", "y-a.png.txt"]),
        (["x/A.pdf", "y/a.pdf"], ["x-A.pdf.txt", "y-a.pdf.txt"]),
        (
            ["z/a.pdf", "z/a.pdf.png", "x/a.png"],
            ["z-a.pdf.txt", "z-a.pdf.png.txt", "a.png.txt"],
        ),
    ],
)
def test_no_two_inputs_share_an_output_in_any_order(tmp_path, paths, names):
    files = touch(tmp_path, *paths)
    expected = dict(zip(files, names, strict=True))
    assert output_names(files, ".txt") == expected
    assert output_names(files[::-1], ".txt") == expected


def test_the_lists_of_a_folder_are_no_outputs(tmp_path):
    files = touch(tmp_path, "errors.pdf", "outputs.png")
    assert list(output_names(files, ".jsonl").values()) == ["errors.pdf.jsonl", "outputs.png.jsonl"]
    assert list(output_names(files, ".txt").values()) == ["errors.txt", "outputs.txt"]


# -- the folder of outputs ---------------------------------------------------------------------

SETTINGS = {"model": "nano", "format": "txt"}


@pytest.fixture
def source(tmp_path):
    return touch(tmp_path, "a.pdf")[0]


def test_what_is_written_is_done(tmp_path, source):
    folder = OutputFolder(tmp_path / "new" / "out", SETTINGS)
    assert not folder.is_done("a.txt", source)
    folder.write("a.txt", source, "text\f")
    assert folder.is_done("a.txt", source)
    assert OutputFolder(folder.folder, SETTINGS).is_done("a.txt", source)
    assert (folder.folder / "a.txt").read_bytes() == b"text\f"


def test_an_output_with_failed_pages_is_read_again(tmp_path, source):
    folder = OutputFolder(tmp_path / "out", SETTINGS)
    folder.write("a.txt", source, "text", failed_pages=[3])
    assert not OutputFolder(folder.folder, SETTINGS).is_done("a.txt", source)


def test_a_run_that_stopped_while_writing_goes_on(tmp_path, source):
    folder = OutputFolder(tmp_path / "out", SETTINGS)
    folder.write("a.txt", source, "text")
    with (folder.folder / "outputs.jsonl").open("a") as file:
        file.write('{"output": "b.t')
    (folder.folder / "b.txt.part").write_text("half")
    again = OutputFolder(folder.folder, SETTINGS)
    assert again.is_done("a.txt", source)
    assert not again.is_done("b.txt", source)
    again.write("c.txt", source, "text")
    assert OutputFolder(folder.folder, SETTINGS).is_done("c.txt", source)


def test_the_output_of_another_input_is_not_taken_for_this_ones(tmp_path, source):
    OutputFolder(tmp_path / "out", SETTINGS).write("a.txt", source, "text")
    other = touch(tmp_path, "other/a.pdf")[0]
    with pytest.raises(InputError, match=r"other/a\.pdf.*a\.txt is there already.*--overwrite"):
        OutputFolder(tmp_path / "out", SETTINGS).is_done("a.txt", other)


def test_an_output_of_other_settings_or_an_older_input_is_told(tmp_path, source):
    OutputFolder(tmp_path / "out", SETTINGS).write("a.txt", source, "text")
    with pytest.raises(InputError, match="other settings"):
        OutputFolder(tmp_path / "out", {**SETTINGS, "model": "big"}).is_done("a.txt", source)
    source.write_bytes(b"longer")
    with pytest.raises(InputError, match="earlier state"):
        OutputFolder(tmp_path / "out", SETTINGS).is_done("a.txt", source)


def test_a_file_that_someone_else_put_there_is_not_taken_for_done(tmp_path, source):
    folder = OutputFolder(tmp_path / "out", SETTINGS)
    (folder.folder / "a.txt").write_text("mine")
    with pytest.raises(InputError, match=r"outputs\.jsonl does not know it; .*--overwrite"):
        folder.is_done("a.txt", source)


def test_a_file_that_was_changed_is_not_taken_for_done(tmp_path, source):
    folder = OutputFolder(tmp_path / "out", SETTINGS)
    folder.write("a.txt", source, "text")
    (folder.folder / "a.txt").write_text("test")
    with pytest.raises(InputError, match=r"was changed since .*--overwrite"):
        OutputFolder(folder.folder, SETTINGS).is_done("a.txt", source)


def test_a_stop_between_record_and_file_leaves_the_old_file_undone(tmp_path, source, monkeypatch):
    folder = OutputFolder(tmp_path / "out", SETTINGS)
    folder.write("a.txt", source, "old")
    source.write_bytes(b"longer")

    def stop(text, path):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("vary.read.inputs.write_beside", stop)
        with pytest.raises(KeyboardInterrupt):
            folder.write("a.txt", source, "new")
    again = OutputFolder(folder.folder, SETTINGS)
    assert not again.is_done("a.txt", source)
    again.write("a.txt", source, "new")
    assert OutputFolder(folder.folder, SETTINGS).is_done("a.txt", source)


def test_other_weights_are_another_checkpoint(tmp_path):
    config, weights = touch(tmp_path, "config.json", "model.safetensors")
    first = checkpoint_digest(tmp_path)
    touch(tmp_path, "README.md")
    assert checkpoint_digest(tmp_path) == first
    weights.write_bytes(b"y")
    second = checkpoint_digest(tmp_path)
    config.write_bytes(b"y")
    assert len({first, second, checkpoint_digest(tmp_path)}) == 3


def test_failures_are_listed_for_the_last_run_only(tmp_path):
    folder = OutputFolder(tmp_path / "out", SETTINGS)
    folder.add_failure(Failure("ä.pdf", "is empty", page=2))
    listed = (folder.folder / "errors.jsonl").read_text(encoding="utf-8")
    assert json.loads(listed) == {"input": "ä.pdf", "page": 2, "reason": "is empty"}
    OutputFolder(tmp_path / "out", SETTINGS)
    assert not (folder.folder / "errors.jsonl").exists()


def test_a_folder_that_is_a_file(tmp_path, source):
    for path in (source, source / "out"):
        with pytest.raises(
            VaryError, match=r"--out .*a\.pdf.* cannot be written to .*give a folder"
        ):
            OutputFolder(path, SETTINGS)


def test_a_folder_that_may_not_be_written_to(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(VaryError, match=r"cannot be written to \(Permission denied\)"):
        OutputFolder(tmp_path / "out", SETTINGS)
