from html.parser import HTMLParser

import pytest

from vary.markup import Html, join, plain, tag, text


class Parsed(HTMLParser):
    def __init__(self, source):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(source)

    def handle_starttag(self, name, attributes):
        self.tags.append((name, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "</style><b>",
        "</pre></textarea>",
        "\"'><img src=x onerror=alert(1)>",
        "&lt;b&gt; &amp; &#60;b&#62;",
        "<!-- ",
        "]]>",
        "plain\n\ttext",
    ],
)
def test_a_text_comes_back_as_it_was_and_is_no_markup(source):
    found = Parsed(tag("pre", source, title=source))
    assert found.tags == [("pre", {"title": source})]
    assert "".join(found.texts) == source


@pytest.mark.parametrize(
    ("character", "shown"),
    [
        ("\x00", "U+0000"),
        ("\x1b", "U+001B"),
        ("\r", "U+000D"),
        ("\x7f", "U+007F"),
        ("\u202e", "U+202E"),
        ("\u2066", "U+2066"),
        ("\u200b", "U+200B"),
        ("\ufeff", "U+FEFF"),
        ("\ud800", "U+D800"),
        ("\U000e0041", "U+E0041"),
        ("\uffff", "U+FFFF"),
    ],
)
def test_what_is_not_seen_is_shown_as_its_code_point(character, shown):
    assert f">{shown}</span>" in text(f"a{character}b")
    assert character not in text(character) and character not in tag("a", title=character)
    assert plain(character) == f"[{shown}]"
    text(character).encode("utf-8")


def test_stacks_of_marks_are_cut():
    shown = text("e" + "\u0301" * 9)
    assert shown.startswith("e" + "\u0301" * 3 + "<span")
    assert shown.count("U+0301") == 6


def test_letters_of_all_scripts_stay():
    source = "naïve 港口 ελ привет שלום مرحبا हिन्दी 한국어 🙂"
    assert text(source) == source


def test_html_is_not_escaped_again():
    assert tag("p", tag("b", "<"), None, Html("<br>")) == "<p><b>&lt;</b><br></p>"
    assert join(["<", Html("<i>")], ", ") == "&lt;, <i>"


def test_attributes():
    shown = tag("img", class_="a", aria_hidden="true", hidden=True, alt=None, lazy=False, width=3)
    assert shown == '<img class="a" aria-hidden="true" hidden width="3">'
