import json

import pytest

from vary.read.results import (
    DocumentResult,
    LineResult,
    PageResult,
    WordResult,
    escape_markdown,
    render_pages,
    write_beside,
)


def page(number: int, num_pages: int = 3, **fields) -> PageResult:
    values = {"status": "ok", "text": f"text {number}", "markdown": f"md {number}"} | fields
    return PageResult("a.pdf", number, num_pages, **values)


THREE = [
    page(1),
    page(2, status="failed", reason="broken --> off", text="", markdown=""),
    page(3, status="loop", reason="cut", text="text 3\n\nmore"),
]


def test_txt_has_a_form_feed_for_every_page_after_the_first():
    text = "".join(render_pages(THREE, "txt"))
    assert text == "text 1\n\f\ftext 3\n\nmore\n"
    assert len(text.split("\f")) == 3


def test_md_names_every_page_and_what_became_of_it():
    assert "".join(render_pages(THREE, "md")) == (
        "<!-- page 1 -->\n\nmd 1\n\n"
        "<!-- page 2: failed: broken - -> off -->\n\n"
        "<!-- page 3: loop -->\n\nmd 3\n"
    )


def test_md_of_a_single_page_is_bare():
    assert "".join(render_pages([page(1, 1)], "md")) == "md 1\n"
    blank = page(1, 1, status="blank", text="", markdown="")
    assert "".join(render_pages([blank], "md")) == "<!-- page 1: blank -->\n"


def test_json_holds_every_page_with_its_number_and_decoders():
    words = (WordResult("über", (1, 2, 3, 4), 0.654321),)
    lines = (
        LineResult((1, 2, 3, 4), "über", 0.87654, "lm", line=0, words=words),
        LineResult((5, 6, 7, 8), "b", 0.5, "ctc", "ok", 1, 1, draft="x", fallback="truncated"),
    )
    pages = [*THREE, page(4, 4, lines=lines, confidence=0.123456, decoder="ctc", model="nano")]
    told = "".join(render_pages(pages, "json"))
    assert "über" in told
    value = json.loads(told)
    assert (value["input"], value["num_pages"], value["model"]) == ("a.pdf", 4, "nano")
    assert [item["page"] for item in value["pages"]] == [1, 2, 3, 4]
    assert [item["status"] for item in value["pages"]] == ["ok", "failed", "loop", "ok"]
    assert value["pages"][1]["reason"] == "broken --> off"
    last = value["pages"][3]
    assert (last["decoder"], last["decoders"]) == ("ctc", {"ctc": 1, "lm": 1})
    assert last["confidence"] == 0.1235
    assert last["lines"][1] == {
        "line": 1,
        "paragraph": 1,
        "box": [5, 6, 7, 8],
        "text": "b",
        "confidence": 0.5,
        "decoder": "ctc",
        "status": "ok",
        "fallback": "truncated",
        "words": [],
    }
    assert last["lines"][0]["words"] == [
        {"text": "über", "box": [1, 2, 3, 4], "confidence": 0.6543}
    ]


def test_jsonl_is_one_line_per_page():
    lines = "".join(render_pages(THREE, "jsonl")).splitlines()
    assert [json.loads(line)["page"] for line in lines] == [1, 2, 3]
    assert {json.loads(line)["input"] for line in lines} == {"a.pdf"}


def test_pages_are_written_while_they_come():
    def endless():
        yield page(1)
        raise AssertionError("asked for the second page before the first was given out")

    for form in ("txt", "md", "jsonl"):
        assert next(render_pages(endless(), form))


def test_an_unknown_format():
    with pytest.raises(ValueError, match=r"'docx'.*txt, md, json, jsonl"):
        render_pages(THREE, "docx")


def test_a_document(tmp_path):
    document = DocumentResult.collect(iter(THREE))
    assert (document.input, document.num_pages, document.failed_pages) == ("a.pdf", 3, (2,))
    assert document.text == "".join(render_pages(THREE, "txt"))
    assert document.markdown == "".join(render_pages(THREE, "md"))
    document.write(tmp_path / "a.json", "json")
    assert len(json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["pages"]) == 3
    with pytest.raises(ValueError, match="at least one page"):
        DocumentResult.collect([])


def test_a_file_is_written_wholly_or_not_at_all(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_beside("new \ud800", path)
    assert path.read_text() == "old"
    write_beside("new\f\n", path)
    assert path.read_bytes() == b"new\f\n"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("plain text, 50 % - and more.", "plain text, 50 % - and more."),
        ("*p* < 0.05 and `x`", r"\*p\* < 0.05 and \`x\`"),
        ("snake_case_name and _emphasis_", r"snake_case_name and \_emphasis\_"),
        ("a <b>tag</b>", r"a \<b>tag\</b>"),
        ("# 3 apples\n#hash", "\\# 3 apples\n#hash"),
        ("> quoted", r"\> quoted"),
        ("Title\n-----\n===", "Title\n\\-----\n\\==="),
        ("1. one\n- two", "1. one\n- two"),
        ("    indented", "indented"),
        (r"C:\dir", r"C:\\dir"),
        ("", ""),
        ("one\n\ntwo", "one\n\ntwo"),
    ],
)
def test_markdown_marks_are_shown_as_they_stand(text, escaped):
    assert escape_markdown(text) == escaped
