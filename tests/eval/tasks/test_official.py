import math

import pytest

from vary.errors import InputError
from vary.eval.tasks.official import find_picture, plain_text, read_release, release_file


def test_a_key_that_stands_twice_is_refused(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"v1": {"a": 1}, "v2": {}, "v1": {"a": 2}}')
    with pytest.raises(InputError, match=r"a\.json.*'v1' stands twice"):
        read_release(file)


def test_nan_and_surrogates_are_read(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('\ufeff[NaN, "\\ud800", "\\ud83d\\ude00"]', encoding="utf-8")
    value, broken, whole = read_release(file)
    assert math.isnan(value)
    assert (broken, whole) == ("\ufffd", "😀")


@pytest.mark.parametrize("data", [b"\xff\xfe", b"{", b"[" * 100_000, b""])
def test_a_broken_file_is_named(tmp_path, data):
    file = tmp_path / "a.json"
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.json"):
        read_release(file)
    with pytest.raises(InputError, match=r"b\.json.*check the path"):
        read_release(tmp_path / "b.json")


def test_the_file_that_is_meant(tmp_path):
    with pytest.raises(InputError, match="holds no questions"):
        release_file(tmp_path, ("q*.json",), "questions")
    first = tmp_path / "q1.json"
    first.touch()
    assert release_file(tmp_path, ("q*.json", "*1.json"), "questions") == first
    assert release_file(first, (), "questions") == first
    (tmp_path / "q2.json").touch()
    with pytest.raises(InputError, match=r"q1\.json, q2\.json"):
        release_file(tmp_path, ("q*.json",), "questions")


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), ("", ""), (5, "5"), (0.5, "0.5"), (True, None), (None, None), ([], None),
     (float("nan"), None), (float("inf"), None)],
)  # fmt: skip
def test_plain_texts(value, text):
    assert plain_text(value) == text


def test_pictures(tmp_path):
    inner = tmp_path / "documents"
    inner.mkdir()
    (inner / "a.png").touch()
    folders = [tmp_path, inner]
    there = (str((inner / "a.png").resolve()),)
    for name in ("a.png", "documents/a.png", "documents\\a.png", "other/a.png"):
        assert find_picture(folders, name) == (there, "")
    assert find_picture(folders, "b.png")[1] == "picture b.png is missing"
    for name in ("../a.png", "/a.png", "C:/a.png", "x/../../a.png", "a\x00.png"):
        paths, reason = find_picture(folders, name)
        assert paths == ()
        assert "outside" in reason
    for name in (None, 5, "", float("nan")):
        assert find_picture(folders, name)[1].startswith("the name of its picture is")
