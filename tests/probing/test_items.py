"""Sets and folders of pictures as one sequence of samples, and the scripts of characters."""

import pytest

from vary.errors import InputError
from vary.probing.items import chosen_rows, load_items
from vary.probing.scripts import main_script, script_of

from .conftest import line_picture, page_sample, write_set


def test_sets_and_folders_of_pictures(pages, tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    for name in ("one", "two"):
        line_picture(name).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(name)
    items = load_items([pages, folder])
    assert len(items) == 14 and len({item.id for item in items}) == 14
    assert items[0].group == "document (en)" and items[-1].group == "page"
    assert items[-1].read()[0].size == items[-1].sizes[0]
    assert items[0].turns[0]["content"] == "<image>\nProvide the OCR results of this image."
    assert items[-1].turns[1]["content"] == items[-1].text == "two"


def test_a_picture_that_is_none_says_so(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (tmp_path / "bad.txt").write_text("bad")
    (item,) = load_items([tmp_path])
    assert "cannot be decoded" in item.reason


def test_a_limit_takes_the_same_samples_each_time(pages):
    few = load_items([pages], 5)
    assert [item.id for item in few] == [item.id for item in load_items([pages], 5)]
    assert len(few) == 5 and len(load_items([pages], 99)) == 12
    assert chosen_rows(100, 3) != [0, 1, 2]


def test_data_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        load_items([tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no"):
        load_items([tmp_path / "empty"])


def test_documents_go_together(tmp_path):
    meta = ['{"document": "a"}', '{"document": "a"}', "[1]", "no json"]
    samples = [page_sample(n, meta=value) for n, value in enumerate(meta)]
    items = load_items([write_set(tmp_path / "set", samples)])
    assert [item.unit for item in items] == ["a", "a", "page/2", "page/3"]


@pytest.mark.parametrize(
    ("characters", "script"),
    [
        ("aÉß", "Latin"), ("漢字〇", "Han"), ("Жя", "Cyrillic"), ("Ωά", "Greek"),
        ("ქღ", "Georgian"),        ("한글", "Hangul"), ("あア", "kana"), ("א", "Hebrew"),
        ("हि", "Devanagari"), ("ش", "Arabic"),
        ("07２①", "digits"), (".,«—€+，。", "signs"), (" \u3000", "space"), ("Ａ", "Latin"),
    ],
)  # fmt: skip
def test_scripts(characters, script):
    assert {script_of(character) for character in characters} == {script}


def test_the_script_of_a_line_is_that_of_its_letters():
    assert main_script("1234567 Жук, no") == "Cyrillic"
    assert main_script("12, 13") == "digits" and main_script("") == "signs"
