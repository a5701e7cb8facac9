"""What stands on a page: headings, paragraphs and lists, written from a corpus's paragraphs."""

import re
import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np

from vary.data.engines.page.blocks import Block, Run
from vary.data.engines.page.faces import Faces
from vary.data.engines.page.features import NO_FEATURES, PageFeatures
from vary.data.engines.page.notes import NOTE_CHARACTERS, Notes
from vary.data.engines.page.style import Align, HeadingStyle, PageStyle
from vary.data.engines.page.table import TableStyle
from vary.data.engines.page.table_text import TABLE_CHARACTERS, CaptionLook, TableTexts
from vary.data.engines.page.typeset import Color, TextStyle
from vary.data.fonts import FontFace

MAX_HEADING_WORDS = 9
MAX_HEADING_CJK = 16
MAX_ITEM_CHARACTERS = 400
NESTED_MARKERS = {"•": "–", "–": "•", "-": "*", "*": "-", "◦": "-", "▪": "–"}
# In Chinese a sentence goes on to the quotation mark or bracket that closes after its full stop.
SENTENCE_END = re.compile(
    r"(?<=[.!?;])\s+|(?<=[。！？；])(?![”’」』）。！？；])|(?<=[。！？；][”’」』）])(?![，。、；：！？])"
)
CLAUSE_END = re.compile(r"[。，；：！？、（）《》“”\s]+")
# Characters that some number or hyphen of a page may need beside its text.
FURNITURE = "0123456789.-()/*"
# Those of the further forms that page numbers and running feet take.
NUMBER_WORDS = "Pageof.[]·ivxlcd"
CJK_NUMBER_WORDS = "第页共頁"
# A bullet that every face has, where the drawn one is missing.
PLAIN_BULLET = "-"


def clean_text(text: str) -> str:
    """Return a text as it can be drawn: composed characters, no invisible ones, single spaces."""
    composed = unicodedata.normalize("NFC", text)
    for character in set(composed):
        if not character.isspace() and unicodedata.category(character) in {"Cc", "Cf"}:
            composed = composed.replace(character, "")
    return " ".join(composed.split())


