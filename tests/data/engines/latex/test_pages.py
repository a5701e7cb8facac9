"""What stands on which page, without TeX: the marks are written by hand."""

import pytest

from vary.data.engines.base import Reject
from vary.data.engines.latex.pages import (
    find_cut,
    page_target,
    place_atoms,
    read_marks,
    runs_markdown,
    squeeze,
)
from vary.data.engines.latex.pieces import Block, Run
from vary.data.engines.latex.templates import TEMPLATES, Look
from vary.data.engines.latex.typeset import Atom, escape, write_document

LOOK = Look(
    20, 20, 1.0, "000000", "arabic", "plain", False, "own", True, False, "--", "1.", None, 3
)


def document(*blocks, language="en"):
    return write_document(blocks, TEMPLATES["article"], LOOK, language)


def marks(*lines):
    return read_marks(f"{name} 0 0 {page}" for name, page in lines)


def test_english_pages_end_between_words():
    made = document(
        Block("heading", (Run("text", "On sums"),), 2),
        Block("paragraph", (Run("text", "We add "), Run("inline", "a"), Run("text", "-many big."))),
        Block("item", (Run("text", "Item here"),), 1, "number"),
    )
    words = [atom.segments[0][0] if atom.segments else atom.latex for atom in made.atoms]
    assert words == ["1", "On", "sums", "We", "add", "a", "-many", "big.", "Item", "here"]
    on = marks(*((str(n), 1 if n < 7 else 2) for n in range(10)), ("5e", 1))
    places = place_atoms(made, on)
    texts = ["1 On sums We add a -many", "big. 1. Item here"]
    assert page_target(made, places, 1, texts) == "## 1 On sums\n\nWe add \\(a\\)-many"
    assert page_target(made, places, 2, texts) == "big.\n\n1. Item here"
    with pytest.raises(Reject, match="not on its page"):
        page_target(made, places, 1, ["something else", ""])


def test_what_tex_left_out_is_not_in_the_target():
    made = document(
        Block("paragraph", (Run("text", "Then"), Run("display", "x=1"), Run("text", "so.")))
    )
    places = place_atoms(made, marks(("0", 1), ("2", 1)))
    assert page_target(made, places, 1, ["Then so."]) == "Then so."
    places = place_atoms(made, marks(("0", 1), ("1", 1), ("2", 1)))
    assert page_target(made, places, 1, ["Then x=1 so."]) == "Then\n\n\\[x=1 \\tag{6}\\]\n\nso."


def test_a_formula_over_two_pages_is_refused():
    made = document(Block("paragraph", (Run("inline", "a+b"),)))
    places = place_atoms(made, marks(("0", 1), ("0e", 2)))
    with pytest.raises(Reject, match="breaks across pages"):
        page_target(made, places, 1, ["", ""])


def test_chinese_pages_end_where_their_text_layers_do():
    made = document(
        Block(
            "paragraph",
            (Run("text", "今天天气很好，我们去公园。"), Run("inline", "x"), Run("text", "完。")),
        ),
        language="zh",
    )
    places = place_atoms(made, marks(("0b", 1), ("1", 2), ("1e", 2), ("2z", 2)))
    texts = ["今天天气很好，我们", "去公园。x 完。"]
    assert page_target(made, places, 1, texts) == "今天天气很好，我们"
    assert page_target(made, places, 2, texts) == "去公园。\\(x\\)完。"


def test_cuts():
    assert find_cut("甲乙丙，丁", "前甲乙丙", "丁后") == 4
    with pytest.raises(Reject, match="not on its page"):
        find_cut("甲乙", "丙", "丁")


def test_marks_of_hostile_files_are_ignored():
    assert read_marks(["", "1 2", "a b c d", "7 1 2 3", "8 1 2 -3"]) == {"7": 3}


def test_styles_in_markdown():
    atoms = [
        Atom(0, "text", (("a", "bold"),)),
        Atom(0, "text", (("b", "bold"),), space_before=True),
        Atom(0, "inline", latex="x", space_before=True),
        Atom(0, "text", (("c", "code"),), space_before=True),
    ]
    assert runs_markdown(atoms) == "**a b** \\(x\\) `c`"


def test_squeeze_undoes_ligatures_and_hyphens():
    assert squeeze("eﬃ-\ncient, A") == "efficienta"


@pytest.mark.parametrize("text", ["\\input{x}", "a_b^c~d", "50% & #1 {x} $5", "``,,<<--"])
def test_no_printed_character_is_a_command(text):
    written = escape(text)
    for command in ("\\input", "``", ",,", "<<", "--"):
        assert command not in written.replace("\\textbackslash{}input", "")
    assert written.count("{") == written.count("}")
