import pytest

from vary.data.engines.pdf.layer import Fragment, Piece
from vary.data.engines.pdf.order import read_order
from vary.data.engines.pdf.paragraphs import cut_paragraphs, join_lines, target_text

SIZE = 10.0


def fragment(text, y, x=50.0, right=None, size=SIZE):
    words = text.split(" ")
    letters = sum(map(len, words)) * 0.5 * size
    gap = 0.3 * size if right is None else (right - x - letters) / max(1, len(words) - 1)
    pieces, at = [], x
    for word in words:
        end = at + 0.5 * size * len(word)
        pieces.append(Piece(word, (at, y - 7, end, y + 2), bool(pieces)))
        at = end + gap
    return Fragment(pieces, y, size, (x, y - 7, pieces[-1].box[2], y + 2))


def text_of(fragments, target):
    return target_text(cut_paragraphs(read_order(fragments)), target)


FULL = 225.0


def test_white_space_parts_paragraphs():
    page = [
        fragment("one line of text that is full", 100, right=FULL),
        fragment("and its second line.", 112),
        fragment("another paragraph that is full", 130, right=FULL),
        fragment("ends here.", 142),
    ]
    assert text_of(page, "lines") == (
        "one line of text that is full\nand its second line.\n\n"
        "another paragraph that is full\nends here."
    )
    assert text_of(page, "paragraphs") == (
        "one line of text that is full and its second line.\n\n"
        "another paragraph that is full ends here."
    )


def test_an_indent_parts_paragraphs():
    page = [
        fragment("one line of text that is full", 100, right=FULL),
        fragment("and a second that is full too", 112, right=FULL),
        fragment("Indented words that go on", 124, x=65, right=FULL),
        fragment("in a line of their own here", 136, right=FULL),
    ]
    assert text_of(page, "paragraphs").count("\n\n") == 1
    assert "too\n\nIndented words that go on in a line" in text_of(page, "paragraphs")


def test_a_line_that_was_ended_on_purpose_ends_its_paragraph():
    page = [
        fragment("one line of text that is full", 100, right=FULL),
        fragment("ends here.", 112),
        fragment("New words begin without space", 124, right=FULL),
        fragment("and go on.", 136),
    ]
    assert "ends here.\n\nNew words" in text_of(page, "lines")


def test_items_follow_each_other_without_a_blank_line():
    page = [
        fragment("• first item of a list that is", 100, right=FULL + 10),
        fragment("long", 112, x=60),
        fragment("• second item", 124),
    ]
    assert text_of(page, "paragraphs") == "• first item of a list that is long\n• second item"


@pytest.mark.parametrize("start", ["[12] for all", "(3) of the", "4. It"])
def test_a_number_within_a_sentence_begins_no_item(start):
    page = [
        fragment("in packages such as Interpolations", 100, right=FULL),
        fragment(f"{start} polynomials and for others", 112, right=FULL),
        fragment("of many kinds.", 124),
    ]
    assert text_of(page, "paragraphs").startswith(f"in packages such as Interpolations {start}")


@pytest.mark.parametrize("x", [50.0, 62.0])
def test_numbers_that_hang_or_follow_an_end_are_items(x):
    page = [
        fragment("[1] A name of a book that is known", 100, right=FULL),
        fragment("and the house that brought it out.", 112, x=x, right=FULL),
        fragment("[2] A name of a book that is known", 124, right=FULL),
        fragment("and the houses of others which it", 136, x=62.0, right=FULL),
        fragment("[3] Third", 148),
    ]
    assert text_of(page, "paragraphs").count("\n[") == 2


def test_a_heading_of_another_size_stands_alone():
    page = [fragment("Heading", 100, size=14.0), fragment("words below it", 116)]
    assert text_of(page, "paragraphs") == "Heading\n\nwords below it"


