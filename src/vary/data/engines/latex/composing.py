"""Which blocks come on a page: stretches of sources, with plain text and tables between."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vary.data.corpus import Paragraph
from vary.data.engines.base import Reject
from vary.data.engines.latex.pieces import Block, Run
from vary.data.engines.latex.running_text import Script, without_unseen_spaces

# Of paragraphs of plain text that are put between; longer ones would crowd out the rest.
_MAX_PARAGRAPH = 900
# Formulas on lines of their own that a page of formulas has at least. They shall stand in the first
# part of a page, and each takes as much room as some text; none is looked for many blocks away.
MIN_DISPLAYS = 2
_FORMULAS_SHARE, _DISPLAY_CHARS, _MOST_BLOCKS = 0.75, 120, 12


@dataclass(frozen=True)
class Material:
    """All that pages are made of.

    Attributes:
        blocks: of all sources, in order, without tables.
        tables: of all sources.
        paragraphs: plain text; may be none.
    """

    blocks: tuple[Block, ...]
    tables: tuple[Block, ...]
    paragraphs: tuple[Paragraph, ...]

    def passage(self, number: int, of: int) -> "Material":
        """Return one of some equal parts, which have nothing in common while there are tables."""
        starts = self._starts(of)
        count, first = len(self.paragraphs), number * len(self.paragraphs) // of
        tables = self.tables[number::of]
        if self.tables and not tables:
            tables = (self.tables[number % len(self.tables)],)
        return Material(
            self.blocks[starts[number] : starts[number + 1]],
            tables,
            self.paragraphs[first : (number + 1) * count // of],
        )

    def _starts(self, of: int) -> list[int]:
        """Return where parts of about equal length begin, and the end."""
        lengths = np.cumsum([block.length + 40 for block in self.blocks] or [0])
        bounds = np.searchsorted(lengths, lengths[-1] * np.arange(1, of) / of)
        return [0, *(int(bound) for bound in bounds), len(self.blocks)]


def compose(
    material: Material, kind: str, chars: int, rng: np.random.Generator, page_chars: int
) -> list[Block]:
    """Return the blocks of a document.

    Args:
        material: what there is.
        kind: ``page``, ``formulas``, ``tables`` or ``table``.
        chars: about how many characters it shall have.
        rng: source of all choices.
        page_chars: about how many characters a page holds.

    Raises:
        Reject: there is no table, or no formula, for it.
    """
    if kind == "table":
        return [_draw(material.tables, rng, "no table in the sources")]
    start = _start(material, kind, rng, page_chars)
    blocks: list[Block] = []
    length, displays = 0, 0
    for block in _walk(material, start, rng):
        blocks.append(block)
        length += block.length
        displays += block.num_displays
        if length > chars and (kind != "formulas" or displays >= MIN_DISPLAYS):
            break
    if kind == "tables" or (kind == "page" and material.tables and rng.random() < 0.45):
        for _ in range(1 + int(rng.random() < 0.4)):
            table = _draw(material.tables, rng, "no table in the sources")
            if table not in blocks:
                blocks.insert(_table_place(blocks, rng), table)
    if not blocks:
        raise Reject("no text for the page")
    return blocks


def _draw(blocks: Sequence[Block], rng: np.random.Generator, why: str) -> Block:
    if not blocks:
        raise Reject(why)
    return blocks[int(rng.integers(len(blocks)))]


def _start(material: Material, kind: str, rng: np.random.Generator, page_chars: int) -> int:
    """Return the first block: any, or one shortly before formulas that share a page."""
    blocks = material.blocks
    if not blocks:
        return 0
    if kind != "formulas":
        return int(rng.integers(len(blocks)))
    places = [place for place, block in enumerate(blocks) if block.num_displays]
    if not places:
        raise Reject("no formula in the sources")
    room = _FORMULAS_SHARE * page_chars
    places = [place for place in places if _length_to_displays(blocks, place) <= room] or places
    place = places[int(rng.integers(len(places)))]
    start = max(0, place - int(rng.integers(3)))
    while start < place and _length_to_displays(blocks, start) > room:
        start += 1
    return start


def _length_to_displays(blocks: Sequence[Block], start: int) -> float:
    """Return how many characters there are from a block to the end of the formulas of a page."""
    length, displays = 0, 0
    for block in blocks[start : start + _MOST_BLOCKS]:
        length += block.length + _DISPLAY_CHARS * block.num_displays
        displays += block.num_displays
        if displays >= MIN_DISPLAYS:
            return length
    return float("inf")


def _table_place(blocks: Sequence[Block], rng: np.random.Generator) -> int:
    """Return where a table may stand: not between a heading and its text, nor within a list."""
    able = [
        place
        for place in range(len(blocks) + 1)
        if (place == 0 or blocks[place - 1].kind != "heading")
        and not (0 < place < len(blocks) and blocks[place - 1].kind == blocks[place].kind == "item")
    ]
    early = able[: max(1, (2 * len(able)) // 3)]
    return early[int(rng.integers(len(early)))]


def _walk(material: Material, start: int, rng: np.random.Generator) -> list[Block]:
    """Return blocks from a place on, around the end, with plain text between them."""
    around = material.blocks[start:] + material.blocks[:start]
    if not material.paragraphs:
        return list(around)
    share = rng.uniform(0.15, 0.5)
    place = int(rng.integers(len(material.paragraphs)))
    mixed: list[Block] = []
    texts = iter((*material.paragraphs[place:], *material.paragraphs[:place]))
    for block in around:
        follows_heading = bool(mixed) and mixed[-1].kind == "heading"
        if block.kind != "item" and not follows_heading and rng.random() < share:
            paragraph = next(texts, None)
            if paragraph is not None:
                mixed.append(_plain(paragraph))
        mixed.append(block)
    mixed += [_plain(paragraph) for paragraph in texts]
    return mixed


def _plain(paragraph: Paragraph) -> Block:
    return Block("paragraph", (Run("text", paragraph.text),), source=paragraph.source)


def usable_paragraphs(paragraphs: Sequence[Paragraph], script: Script) -> tuple[Paragraph, ...]:
    """Return paragraphs that can be set in a language's fonts and are not too long."""
    usable = (
        paragraph
        for paragraph in paragraphs
        if len(paragraph.text) <= _MAX_PARAGRAPH and all(map(script.allows, paragraph.text))
    )
    if script.language != "zh":
        return tuple(usable)
    return tuple(
        replace(paragraph, text="".join(run.content for run in without_unseen_spaces((run,))))
        for paragraph in usable
        for run in (Run("text", paragraph.text),)
    )
