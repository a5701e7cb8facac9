"""The `page` engine: pages, tiles of a few lines, lines, and blocks, from text and fonts."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from PIL import Image

from vary.data.corpus import TextCorpus
from vary.data.engines.base import Reject
from vary.data.engines.page.alphabets import find_alphabet
from vary.data.engines.page.block import BlockComposer, BlockConfig
from vary.data.engines.page.breaking import is_of_second, words_of
from vary.data.engines.page.compose import Composer, compose_tile
from vary.data.engines.page.content import (
    PLAIN_BULLET,
    Writer,
    bullets,
    clean_text,
    furniture_characters,
)
from vary.data.engines.page.draw import draw_page, encode_png
from vary.data.engines.page.faces import Faces, draw_faces
from vary.data.engines.page.features import NO_FEATURES, PageFeatures
from vary.data.engines.page.line import LineRenderer
from vary.data.engines.page.lines_of import line_texts
from vary.data.engines.page.markdown import page_markdown
from vary.data.engines.page.mixing import mix_in, script_of
from vary.data.engines.page.passages import cut_passages
from vary.data.engines.page.placed import ComposedPage
from vary.data.engines.page.style import (
    PAGE_SIZES_PT,
    PageStyle,
    StyleChoices,
    draw_page_style,
)
from vary.data.engines.page.target import Target, page_text
from vary.data.engines.page.typeset import Typesetter
from vary.data.fonts import FontLibrary
from vary.data.image_memory import image_over
from vary.data.schema import EncodedImage, Sample, Word
from vary.errors import VaryError

Kind = Literal["page", "tile", "line", "block"]
CJK_LANGUAGES = frozenset({"zh", "ja"})
# About how many characters a sample of a kind has.
LENGTH_HINTS: dict[str, int] = {"page": 2500, "tile": 180, "line": 60}  # blocks: by index
FEWEST_WORDS = 3
# Reading cuts strips of at most 1536 px; a line is up to a percent wider than it is asked for.
MAX_STRIP_PX = 1520


@dataclass(frozen=True)
class PageConfig:
    """What the page engine makes, and from what.

    Attributes:
        text: a folder of ``*.txt`` files, one paragraph per line.
        fonts: font folders; None: the system's.
        kind: page, tile (2-4 lines), line, or block (words or lines on a canvas).
        language: of the text; zh and ja are broken by the character.
        alphabet: of lines: ``latin``, ``zh`` or a file of characters; None: the language's.
        target: ``lines`` or ``paragraphs``, see `page_text`; pages have ``markdown`` too, see
            `page_markdown`.
        dpi: least and greatest resolution.
        columns: allowed numbers of columns.
        sizes: allowed page sizes, keys of `PAGE_SIZES_PT`.
        include_text, exclude_text: patterns of file names in `text`.
        include_fonts, exclude_fonts: patterns of families or file names.
        font_hashes: sha256 of the font files to take; none: all that fit the patterns.
        passages: cut the text into so many passages that do not overlap; sample `i` takes passage
            `i`, and begins again after the last. None: any place of the text, by lot.
        block: sizes of blocks; without effect on other kinds.
        features: tables, footnotes and more, for pages only.
    """

    text: Path
    fonts: tuple[Path, ...] | None = None
    kind: Kind = "page"
    language: str = "en"
    target: Target = "lines"
    alphabet: str | None = None
    dpi: tuple[int, int] = (72, 200)
    columns: tuple[int, ...] = (1, 2, 3)
    sizes: tuple[str, ...] = tuple(PAGE_SIZES_PT)
    include_text: tuple[str, ...] = ()
    exclude_text: tuple[str, ...] = ()
    include_fonts: tuple[str, ...] = ()
    exclude_fonts: tuple[str, ...] = ()
    font_hashes: tuple[str, ...] = ()
    passages: int | None = None
    block: BlockConfig = field(default_factory=BlockConfig)
    features: PageFeatures = field(default_factory=PageFeatures)

    def __post_init__(self) -> None:
        _check_choice("kind", [self.kind], get_args(Kind))
        _check_choice("target", [self.target], get_args(Target))
        _check_choice("page size", self.sizes, tuple(PAGE_SIZES_PT))
        _check_choice("columns", self.columns, (1, 2, 3))
        if self.kind == "line" and self.language == "ja":
            raise VaryError(
                "kind line, language ja: no alphabet of lines has kana; give --kind tile or page"
            )
        low, high = self.dpi
        if not 36 <= low <= high <= 600:
            raise VaryError(f"dpi {low}-{high}: give two numbers from 36 to 600, the lower first")
        if self.kind != "page" and (self.target == "markdown" or self.features != NO_FEATURES):
            raise VaryError(
                f"kind {self.kind}, target {self.target}: Markdown and features are for pages only"
            )
        if self.passages is not None and (self.kind != "page" or self.passages < 1):
            raise VaryError(
                f"passages {self.passages}, kind {self.kind}: give 1 or more, for pages only"
            )


@dataclass(frozen=True)
class Drawn:
    """A sample before it is encoded: for a training that is fed directly.

    Attributes:
        image: grey (``L``) or ``RGB``.
        text: the target.
        words: with their boxes, in the order of the text.
        source: the file that the text was taken from.
        meta: how it looks.
    """

    image: Image.Image
    text: str
    words: tuple[Word, ...]
    source: str
    meta: dict[str, Any]


class PageEngine:
    """Makes pages, tiles or lines from a corpus and fonts; pickles, so that workers can have it.

    Args:
        config: what to make.
        corpus: the text.
        fonts: the faces.
        others: text in the other script, for pages that are mixed.
    """

    def __init__(
        self,
        config: PageConfig,
        corpus: TextCorpus,
        fonts: FontLibrary,
        others: TextCorpus | None = None,
    ) -> None:
        self.options = config
        self.corpus = corpus
        self.others = others
        self.fonts = fonts
        self._passages: list[range] = []
        if config.passages is not None:
            self._passages = cut_passages(corpus.paragraphs, config.passages)
        self._line_renderer: LineRenderer | None = None
        if config.kind == "line":
            alphabet = None if config.alphabet is None else find_alphabet(config.alphabet)
            self._line_renderer = LineRenderer(line_texts(corpus, config.language, alphabet), fonts)
        self._composer = BlockComposer(config.block, corpus, fonts, cjk=self._cjk)
        self.name = "page" if config.kind == "page" else f"page-{config.kind}"

    @classmethod
    def from_config(cls, config: PageConfig) -> "PageEngine":
        """Return the engine with its text and fonts loaded.

        Raises:
            VaryError: there is no text or no font, or lines cannot be written in the language.
        """
        corpus = TextCorpus.from_folder(config.text, config.include_text, config.exclude_text)
        fonts = FontLibrary.discover(
            config.fonts, config.include_fonts, config.exclude_fonts, config.font_hashes
        )
        others = None
        if config.features.mixed and config.features.other_text is not None:
            others = TextCorpus.from_folder(config.features.other_text)
        return cls(config, corpus, fonts, others)

    def config(self) -> dict[str, Any]:
        """Return the options, and text and fonts by their hashes instead of their places."""
        # What says nothing here is left out, so that sets from before it was known go on.
        places = {"text", "fonts", "font_hashes"}
        if self.options.passages is None:
            places.add("passages")
        if self.options.alphabet is None:
            places.add("alphabet")
        if self.options.kind != "block":
            places.add("block")
        if self.options.features == NO_FEATURES:
            places.add("features")
        options = {name: v for name, v in asdict(self.options).items() if name not in places}
        if "features" in options:
            known = None if self.others is None else _corpus_hash(self.others)
            options["features"] |= {"other_text": known}
        return {**options, "text": _corpus_hash(self.corpus), "fonts": self.fonts.hashes()}

    def length_hint(self, index: int) -> int:
        """Return about how many characters a sample has; all samples but blocks are alike."""
        if self.options.kind == "block":
            return self._composer.length_hint(index)
        return LENGTH_HINTS[self.options.kind]

    def sample(self, index: int, rng: np.random.Generator) -> Sample:
        """Return a sample; the index is in its name, and of a block it tells the size.

        Raises:
            Reject: no face has the glyphs, or nothing fits on the page.
        """
        made = self.draw(index, rng)
        return Sample(
            id="",
            images=(self._encoded(made.image, f"{self.name}-{index}.png"),),
            kind="document",
            language=self.options.language,
            format="markdown" if self.options.target == "markdown" else "text",
            text=made.text,
            words=made.words,
            source=made.source,
            meta=json.dumps(made.meta, sort_keys=True, ensure_ascii=False),
        )

    def _encoded(self, image: Image.Image, path: str) -> EncodedImage:
        return encode_png(image, path, runs_only=self.options.kind == "line")

    def draw(self, index: int, rng: np.random.Generator) -> Drawn:
        """Return what `sample` encodes, for a training that needs no file.

        Raises:
            Reject: as `sample`.
        """
        if self.options.kind == "block":
            return self._block(index, rng)
        if self.options.kind == "page":
            return self._page(index, rng)
        return self._tile(rng) if self.options.kind == "tile" else self._line(rng)

    def _page(self, index: int, rng: np.random.Generator) -> Drawn:
        style = draw_page_style(rng, self._choices(self.options.columns))
        passage = self._passages[index % len(self._passages)] if self._passages else None
        paragraphs, source = self._draw_text(rng, _capacity(style, cjk=self._cjk), passage)
        features, drawn = self.options.features, len(paragraphs)
        try:
            own, paragraphs, setter, faces = self._dressed(paragraphs, style, rng)
        except Reject:
            # One character that no font has, such as an emoji, costs its paragraphs, not the page.
            lacking = self.fonts.lacking(self._asked_of_a_font(paragraphs, style))
            left = [part for part in paragraphs if lacking.isdisjoint(part + part.upper())]
            if not left or len(left) == drawn:
                raise
            own, paragraphs, setter, faces = self._dressed(left, style, rng)
        if self.fonts.missing(faces.body, bullets(style)):
            style = replace(style, list_marker=PLAIN_BULLET)
        writer = Writer(
            style, faces, paragraphs, rng=rng, cjk=self._cjk, features=features, own=own
        )
        page = Composer(style, writer, setter, rng, features).compose()
        meta = _describe(style, faces)
        if setter.second is not None:
            meta["second_font"] = f"{setter.second.family} {setter.second.style}"
        if features.script and self._cjk:
            meta["script"] = script_of("".join(own))
        if passage is not None:
            meta["paragraphs"] = [passage.start, passage.start + drawn]
        return self._drawn(page, setter, source, meta)

    def _dressed(
        self, own: list[str], style: PageStyle, rng: np.random.Generator
    ) -> tuple[list[str], list[str], Typesetter, Faces]:
        """Return a page's own paragraphs, those that are set, who sets them, and in what faces."""
        paragraphs, setter = self._mixed(own, self._furniture(style), rng)
        text = self._asked_of_a_font(own, style)
        if setter.second is not None:
            text += "".join(p for p in words_of("".join(paragraphs)) if not is_of_second(p, setter))
        return own, paragraphs, setter, draw_faces(rng, self.fonts, text)

    def _asked_of_a_font(self, own: list[str], style: PageStyle) -> str:
        text = "".join(own)
        text += text.upper() if style.heading.capitals else ""
        return text + self._furniture(style)

    def _furniture(self, style: PageStyle) -> str:
        return furniture_characters(style, self.options.features, cjk=self._cjk)

    def _mixed(
        self, paragraphs: list[str], furniture: str, rng: np.random.Generator
    ) -> tuple[list[str], Typesetter]:
        """Return a page's paragraphs, perhaps with words of the other script, and who sets them."""
        setter = Typesetter(self.fonts)
        if self.others is None or rng.random() >= self.options.features.mixed:
            return paragraphs, setter
        start = int(rng.integers(len(self.others.paragraphs)))
        others = [clean_text(part.text) for part in self.others.paragraphs[start : start + 12]]
        mixed = mix_in(paragraphs, [text for text in others if text] or ["-"], rng, cjk=self._cjk)
        setter.second_is_cjk = not self._cjk
        letters = {
            character
            for character in "".join(mixed) + furniture
            if not character.isspace() and is_of_second(character, setter)
        }
        if letters:
            setter.second = draw_faces(rng, self.fonts, "".join(sorted(letters))).body
        return mixed, setter

    def _tile(self, rng: np.random.Generator) -> Drawn:
        """Return a few lines of a paragraph as they stand in a column."""
        style = draw_page_style(rng, self._choices((1,)))
        paragraphs, source = self._draw_text(rng, 1)
        faces = draw_faces(rng, self.fonts, paragraphs[0] + "-")
        setter = Typesetter(self.fonts)
        page = compose_tile(style, faces, paragraphs[0], setter, rng)
        return self._drawn(page, setter, source, _describe(style, faces))

    def _block(self, index: int, rng: np.random.Generator) -> Drawn:
        """Return words or lines on a canvas."""
        setter = Typesetter(self.fonts)
        page, source, style, faces = self._composer.compose(index, setter, rng)
        image, words = draw_page(page, setter)
        meta = {
            "body_px": round(self._composer.shape(index).body_px, 2),
            "align": style.align,
            "font": f"{faces.body.family} {faces.body.style}",
            "lines": len(list(page.lines())),
        }
        return Drawn(image, page_text(page, self.options.target), tuple(words), source, meta)

    def _line(self, rng: np.random.Generator) -> Drawn:
        """Return a strip as `LineRenderer` draws it; its boxes are as high as the strip."""
        assert self._line_renderer is not None
        line = self._line_renderer.draw_whole(rng, MAX_STRIP_PX)
        height, width = line.strip.shape
        words = tuple(
            Word(0, text, max(0, math.floor(x0)), 0, min(width, math.ceil(x1)), height)
            for text, x0, x1 in line.words
        )
        names = (f"{face.family} {face.style}" for face in line.faces)
        meta = dict(zip(("font", "second_font"), names, strict=False))
        return Drawn(image_over(line.strip), line.text, words, ", ".join(line.sources), meta)

    def _drawn(
        self, page: ComposedPage, setter: Typesetter, source: str, meta: dict[str, Any]
    ) -> Drawn:
        if sum(len(line.words) for line in page.lines()) < FEWEST_WORDS:
            raise Reject("nothing fits on the page")
        features, target = self.options.features, self.options.target
        is_markdown = target == "markdown"
        unread = {"furniture"} if is_markdown and not features.keep_furniture else ()
        image, words = draw_page(page, setter, unread)
        roles = Counter(paragraph.role for paragraph in page.paragraphs)
        meta |= {"blocks": dict(sorted(roles.items())), "lines": len(list(page.lines()))}
        if is_markdown:
            text = page_markdown(page, features.table_markup, furniture=features.keep_furniture)
        else:
            text = page_text(page, target)
        return Drawn(image, text, tuple(words), source, meta)

    @property
    def _cjk(self) -> bool:
        return self.options.language in CJK_LANGUAGES

    def _choices(self, columns: tuple[int, ...]) -> StyleChoices:
        return StyleChoices(self.options.sizes, self.options.dpi, columns, self._cjk)

    def _draw_text(
        self, rng: np.random.Generator, characters: int, passage: range | None = None
    ) -> tuple[list[str], str]:
        """Return consecutive paragraphs of one file, enough for a page, and the file.

        Args:
            rng: decides where they begin, unless there is a passage.
            characters: that fill a page.
            passage: what they are taken from, from its beginning.
        """
        paragraphs = self.corpus.paragraphs
        end = len(paragraphs) if passage is None else passage.stop
        start = int(rng.integers(end)) if passage is None else passage.start
        source = paragraphs[start].source
        drawn: list[str] = []
        total = 0
        for paragraph in paragraphs[start:end]:
            if paragraph.source != source or total > characters:
                break
            text = clean_text(paragraph.text)
            if text:
                drawn.append(text)
                total += len(text)
        if not drawn:
            raise Reject("paragraph without text", f"{source}, paragraph {start}")
        return drawn, source