class Writer:
    """Writes the blocks of one page from its paragraphs.

    Args:
        style: the page's look.
        faces: its fonts.
        paragraphs: cleaned texts, in the order they are used; never empty.
        rng: decides what becomes a heading, a list or a paragraph.
        cjk: headings are cut by the character, not by the word.
        features: tables and notes; by default neither.
        own: those of the paragraphs that are in the page's own script; None: all.
    """

    def __init__(
        self,
        style: PageStyle,
        faces: Faces,
        paragraphs: Sequence[str],
        *,
        rng: np.random.Generator,
        cjk: bool,
        features: PageFeatures = NO_FEATURES,
        own: Sequence[str] | None = None,
    ) -> None:
        self.style = style
        self.faces = faces
        self.paragraphs = paragraphs
        self.rng = rng
        self.cjk = cjk
        self.em_px = style.px(style.body_pt)
        self.leading_px = self.em_px * style.leading
        self.body = TextStyle(faces.body, self.em_px, style.ink)
        self.section = int(rng.integers(1, 9))
        self.subsection = 0
        slide = style.size == "slide"
        self.heading_share = float(rng.uniform(0.0, 0.35)) * (0.3 if slide else 1.0)
        self.list_share = float(rng.uniform(0.3, 0.8) if slide else rng.uniform(0.0, 0.25))
        self.emphasis_share = float(rng.choice([0.0, 0.15, 0.4]))
        self.shade_share = float(rng.choice([0.0, 0.08], p=[0.8, 0.2]))
        self.features = features
        self.own = paragraphs if own is None else own
        self.captions: CaptionLook | None = None
        self.notes: Notes | None = None
        if features.footnotes and rng.random() < features.footnotes:
            self.notes = Notes(style, faces, self.own, rng=rng, cjk=cjk)

    def blocks(self) -> Iterator[Block]:
        """Yield headings, paragraphs and lists until the paragraphs are used up."""
        # A page may begin in the middle of a section, and of a paragraph.
        first = True
        for text in self.paragraphs:
            if self.rng.random() < self.heading_share:
                yield self.heading(level=1 if self.rng.random() < 0.5 else 2)
            items = self._items(text)
            if items and self.rng.random() < self.list_share:
                yield from self._list(items)
            else:
                yield self._paragraph(text, continued=first and self.rng.random() < 0.3)
            first = False
            if self.features.tables and self.rng.random() < self.features.tables:
                yield self._table()

    def title(self) -> list[Block]:
        """Return the title of a page and perhaps a line under it."""
        size_px = self.em_px * float(self.rng.uniform(1.4, 2.2))
        heading = self.style.heading
        align: Align = "center" if self.rng.random() < 0.6 else "left"
        look = TextStyle(self._heading_face(heading), size_px, heading.color)
        text = self._phrase(capitals=heading.capitals)
        blocks = [
            Block("title", ((text, look),), align, size_px * 1.25, after_px=0.5 * self.leading_px)
        ]
        if self.rng.random() < 0.4:
            under = TextStyle(
                self.faces.italic or self.faces.body, self.em_px * 1.1, self.style.ink
            )
            runs = ((self._phrase(capitals=False), under),)
            blocks.append(
                Block("subtitle", runs, align, self.leading_px, after_px=0.8 * self.leading_px)
            )
        return blocks

    def heading(self, level: int) -> Block:
        """Return a heading of level 1 or 2, numbered as the page's headings are."""
        heading = self.style.heading
        scale = 1 + (heading.scale - 1) * (1.0 if level == 1 else 0.5)
        size_px = self.em_px * scale
        tracking = heading.tracking_em * size_px
        look = TextStyle(self._heading_face(heading), size_px, heading.color, tracking)
        number = self._section_number(level)
        text = f"{number} {self._phrase(capitals=heading.capitals)}" if number else ""
        text = text or self._phrase(capitals=heading.capitals)
        return Block(
            role="heading",
            runs=((text, look),),
            align=heading.align,
            leading_px=size_px * max(1.2, self.style.leading * 0.95),
            before_px=self.leading_px * (0.9 if level == 1 else 0.6),
            after_px=self.leading_px * 0.35,
            keep=True,
            rule=heading.color if heading.rule and level == 1 else None,
            level=level,
        )

    def running_head(self) -> str:
        """Return the text of a running head."""
        return self._phrase(capitals=self.rng.random() < 0.2 and not self.cjk)

    def _heading_face(self, heading: HeadingStyle) -> FontFace:
        return self.faces.heading if heading.bold else self.faces.body

    def _section_number(self, level: int) -> str:
        numbering = self.style.heading.numbering
        if level == 1:
            self.section, self.subsection = self.section + 1, 0
        else:
            self.subsection += 1
        if numbering == "none":
            return ""
        if numbering == "chapter" and level == 1:
            return f"第{self.section}章" if self.cjk else f"Chapter {self.section}."
        if numbering == "roman" and level == 1:
            return f"{roman(self.section)}."
        return f"{self.section}" if level == 1 else f"{self.section}.{self.subsection}"

    def _phrase(self, *, capitals: bool) -> str:
        """Return a few words from somewhere in the paragraphs, without a full stop."""
        text = self.own[int(self.rng.integers(len(self.own)))]
        if self.cjk:
            length = int(self.rng.integers(3, MAX_HEADING_CJK + 1))
            clauses = [part for part in CLAUSE_END.split(text) if len(part) > 1] or [text]
            return clauses[int(self.rng.integers(len(clauses)))][:length].strip()
        words = text.split()
        start = int(self.rng.integers(max(1, len(words) - MAX_HEADING_WORDS)))
        length = int(self.rng.integers(1, MAX_HEADING_WORDS + 1))
        phrase = " ".join(words[start : start + length]).strip(".,;:!?()[]“”‘’\"'— -")
        phrase = phrase or words[0]
        if capitals:
            return phrase.upper()
        return phrase[0].upper() + phrase[1:]

    def _paragraph(self, text: str, *, continued: bool) -> Block:
        style = self.style
        gap = style.paragraph_gap * self.leading_px
        shaded = self.rng.random() < self.shade_share
        runs = self._emphasised(text)
        return Block(
            role="paragraph",
            runs=runs if self.notes is None else self.notes.mark(runs),
            align=style.align,
            leading_px=self.leading_px,
            first_indent_px=0.0 if continued else style.indent_em * self.em_px,
            before_px=self.leading_px * 0.4 if shaded else 0.0,
            after_px=max(gap, self.leading_px * 0.7) if shaded else gap,
            shade=_shade(style.background) if shaded else None,
        )

    def _emphasised(self, text: str) -> tuple[Run, ...]:
        """Return the text with perhaps a few words in the italic or bold face."""
        faces = [face for face in (self.faces.italic, self.faces.bold) if face is not None]
        words = text.split(" ")
        if not faces or len(words) < 8 or self.rng.random() >= self.emphasis_share:
            return ((text, self.body),)
        face = faces[int(self.rng.integers(len(faces)))]
        start = int(self.rng.integers(len(words) - 4))
        end = start + int(self.rng.integers(1, 5))
        look = TextStyle(face, self.em_px, self.style.ink)
        parts = (words[:start], words[start:end], words[end:])
        runs = [(" ".join(part) + " ", look if part is parts[1] else self.body) for part in parts]
        return tuple(run for run in runs if run[0].strip())

    def _items(self, text: str) -> list[str]:
        sentences = [s for s in SENTENCE_END.split(text) if s.strip()]
        short = all(len(s) <= MAX_ITEM_CHARACTERS for s in sentences)
        return sentences if len(sentences) > 1 and short else []

    def _list(self, items: list[str]) -> Iterator[Block]:
        marker = self.style.list_marker
        nested = self.rng.random() < 0.2
        depth, numbers = 0, [0, 0]
        step = float(self.rng.uniform(1.3, 2.4)) * self.em_px
        gap = float(self.rng.choice([0.0, 0.25, 0.5])) * self.leading_px
        for at, text in enumerate(items):
            if nested and at:
                depth = int(self.rng.integers(2))
            numbers = [numbers[0] + 1, 0] if depth == 0 else [numbers[0], numbers[1] + 1]
            last = at == len(items) - 1
            yield Block(
                role="item",
                runs=((text, self.body),),
                align="left" if self.style.align in {"center", "right"} else self.style.align,
                leading_px=self.leading_px,
                indent_px=step * (depth + 1),
                marker=_item_marker(marker, numbers[depth], depth),
                before_px=0.3 * self.leading_px if at == 0 else 0.0,
                after_px=max(gap, 0.4 * self.leading_px) if last else gap,
                tight=at > 0,
                level=depth,
            )

    def _table(self) -> Block:
        """Return a table with its look, most of the time with a caption."""
        rng, style = self.rng, self.style
        texts = TableTexts(self.own, cjk=self.cjk)
        size_px = self.em_px * float(rng.choice([1.0, 0.95, 0.9, 0.85]))
        size_px = max(size_px, min(self.em_px, 10.0))
        body = TextStyle(self.faces.body, size_px, style.ink)
        strong = TextStyle(self.faces.bold or self.faces.body, size_px, style.ink)
        shade = _shade(style.background)
        table = texts.draw(rng, style.column_px / size_px, self.features.table_rules)
        lively = table.rules in {"none", "lines"}
        look = TableStyle(
            body=body,
            header=strong if rng.random() < 0.6 else body,
            first_column=strong if rng.random() < 0.15 else body,
            leading=size_px * min(style.leading, 1.35),
            pad_x=size_px * float(rng.uniform(0.4, 0.9)),
            pad_y=size_px * float(rng.uniform(0.1, 0.35)),
            full_width=bool(rng.random() < 0.5),
            header_shade=shade if rng.random() < 0.25 else None,
            stripe_shade=shade if lively and rng.random() < 0.25 else None,
            ink=style.ink,
        )
        if self.captions is None:
            self.captions = CaptionLook(rng)
        captioned = bool(rng.random() < 0.75)
        caption = ((texts.caption(rng, self.captions), body),) if captioned else ()
        gap = self.leading_px * float(rng.uniform(0.6, 1.1))
        return Block(
            role="table",
            runs=caption,
            align="center" if rng.random() < 0.7 else "left",
            leading_px=look.leading,
            before_px=gap,
            after_px=gap,
            table=(table, look),
            caption_below=self.captions.below,
        )


