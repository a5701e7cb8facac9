"""Paragraphs into visual lines: words, spaces, hyphens, and Chinese by the character."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from vary.data.engines.page.typeset import TextStyle, Typesetter

# What may not begin or end a line (after GB/T 15834 and JIS X 4051).
NO_LINE_START = frozenset("、。，．：；？！）】》」』〉〕％…～·”’,.:;?!)]}%")
NO_LINE_END = frozenset("（【《「『〈〔“‘([{")

# A justified line may be set this much tighter than its natural spaces: half of what TeX allows,
# since in fonts with narrow spaces words would else run together.
MAX_SPACE_SHRINK = 0.15
# Hyphenate where the line would else be shorter than the column by this share of it.
MIN_SHORTFALL_TO_HYPHENATE = 0.06
MIN_HYPHENATED_LETTERS = 6
VOWELS = frozenset("aeiouy")
DIGRAPHS = frozenset({"ch", "ck", "gh", "ph", "qu", "sh", "th"})

# How a line is joined to the next one of its paragraph: with a space, as it stands, or without
# the hyphen that only the line break brought.
Join = Literal["space", "none", "soft"]


@dataclass(frozen=True)
class Piece:
    """What is broken only if it alone is too wide: a word, or one Chinese character.

    Attributes:
        text: its characters.
        style: how they are drawn.
        space: a space stands before it, unless it begins a line.
        width: px, of the text alone.
    """

    text: str
    style: TextStyle
    space: bool
    width: float


@dataclass(frozen=True)
class BrokenLine:
    """The pieces of a visual line, how it goes on, and whether it ends its paragraph."""

    pieces: tuple[Piece, ...]
    join: Join
    last: bool = False

    @property
    def text(self) -> str:
        """The line as it is read."""
        return pieces_text(self.pieces)


@dataclass(frozen=True)
class LineRule:
    """How a paragraph is broken.

    Attributes:
        width_px: of all lines but the first.
        first_width_px: of the first line, which may be indented.
        justify: spaces may be set tighter, since they are stretched to the column anyway.
        hyphenate: words may be hyphenated; hyphens that are there already always break.
    """

    width_px: float
    first_width_px: float
    justify: bool
    hyphenate: bool


def is_cjk(character: str) -> bool:
    """Whether lines may be broken before and after a character: Chinese, kana, wide punctuation."""
    code = ord(character)
    return (
        0x2E80 <= code <= 0x312F  # radicals, punctuation, kana, bopomofo
        or 0x3190 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0xFE30 <= code <= 0xFE4F
        or 0xFF01 <= code <= 0xFF60
        or 0x20000 <= code <= 0x3FFFF
    )


# Single characters of `is_cjk`, white space (there is a wide one), and all else.
_CJK = "\u2e80-\u312f\u3190-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\U00020000-\U0003ffff"
_WORDS_AND_SPACES = re.compile(rf"[{_CJK}]|[^\S{_CJK}]+|[^\s{_CJK}]+")


def make_pieces(runs: Sequence[tuple[str, TextStyle]], setter: Typesetter) -> list[Piece]:
    """Return the pieces of a text that is given in runs of one style each."""
    pieces: list[Piece] = []
    space = False
    for text, style in runs:
        known: dict[tuple[str, bool], Piece] = setter.pieces.setdefault(style, {})
        for part in _words_and_spaces(text):
            piece = known.get((part, space))
            if piece is None:
                if part.isspace():
                    space = True
                    continue
                piece = known[part, space] = _piece(part, style, setter, space=space)
            pieces.append(piece)
            space = False
    return pieces


def _piece(part: str, style: TextStyle, setter: Typesetter, *, space: bool) -> Piece:
    look = style
    if setter.second is not None and is_of_second(part, setter):
        look = replace(style, face=setter.second)
    return Piece(part, look, space, setter.width(part, look))


def is_of_second(text: str, setter: Typesetter) -> bool:
    """Return whether a piece is in the script that the page's second face draws."""
    if setter.second_is_cjk:
        return is_cjk(text[0])
    return text.isascii()


def words_of(text: str) -> list[str]:
    """Return the words and single wide characters of a text."""
    return [part for part in _words_and_spaces(text) if not part.isspace()]


def pieces_text(pieces: Sequence[Piece]) -> str:
    """Return the text of a line's pieces."""
    parts = [(" " if piece.space and at else "") + piece.text for at, piece in enumerate(pieces)]
    return "".join(parts)


def break_lines(pieces: Sequence[Piece], rule: LineRule, setter: Typesetter) -> list[BrokenLine]:
    """Break a paragraph, line by line, each as full as it goes."""
    lines: list[BrokenLine] = []
    rest = list(pieces)
    while rest:
        width = rule.width_px if lines else rule.first_width_px
        fitting = _count_fitting(rest, width, rule.justify, setter)
        line, rest, join = _cut(rest, fitting, width, rule, setter)
        if not rest:
            join = "space"
        lines.append(BrokenLine(tuple(line), join, last=not rest))
    return lines


