import numpy as np
import pytest

from vary.data.corpus import Paragraph, TextCorpus
from vary.errors import InputError


def write(folder, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


def test_each_line_is_a_paragraph(tmp_path):
    write(tmp_path, b="third\n", a="  first  one\t here \n\n\nsecond\r\n   \n")
    assert TextCorpus.from_folder(tmp_path).paragraphs == (
        Paragraph("first one here", "a.txt"),
        Paragraph("second", "a.txt"),
        Paragraph("third", "b.txt"),
    )


def test_subfolders_are_read_and_other_files_are_not(tmp_path):
    write(tmp_path / "deep" / "er", a="中文一行")
    (tmp_path / "b.md").write_text("no")
    assert [p.text for p in TextCorpus.from_folder(tmp_path).paragraphs] == ["中文一行"]


def test_byte_order_mark_is_no_text(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufefffirst".encode())
    assert TextCorpus.from_folder(tmp_path).paragraphs[0].text == "first"


def test_include_and_exclude(tmp_path):
    write(tmp_path, novel_1="a", novel_2="b", paper="c")

    def texts(**patterns) -> list[str]:
        return [p.text for p in TextCorpus.from_folder(tmp_path, **patterns).paragraphs]

    assert texts(include=["novel_*"]) == ["a", "b"]
    assert texts(exclude=["novel_1.txt", "pap*"]) == ["b"]
    assert texts(include=["novel_?.txt"], exclude=["*_2*"]) == ["a"]


def test_missing_folder(tmp_path):
    with pytest.raises(InputError, match=f"no text folder {tmp_path / 'none'}; give a folder of"):
        TextCorpus.from_folder(tmp_path / "none")


def test_a_file_is_no_folder(tmp_path):
    write(tmp_path, a="text")
    with pytest.raises(InputError, match="no text folder"):
        TextCorpus.from_folder(tmp_path / "a.txt")


@pytest.mark.parametrize(("text", "count"), [(None, 0), ("", 1), (" \n\t\n", 1)])
def test_folder_without_text(tmp_path, text, count):
    if text is not None:
        write(tmp_path, a=text)
    with pytest.raises(InputError, match=f"no text in {tmp_path}: {count} .txt files fit"):
        TextCorpus.from_folder(tmp_path)


def test_patterns_that_leave_nothing(tmp_path):
    write(tmp_path, a="text")
    with pytest.raises(InputError, match=r"0 \.txt files fit"):
        TextCorpus.from_folder(tmp_path, include=["b*"])


def test_file_that_is_not_utf8(tmp_path):
    (tmp_path / "old.txt").write_bytes("Käse".encode("latin-1"))
    with pytest.raises(InputError, match=r"old\.txt is not UTF-8 \(.*\); convert it first"):
        TextCorpus.from_folder(tmp_path)


def test_no_paragraph():
    with pytest.raises(InputError, match="the corpus holds no text"):
        TextCorpus([])


def test_draws_are_repeatable_and_reach_all():
    corpus = TextCorpus([Paragraph(str(number), "a") for number in range(5)])
    drawn = [
        [corpus.draw(rng).text for _ in range(60)]
        for rng in (np.random.Generator(np.random.PCG64(3)) for _ in range(2))
    ]
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == set("01234")


def test_files_of_one_name_are_told_by_their_folders(tmp_path):
    write(tmp_path / "x", same="a", other="b")
    write(tmp_path / "y", same="c")
    found = [(p.text, p.source) for p in TextCorpus.from_folder(tmp_path).paragraphs]
    assert found == [("b", "other.txt"), ("a", "x/same.txt"), ("c", "y/same.txt")]


def test_a_folder_that_ends_in_txt_is_no_file(tmp_path):
    write(tmp_path / "old.txt", a="text")
    assert [p.source for p in TextCorpus.from_folder(tmp_path).paragraphs] == ["a.txt"]


def test_file_that_cannot_be_read(tmp_path, monkeypatch):
    write(tmp_path, a="text")

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    with pytest.raises(InputError, match=r"a\.txt cannot be read \(Permission denied\)"):
        TextCorpus.from_folder(tmp_path)