def build_page_engine(config: PageConfig) -> PageEngine:
    """Return the engine of a configuration: a module's function, so that workers can call it."""
    return PageEngine.from_config(config)


def _corpus_hash(corpus: TextCorpus) -> dict[str, Any]:
    """Return what a corpus is known by."""
    digest = hashlib.sha256()
    for paragraph in corpus.paragraphs:
        digest.update(f"{paragraph.source}\0{paragraph.text}\n".encode())
    return {"paragraphs": len(corpus.paragraphs), "sha256": digest.hexdigest()}


def _capacity(style: PageStyle, *, cjk: bool) -> int:
    """Return at least how many characters fill a page."""
    _, top, _, bottom = style.margins_pt
    height = style.px(PAGE_SIZES_PT[style.size][1] - top - bottom)
    em = style.px(style.body_pt)
    lines = height / (em * style.leading) * style.columns
    return int(lines * style.column_px / (em * (1.0 if cjk else 0.38)))


def _describe(style: PageStyle, faces: Faces) -> dict[str, Any]:
    return {
        "page_size": style.size,
        "dpi": style.dpi,
        "columns": style.columns,
        "body_pt": round(style.body_pt, 2),
        "leading": round(style.leading, 3),
        "align": style.align,
        "font": f"{faces.body.family} {faces.body.style}",
        "heading_font": f"{faces.heading.family} {faces.heading.style}",
    }


def _check_choice(name: str, given: Sequence[Any], allowed: Sequence[Any]) -> None:
    wrong = [value for value in given if value not in allowed]
    if wrong or not given:
        shown = ", ".join(map(str, allowed))
        raise VaryError(f"{name} {', '.join(map(str, wrong)) or 'is empty'}: allowed are {shown}")