def gaps(line: Sequence[Piece], setter: Typesetter) -> list[float]:
    """Return the natural space before each piece of a line, px; none before the first."""
    return [
        setter.space(piece.style) if piece.space and at else 0.0 for at, piece in enumerate(line)
    ]


def is_stretchable(line: Sequence[Piece], at: int) -> bool:
    """Whether justifying may widen the gap before a piece."""
    piece, before = line[at], line[at - 1]
    if piece.style.note and not piece.space:
        return False
    return at > 0 and (piece.space or is_cjk(piece.text[0]) or is_cjk(before.text[-1]))


def hyphenation_points(word: str) -> list[int]:
    """Return where a word may be broken with a hyphen: between syllables, by a simple rule.

    A break stands between a vowel and a consonant that a vowel follows (pa-per), or between two
    consonants among vowels (win-dow) that are not one sound (th, ph), with two letters before and
    three after it. It is not a dictionary's hyphenation: what is asked is lines that end in
    hyphens, not good style.
    """
    if len(word) < MIN_HYPHENATED_LETTERS or not (word.isascii() and word.isalpha()):
        return []
    if not word[1:].islower():
        return []
    vowel = [letter in VOWELS for letter in word.lower()]
    between = [
        at
        for at in range(2, len(word) - 2)
        if (vowel[at - 1] and not vowel[at] and vowel[at + 1])
        or (vowel[at - 2] and not vowel[at - 1] and not vowel[at] and vowel[at + 1])
    ]
    return [at for at in between if word[at - 1 : at + 1] not in DIGRAPHS]


def _words_and_spaces(text: str) -> list[str]:
    """Return words, single wide characters and white space, which together are the text."""
    return _WORDS_AND_SPACES.findall(text)


def _count_fitting(pieces: Sequence[Piece], width: float, justify: bool, setter: Typesetter) -> int:
    """Return how many pieces fit a width; a tail that may not be parted goes to the next line."""
    used = 0.0
    for count, piece in enumerate(pieces):
        gap = setter.space(piece.style) if piece.space and count else 0.0
        used += gap * (1 - MAX_SPACE_SHRINK if justify else 1) + piece.width
        if used > width:
            return _back_to_a_break(pieces, count)
    return len(pieces)


def _back_to_a_break(pieces: Sequence[Piece], count: int) -> int:
    at = count
    while at > 0 and not _may_break(pieces, at):
        at -= 1
    return at or count


def _may_break(pieces: Sequence[Piece], at: int) -> bool:
    before, after = pieces[at - 1].text[-1], pieces[at].text[0]
    if pieces[at].space:
        return True
    if after in NO_LINE_START or before in NO_LINE_END or pieces[at].style.note:
        return False
    return is_cjk(before) or is_cjk(after)


def _cut(
    pieces: list[Piece], fitting: int, width: float, rule: LineRule, setter: Typesetter
) -> tuple[list[Piece], list[Piece], Join]:
    """Return the line, what is left, and how they are joined."""
    line, rest = pieces[:fitting], pieces[fitting:]
    if not rest:
        return line, rest, "space"
    used = sum(piece.width for piece in line) + sum(gaps(line, setter))
    head = rest[0]
    gap = setter.space(head.style) if head.space and line else 0.0
    room = width - used - gap
    if not line or head.space:
        for cut, hyphen, join in _word_breaks(head.text, rule, (width - used) / width):
            part = head.text[:cut] + hyphen
            part_width = setter.width(part, head.style)
            if part_width <= room:
                tail = head.text[cut:]
                after = replace(head, text=tail, space=False, width=setter.width(tail, head.style))
                before = replace(head, text=part, width=part_width)
                return [*line, before], [after, *rest[1:]], join
    if not line:
        return _force(head, rest[1:], room, setter)
    return line, rest, "space" if head.space else "none"


def _word_breaks(word: str, rule: LineRule, shortfall: float) -> list[tuple[int, str, Join]]:
    """Return the breaks of a word, the last first: where, the hyphen to set, the join."""
    breaks: list[tuple[int, str, Join]] = [
        (at + 1, "", "none")
        for at in range(1, len(word) - 2)
        if word[at] in "-‐–—/" and word[at - 1].isalpha() and word[at + 1].isalpha()
    ]
    if rule.hyphenate and shortfall >= MIN_SHORTFALL_TO_HYPHENATE:
        core = word.rstrip(".,;:!?)”’'\"")
        breaks += [(at, "-", "soft") for at in hyphenation_points(core)]
    return sorted(breaks, reverse=True)


def _force(
    piece: Piece, rest: list[Piece], room: float, setter: Typesetter
) -> tuple[list[Piece], list[Piece], Join]:
    """Break a word that is wider than its column, such as an address, between any characters."""
    cut = 1
    while cut < len(piece.text) and setter.width(piece.text[: cut + 1], piece.style) <= room:
        cut += 1
    head = replace(piece, text=piece.text[:cut], width=setter.width(piece.text[:cut], piece.style))
    if cut == len(piece.text):
        return [head], rest, "space"
    tail = piece.text[cut:]
    after = replace(piece, text=tail, space=False, width=setter.width(tail, piece.style))
    return [head], [after, *rest], "none"
