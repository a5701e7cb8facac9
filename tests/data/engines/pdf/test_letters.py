import pytest

from vary.data.engines.pdf.letters import count_cid, has_undecoded, is_cjk, normal_text


@pytest.mark.parametrize(
    ("drawn", "written"),
    [
        ("\ufb01nal", "final"),
        ("o\ufb03ce", "office"),
        ("\u2f08", "人"),  # a radical that broken glyph maps give
        ("\uf9e4", "理"),
        ("\U0001d465", "x"),
        ("e\u0301", "é"),
        ("co\u200boperate", "cooperate"),
        ("well\xad", "well-"),
        ("non\u2011stop\u2010go", "non-stop-go"),  # they look as the common hyphen
        ("\u2211\ufe02", "\u2211"),  # which variant of a sign
        ("o\u21b5-the-shelf", "off-the-shelf"),  # fonts whose glyphs have no names
        ("di\u21b5erent", "different"),
        ("Tradeo\u21b5", "Tradeoff"),
        ("Enter\u21b5", "Enter\u21b5"),
        ("\u21b5", "\u21b5"),
        ("nnn\u0338=111", "nnn≠111"),  # TeX's stroke stands before what it negates
        ("\u0338∈", "∉"),
        ("x\u0338", "x\u0338"),
        ("plain", "plain"),
        # These look other than their plain forms.
        ("ＡＢ，", "ＡＢ，"),
        ("m²", "m²"),
        ("①", "①"),
        ("…", "…"),
    ],
)
def test_words_are_written_by_the_stated_policy(drawn, written):
    assert normal_text(drawn) == written


def test_which_characters_stand_alone():
    assert all(map(is_cjk, "中，ーＡ々𠀀"))
    assert not any(map(is_cjk, "aé1—“•"))


def test_which_characters_stand_for_nothing():
    assert all(map(has_undecoded, "\ufffd\ue012\uf8ff\U000f0001\x03"))
    assert not any(map(has_undecoded, "a中 \t\n\x7f•"))


def test_cid_words_are_counted():
    assert count_cid("(cid:12)a(cid:7)") == 15
    assert count_cid("(cider)") == 0