@pytest.mark.parametrize(
    ("before", "after", "known", "joined"),
    [
        ("the run-", "ning text", (), "the running text"),
        ("a well-", "known fact", (), "a well-known fact"),
        ("a hot-", "dog here", ("hot-dog",), "a hot-dog here"),
        ("a cross-", "over here", ("crossover",), "a crossover here"),
        ("this is ex-", "posed here", (), "this is exposed here"),
        ("the so-", "lution", (), "the solution"),
        ("the so-", "called end", (), "the so-called end"),
        ("an easy-", "to-use tool", (), "an easy-to-use tool"),
        ("the state-of-", "the-art", (), "the state-of-the-art"),
        ("to-", "gether", (), "together"),
        ("Anglo-", "Saxon", (), "Anglo-Saxon"),
        ("COVID-", "19 cases", (), "COVID-19 cases"),
        ("one -", "two", (), "one - two"),
        ("pages 3-", "7 of it", (), "pages 3-7 of it"),
        ("a 1-", "to 2-digit number", (), "a 1- to 2-digit number"),
        ("a two-", "phase flow", (), "a two-phase flow"),
        ("set to VIRTIO_-", "PCI_CAP: the", (), "set to VIRTIO_PCI_CAP: the"),
        (
            "see https://a.github.",
            "io/R-for-all/ and",
            (),
            "see https://a.github.io/R-for-all/ and",
        ),
        ("github.com/some/", "Grid.jl/tree/", (), "github.com/some/Grid.jl/tree/"),
        ("(https://carpentries-", "lab.github.io/a", (), "(https://carpentries-lab.github.io/a"),
        ("see https://a.org/", "and others", (), "see https://a.org/ and others"),
        ("it is on https://a.org.", "Then it", (), "it is on https://a.org. Then it"),
        ("and/", "or that.", (), "and/ or that."),
        ("plain", "words", (), "plain words"),
        ("港口向北", "敞开", (), "港口向北敞开"),
        ("港口 PDF", "文件", (), "港口 PDF文件"),
    ],
)
def test_how_lines_are_joined(before, after, known, joined):
    assert join_lines(before, after, frozenset(known)) == joined


def test_a_word_on_the_page_decides_about_a_hyphen():
    page = [
        fragment("the data base and a data-base is", 100, right=FULL),
        fragment("one thing more for every data-", 112, right=FULL),
        fragment("base there is.", 124),
    ]
    assert "every data-base there" in text_of(page, "paragraphs")
    assert "data-\nbase" in text_of(page, "lines")


def column(lines, x=50.0, y=160.0, width=158.0):
    right = None if width is None else x + width
    return [fragment(line, y + 12 * row, x=x, right=right) for row, line in enumerate(lines)]


BODY = [
    "and goes on with small letters",
    "in lines that are full to the",
    "edge of their column so that",
    "nothing else tells where they",
    "begin and where they have an",
    "end that shows in the picture.",
]


def test_a_running_head_is_no_part_of_the_text_below():
    page = [fragment("Names of the authors here", 130), *column(BODY, y=155)]
    page.append(fragment("xii", 270, x=140))
    assert text_of(page, "lines") == ("Names of the authors here\n\n" + "\n".join(BODY) + "\n\nxii")


def test_a_paragraph_goes_on_in_the_next_column_where_its_line_was_full():
    left = [*BODY[:5], "end that shows in the column"]
    page = [*column(left), *column(BODY, x=240)]
    assert "in the column\nand goes on" in text_of(page, "lines")
    page[5] = fragment("short", 220)
    assert "short\n\nand goes on" in text_of(page, "lines")


def test_short_lines_follow_each_other_without_a_blank_line():
    listing = ["for (;;) {", "wait();", "}"]
    page = [*column(BODY), *column(listing, y=250, width=None), *column(BODY, y=310)]
    text = text_of(page, "lines")
    assert "picture.\n\nfor (;;) {\nwait();\n}\n\nand" in text


def test_a_line_that_goes_on_with_a_sentence_hangs_and_is_no_paragraph():
    page = [
        fragment("Term is what it is called by", 100, right=FULL),
        fragment("people who know of it", 112, x=65),
        fragment("Word is what is said of it, as", 130, right=FULL),
        fragment("well as of others", 142, x=65),
        fragment("Next is what comes after it,", 160, right=FULL),
        fragment("Monday or so", 172, x=65),
    ]
    assert text_of(page, "paragraphs").split("\n\n") == [
        "Term is what it is called by people who know of it",
        "Word is what is said of it, as well as of others",
        "Next is what comes after it, Monday or so",
    ]


def test_entries_of_a_table_of_contents_stay_apart():
    dots = " ".join("." * 8)
    page = column([f"1.{row} Title of a part {dots} {row}{row}" for row in range(1, 7)])
    assert text_of(page, "paragraphs").count("\n") == 5
    assert "\n\n" not in text_of(page, "paragraphs")


def test_lines_far_apart_are_paragraphs_even_if_all_are():
    page = [fragment(f"{row} words of a slide", 100 + 29 * row) for row in range(6)]
    assert text_of(page, "paragraphs").count("\n\n") == 5


def test_a_note_in_the_margin_does_not_widen_the_text():
    page = [*column(BODY), fragment("a note", 178, x=240)]
    # It stands between two lines; the others stay together.
    assert text_of(page, "lines").count("\n\n") <= 2
