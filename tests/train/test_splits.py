"""What is held out where patterns match, and where they match nothing."""

import pytest

from vary.errors import VaryError
from vary.train.splits import share_by_hash, split_fonts, split_text


def texts_of(corpus):
    return {paragraph.text for paragraph in corpus.paragraphs}


def test_patterns_that_match_hold_out_what_they_say(tiny):
    texts, fonts = split_text(tiny().data), split_fonts(tiny().data)
    assert {p.source for p in texts.held_out.paragraphs} == {"held.txt"}
    assert {p.source for p in texts.learned.paragraphs} == {"learned.txt"}
    assert [f.path.name for f in fonts.held_out.faces] == ["held.ttf"]
    assert [f.path.name for f in fonts.learned.faces] == ["learned.ttf"]
    assert "2 of 5 paragraphs, the files held.txt" in texts.told


@pytest.mark.parametrize("patterns", ["[]", "[other*.txt]"])
def test_without_a_match_a_fiftieth_of_the_paragraphs_is_held_out(tiny, tmp_path, patterns):
    lines = [f"Paragraph number {number} of many." for number in range(2000)]
    (tmp_path / "a.txt").write_text("\n".join(lines), encoding="utf-8")
    split = split_text(tiny(f"data.text={tmp_path}", f"data.text_exclude={patterns}").data)
    learned, held = texts_of(split.learned), texts_of(split.held_out)
    assert learned | held == set(lines) and not learned & held
    assert 20 <= len(held) <= 60
    assert "by hash, since text_exclude matches no file" in split.told
    # The choice hangs on the paragraph alone, not on the files around it.
    (tmp_path / "b.txt").write_text("One more.\n", encoding="utf-8")
    (tmp_path / "a.txt").rename(tmp_path / "z.txt")
    again = split_text(tiny(f"data.text={tmp_path}", f"data.text_exclude={patterns}").data)
    assert texts_of(again.held_out) - {"One more."} == held


def test_at_least_one_paragraph_is_held_out(tiny, tmp_path):
    (tmp_path / "a.txt").write_text("One.\nTwo.\n", encoding="utf-8")
    split = split_text(tiny(f"data.text={tmp_path}").data)
    assert [len(texts_of(part)) for part in (split.learned, split.held_out)] == [1, 1]
    (tmp_path / "a.txt").write_text("One.\n", encoding="utf-8")
    split = split_text(tiny(f"data.text={tmp_path}").data)
    assert texts_of(split.learned) == texts_of(split.held_out) == {"One."}
    assert "learned and measured" in split.told


def test_one_family_is_learned_and_measured_and_the_log_says_so(tiny):
    split = split_fonts(tiny("data.font_held_out=[Other*]").data)
    assert split.learned.faces == split.held_out.faces
    assert "is both learned and measured" in split.told


def test_without_a_match_a_family_that_can_draw_letters_is_held_out(tiny, monkeypatch):
    data = tiny("data.font_held_out=[]").data
    whole = split_fonts(data).learned
    one, other = whole.faces
    faces = [
        type(one)(face.path, 0, family, "Regular")
        for face, family in ((one, "Letters"), (other, "More letters"), (one, "Signs"))
    ]
    library = type(whole)(faces)
    monkeypatch.setattr(library, "missing", lambda f, text: {"a"} if f.family == "Signs" else set())
    monkeypatch.setattr("vary.train.splits.FontLibrary.discover", lambda *_, **__: library)
    split = split_fonts(data)
    assert len(split.held_out.families) == 1 and "Signs" not in split.held_out.families
    assert set(split.learned.families) | set(split.held_out.families) == set(library.families)
    assert "by hash, since font_held_out matches no font" in split.told


@pytest.mark.parametrize(
    ("override", "split", "told"),
    [
        ("data.text_exclude=['*']", split_text, "data.text_exclude matches every file"),
        ("data.font_held_out=['*']", split_fonts, "data.font_held_out matches every font"),
    ],
)
def test_nothing_left_to_learn_from_is_told(tiny, override, split, told):
    with pytest.raises(VaryError, match=told):
        split(tiny(override).data)


def test_a_share_by_hash():
    names = [f"name {number}" for number in range(1000)]
    chosen = share_by_hash(names, 0.1)
    assert 70 <= len(chosen) <= 130
    assert chosen & set(names[:500]) == share_by_hash(names[:500], 0.1)
    assert len(share_by_hash(["a", "b"], 0.0)) == len(share_by_hash(["a", "b"], 1.0)) == 1
    assert share_by_hash(["a"], 0.5) == {"a"}
