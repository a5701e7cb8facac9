import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from vary.eval.report import build_report, write_html
from vary.eval.report.page import html_page
from vary.eval.tasks.base import Metric, TaskInfo

HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "</pre></style></title><style>*{display:none}</style><!-- '\" &lt; \x00\x07\ud800 \u202eevil"
)
# What a report is made of: nothing that runs, loads or sends.
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "section", "article"),
    *("h1", "h2", "h3", "h4", "p", "b", "span", "dl", "dt", "dd", "ul", "li", "div", "pre"),
    *("table", "thead", "tbody", "tr", "th", "td", "caption", "figure", "figcaption"),
    *("img", "del", "ins", "details", "summary"),
    *("svg", "g", "line", "rect", "circle", "path", "polyline", "text", "defs", "pattern"),
}
UNCLOSED = {"meta", "img", "br"}


class Checked(HTMLParser):
    """Sees that tags are closed in order, and none is there that should not be."""

    def __init__(self, source):
        super().__init__()
        self.open, self.headings, self.sources, self.texts = [], [], [], []
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, name, attributes):
        assert name in ALLOWED, name
        for key, value in attributes:
            assert not key.startswith("on") and key not in {"style", "href"}, key
            if key == "src":
                self.sources.append(value)
        if name not in UNCLOSED:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        if self.open and self.open[-1] in {"h1", "h2", "h3"}:
            self.headings.append(data)
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(self.texts)


def test_all_sections_are_there(two_systems):
    page = Checked(html_page(build_report(two_systems)))
    sections = ("Results", "Paired comparison", "By group", "Kinds of errors", "Missing answers")
    assert [h for h in page.headings if h in {*sections, "Worst answers"}] == [
        *sections,
        "Worst answers",
    ]
    assert page.headings[0] == "OCR of pages"
    assert page.headings[-1] == "How to read the numbers"
    for told in ("made pages", "0f" * 32, "vary 0.1.0", "6 prompts of 3 documents", "timed out"):
        assert told in page.text
    assert len(page.sources) == 6
    assert all(source.startswith("data:image/webp;base64,") for source in page.sources)


def test_answers_and_names_are_text(make):
    truths = {f"{HOSTILE}{i}": f"{HOSTILE} truth {i}" for i in range(25)}
    answers = dict.fromkeys(truths, HOSTILE * 3)
    evaluation = make(
        truths,
        {f"{HOSTILE}a": answers, f"{HOSTILE}b": {}},
        groups={name: {HOSTILE: [HOSTILE, str(i % 2)]} for i, name in enumerate(truths)},
        documents={name: HOSTILE + name[-1] for name in truths},
    )
    task = replace(evaluation.task, title=HOSTILE, notes=(HOSTILE,), paper=HOSTILE)
    evaluation = replace(
        evaluation, task=task, data=HOSTILE, data_hash=HOSTILE, versions={HOSTILE: HOSTILE}
    )
    source = html_page(build_report(evaluation))
    page = Checked(source)
    source.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\ud800-\udfff]", source)
    assert source.count("<style>") == source.count("</style>") == 1
    assert "U+202E" in page.texts and "U+D800" in page.texts
    assert len(page.sources) == 12


def test_questions_show_the_answers_below_one_another(make):
    task = TaskInfo("q", "Questions", (Metric("accuracy", "Accuracy", "higher", 0, 100),))
    truths = {"a": "12", "b": "13"}
    systems = {"one": {"a": "11", "b": "13"}, "two": {"a": "<i>", "b": "13"}, "three": {}}
    page = Checked(html_page(build_report(make(truths, systems, task=task))))
    for told in ("Question a?", "12", "11", "<i>", "No answer: timed out"):
        assert told in page.texts
    assert "Question b?" not in page.texts
    assert "Kinds of errors" not in page.texts


def test_scripts_and_outside_content_are_forbidden(two_systems):
    source = html_page(build_report(two_systems))
    (policy,) = re.findall('http-equiv="Content-Security-Policy" content="([^"]*)"', source)
    (style,) = re.findall("<style>(.*?)</style>", source, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert "http://" not in source and "https://" not in source and "url(" not in style
    # The policy stands before all that it rules.
    assert source.index("Content-Security-Policy") < source.index("<style>")


def test_long_answers_are_cut_and_told(make):
    truths = {"p": "short truth", "q": "other"}
    evaluation = make(truths, {"s": {"p": "W" * 1_000_000, "q": "word " * 200_000}})
    source = html_page(build_report(evaluation))
    assert len(source) < 200_000
    assert "… 994,000 more characters" in Checked(source).text


def test_a_broken_and_a_missing_picture_are_told(make, tmp_path):
    evaluation = make({"p": "one", "q": "two", "r": "six"}, {"s": {"p": "1", "q": "2", "r": "3"}})
    (tmp_path / "0.png").write_bytes(b"\x89PNG broken")
    (tmp_path / "1.png").unlink()
    evaluation.prompts["r"] = replace(evaluation.prompts["r"], images=())
    page = Checked(html_page(build_report(evaluation)))
    told = " ".join(page.texts)
    assert "No picture shown: the picture is broken (UnidentifiedImageError)" in told
    assert "the picture is missing" in told and "no picture" in told
    assert page.sources == []


@pytest.mark.parametrize(
    ("truths", "systems", "told"),
    [
        ({}, {"s": {}}, "0 prompts of 0 documents"),
        ({"p": "t"}, {}, "1 prompt of 1 document"),
        ({"p": "t"}, {"s": {}}, "None: no answer could be scored."),
        ({"p": "t"}, {"s": {"p": "t"}}, "None: all are perfect."),
        ({"p": ""}, {"s": {"p": ""}, "t": {"p": "x"}}, "too few documents to tell"),
    ],
)
def test_degenerate_reports(make, truths, systems, told):
    assert told in Checked(html_page(build_report(make(truths, systems)))).text


def test_a_metric_that_no_answer_has(two_systems):
    for system in two_systems.systems:
        for score in system.scores.values():
            score.values.clear()
    assert "None: no answer could be scored." not in html_page(build_report(two_systems))


def test_many_groups_reasons_and_ids_are_cut(make):
    truths = {f"p{i}": "t" for i in range(300)}
    evaluation = make(
        truths, {"s": {}}, groups={name: {"each": name} for name in truths}, pictures=False
    )
    scores = evaluation.systems[0].scores
    for i, (name, score) in enumerate(scores.items()):
        scores[name] = replace(score, reason=f"reason {i % 40}")
    page = Checked(html_page(build_report(evaluation)))
    assert "… 240 more groups: see the JSON report" in page.text
    assert "for 28 more reasons" in page.text and "… 200 more" in page.text


def test_figure_of_lengths(make):
    truths = {f"p{i}": "x" * (10 + 30 * i) for i in range(60)}
    answers = {name: truth + "yy" for name, truth in truths.items()}
    evaluation = make(truths, {"one": answers, "two": truths}, pictures=False)
    source = html_page(build_report(evaluation))
    assert "Score by length of the text" in Checked(source).texts
    assert source.count("<polyline") == 2
    assert not re.search(r"\b(nan|inf)\b", source)


def test_the_same_report_gives_the_same_file(two_systems, tmp_path):
    for name in ("a.html", "b.html"):
        write_html(build_report(two_systems), tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert not list(tmp_path.glob("*.partial"))
