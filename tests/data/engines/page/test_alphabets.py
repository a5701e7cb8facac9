import pytest

from vary.data.engines.page.alphabets import CJK_SIGNS, chinese_alphabet, find_alphabet, has_cjk
from vary.data.engines.page.line_text import LATIN_ALPHABET
from vary.data.engines.page.line_text_zh import fold_chinese
from vary.errors import InputError


def test_the_chinese_alphabet_goes_on_behind_the_latin_one():
    alphabet = chinese_alphabet()
    assert alphabet.startswith(LATIN_ALPHABET)
    assert len(set(alphabet)) == len(alphabet)
    assert 6000 < len(alphabet) < 7500
    assert set(CJK_SIGNS) <= set(alphabet)
    assert set("的是國国龍龙，。（）「」") <= set(alphabet)


def test_characters_of_alphabets_are_what_is_read():
    for character in chinese_alphabet()[1:]:
        assert fold_chinese(character) == character, hex(ord(character))


def test_alphabets_by_name_and_file(tmp_path):
    assert find_alphabet("latin") == LATIN_ALPHABET
    assert find_alphabet("zh") == chinese_alphabet()
    path = tmp_path / "own.txt"
    path.write_text("甲乙\n乙丙\n", encoding="utf-8")
    assert find_alphabet(str(path)) == " 甲乙丙"
    assert has_cjk(find_alphabet(str(path)))
    assert not has_cjk(LATIN_ALPHABET)


def test_what_is_no_alphabet_is_refused(tmp_path):
    with pytest.raises(InputError, match="no alphabet 'klingon'"):
        find_alphabet("klingon")
    (tmp_path / "empty.txt").write_text(" \n", encoding="utf-8")
    with pytest.raises(InputError, match="is empty"):
        find_alphabet(str(tmp_path / "empty.txt"))