def furniture_characters(style: PageStyle, features: PageFeatures, *, cjk: bool) -> str:
    """Return the characters that numbers, heads and hyphens of a page may need beside its text."""
    more = CJK_NUMBER_WORDS if features.furniture and cjk else ""
    more += NUMBER_WORDS if features.furniture else ""
    more += TABLE_CHARACTERS if features.tables else ""
    more = more if cjk or not features.tables else more.replace("表", "") + "TABLE"
    more += NOTE_CHARACTERS if features.footnotes else ""
    chapter = {"chapter": "Chapter", "roman": "IVX"}.get(style.heading.numbering, "")
    numbers = "" if style.list_marker in NESTED_MARKERS else "abcdefghijklmnopqrstuvwxyz"
    return FURNITURE + numbers + chapter + more


def bullets(style: PageStyle) -> str:
    """Return the bullets that a page's lists may need, nested ones too; empty for numbers."""
    return style.list_marker + NESTED_MARKERS.get(style.list_marker, "")


def _item_marker(marker: str, number: int, depth: int) -> str:
    """Return a bullet, or a number in the bullet's form; nested ones differ."""
    if marker in NESTED_MARKERS:
        return NESTED_MARKERS[marker] if depth else marker
    if depth:
        return f"{_letter(number)})" if "1" in marker else f"{number}."
    if "1" in marker:
        return marker.replace("1", str(number))
    return marker.replace("a", _letter(number)).replace("i", roman(number).lower())


def _letter(number: int) -> str:
    return chr(ord("a") + (number - 1) % 26)


def roman(number: int) -> str:
    """Return a number below 50 in roman numerals."""
    parts = ((40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"))
    text = ""
    for value, letters in parts:
        count, number = divmod(number, value)
        text += letters * count
    return text


def _shade(background: Color) -> Color:
    """Return a colour a little nearer to the middle, for a box on a background."""
    step = -22 if sum(background) > 380 else 22
    red, green, blue = background
    return red + step, green + step, blue + step
