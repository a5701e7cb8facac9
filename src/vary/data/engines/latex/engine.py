"""The `latex` engine: text, formulas and tables of LaTeX sources, set anew and told as Markdown."""

import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pypdfium2
from PIL import Image, ImageChops

from vary.data.corpus import Paragraph, TextCorpus
from vary.data.engines.base import Reject
from vary.data.engines.latex.composing import (
    MIN_DISPLAYS,
    Material,
    compose,
    usable_paragraphs,
)
from vary.data.engines.latex.pages import page_target, place_atoms, read_marks, squeeze
from vary.data.engines.latex.pieces import Block
from vary.data.engines.latex.running_text import Script
from vary.data.engines.latex.sources import Choice, Shelves
from vary.data.engines.latex.templates import (
    TEX_FILES,
    TEX_FILES_ZH,
    Template,
    draw_look,
    find_templates,
    page_preamble,
    shared_preamble,
)
from vary.data.engines.latex.tex import Limits, Tex, TexResult, files_sha256, program_version
from vary.data.engines.latex.typeset import Document, escape, write_document
from vary.data.fonts import FontFace, FontLibrary
from vary.data.schema import EncodedImage, Sample
from vary.errors import VaryError

KINDS = ("page", "formulas", "tables", "table")
LANGUAGES = ("en", "zh")
# Chinese faces that Debian has packages for; what they look like: Song, Hei, Kai.
CHINESE_FAMILIES = (
    "Noto Serif CJK SC", "Noto Sans CJK SC", "AR PL UMing CN", "AR PL UKai CN",
    "WenQuanYi Zen Hei", "WenQuanYi Micro Hei",
)  # fmt: skip
_HEAVY = re.compile(r"Bold|Black|Heavy|Zen Hei|Micro Hei|Medium", re.IGNORECASE)
# How much of what a page holds is written for it: pages come out part full, and one of several.
_FILL = {"page": (0.5, 2.1), "formulas": (0.6, 1.6), "tables": (0.35, 1.3)}
_MIN_CHARS = {"page": 80, "formulas": 80, "tables": 60, "table": 8}
_MOST_OVERFULL_PT = 9.0
# Samples from one part of a large folder: as many as a shard has in the recipes.
_TURN = 128


@dataclass(frozen=True)
class LatexConfig:
    """What the latex engine makes.

    Attributes:
        sources: a folder of ``*.tex`` files, subfolders too.
        language: ``en`` (set by pdflatex) or ``zh`` (by xelatex).
        kind: ``page`` (as the sources are), ``formulas`` (at least two on lines of their own),
            ``tables`` (at least one), or ``table``: one alone, cut out, with LaTeX as the target.
        text: a folder of ``*.txt`` files whose paragraphs come between; None: nothing does.
        templates, exclude_templates: names of templates to take (none: all) and to leave.
        dpi: least and greatest resolution.
        passages: cut the material into so many parts, and give each sample but one; None: each
            sample may draw from all.
        include_sources, exclude_sources: patterns of source files.
        include_text, exclude_text: patterns of text files.
        fonts: folders of Chinese fonts; None: the system's.
        include_fonts, exclude_fonts: patterns of their families or file names.
        font_hashes: sha256 of the font files to take; none: all that fit the patterns.
        seconds, memory_mib: what a run of TeX may use.
    """

    sources: Path
    language: Literal["en", "zh"] = "en"
    kind: Literal["page", "formulas", "tables", "table"] = "page"
    text: Path | None = None
    templates: tuple[str, ...] = ()
    exclude_templates: tuple[str, ...] = ()
    dpi: tuple[int, int] = (80, 160)
    passages: int | None = None
    include_sources: tuple[str, ...] = ()
    exclude_sources: tuple[str, ...] = ()
    include_text: tuple[str, ...] = ()
    exclude_text: tuple[str, ...] = ()
    fonts: tuple[Path, ...] | None = None
    include_fonts: tuple[str, ...] = CHINESE_FAMILIES
    exclude_fonts: tuple[str, ...] = ()
    font_hashes: tuple[str, ...] = ()
    seconds: int = 30
    memory_mib: int = 2048

    def __post_init__(self) -> None:
        """Refuse what cannot be made.

        Raises:
            VaryError: as told.
        """
        if self.kind not in KINDS:
            raise VaryError(f"kind {self.kind}: allowed are {', '.join(KINDS)}")
        if self.language not in LANGUAGES:
            raise VaryError(f"language {self.language}: allowed are {', '.join(LANGUAGES)}")
        low, high = self.dpi
        if not 50 <= low <= high <= 400:
            raise VaryError(f"dpi {low}-{high}: give two numbers from 50 to 400, the lower first")
        if self.passages is not None and self.passages < 1:
            raise VaryError(f"passages {self.passages}: give 1 or more, or none")
        if not 1 <= self.seconds <= 600 or not 256 <= self.memory_mib <= 16384:
            raise VaryError(
                f"seconds {self.seconds}, memory_mib {self.memory_mib}: give 1 to 600 s and 256 to "
                "16384 MiB"
            )
        find_templates(self.templates, self.exclude_templates)


class LatexEngine:
    """Makes pages of LaTeX.

    Args:
        config: what to make.
        shelves: the sources.
        corpus: plain text to put between; None for none.
        fonts: Chinese fonts; None where the language needs none.

    Raises:
        VaryError: TeX is not installed, or there is less material than passages, or too much.
    """

    name = "latex"

    def __init__(
        self,
        config: LatexConfig,
        shelves: Shelves,
        corpus: TextCorpus | None,
        fonts: FontLibrary | None,
    ) -> None:
        self.options = config
        self._shelves = shelves
        self._fonts = fonts
        self._tex = Tex(config.language, Limits(config.seconds, config.memory_mib))
        self._templates = find_templates(config.templates, config.exclude_templates)
        script = Script(config.language)
        self._paragraphs = usable_paragraphs(corpus.paragraphs, script) if corpus else ()
        self._material: tuple[int, Material] | None = None
        if config.passages:
            self._check_passages(config.passages)

    def _check_passages(self, passages: int) -> None:
        if len(self._shelves) > 1:
            raise VaryError(
                f"passages {passages}: {self.options.sources} is too large to be cut into "
                "passages; leave passages out, or take fewer files with include_sources"
            )
        blocks = len(self._material_for(0).blocks)
        if blocks < passages:
            raise VaryError(
                f"passages {passages}: {self.options.sources} has {blocks} "
                "blocks; give fewer passages or more sources"
            )

    def config(self) -> dict[str, Any]:
        """Return the options; sources, text, fonts and TeX by hashes and versions."""
        places = {"sources", "text", "fonts", "font_hashes", "seconds", "memory_mib"}
        options = {name: v for name, v in asdict(self.options).items() if name not in places}
        names = TEX_FILES + (TEX_FILES_ZH if self.options.language == "zh" else ())
        return {
            **options,
            "sources": self._shelves.hashes(),
            "text": _paragraphs_sha256(self._paragraphs),
            "fonts": self._fonts.hashes() if self._fonts else {},
            "tex": program_version(self._tex.program),
            "tex_files": files_sha256(self._tex.program, names),
        }

    def length_hint(self, index: int) -> int:
        """Return about how many characters a sample's target has: its template's share."""
        if self.options.kind == "table":
            return 320
        share = {"page": 0.8, "formulas": 0.8, "tables": 0.7}[self.options.kind]
        chars = self._template(index).chars
        return int(share * chars * (0.42 if self.options.language == "zh" else 1))

    def sample(self, index: int, rng: np.random.Generator) -> Sample:
        """Return a page, or a table.

        Raises:
            Reject: TeX finds an error, nothing fits, or the target is not what stands on the page.
        """
        template = self._template(index)
        kind = self.options.kind
        chars = template.chars * (0.45 if self.options.language == "zh" else 1.0)
        low, high = _FILL.get(kind, (1.0, 1.0))
        blocks = compose(
            self._part(index), kind, int(chars * rng.uniform(low, high)), rng, int(chars)
        )
        look = draw_look(template, rng)
        document = write_document(
            [_bare(block) for block in blocks] if kind == "table" else blocks,
            template, look, self.options.language,
        )  # fmt: skip
        head = "" if kind == "table" or rng.random() < 0.5 else _head_text(blocks)
        rest = "\n".join(
            (
                page_preamble(template, look, escape(head), self.options.language),
                self._font_commands(blocks, rng),
                "\\begin{document}",
                r"\thispagestyle{%s}" % ("empty" if kind == "table" else "fancy"),
                r"\immediate\openout\Vout=marks.txt",
                document.body,
                "\\end{document}\n",
            )
        )
        result = self._tex.set_document(shared_preamble(template, self.options.language), rest)
        _check_log(result.log)
        text, page, image = self._read_page(document, result, rng)
        return Sample(
            id="",
            images=(_encode(image, f"latex-{index}"),),
            kind="document",
            language=self.options.language,
            format="latex" if kind == "table" else "markdown",
            text=text,
            source="; ".join(dict.fromkeys(block.source for block in blocks)),
            meta=json.dumps(
                {
                    "kind": kind,
                    "template": template.name,
                    "tables": look.table_style,
                    "page": page,
                    **self._document(index),
                },
                sort_keys=True,
            ),
        )

    def _template(self, index: int) -> Template:
        """Return a sample's template: a function of its number alone, so that lengths are known."""
        digest = hashlib.sha256(f"latex template {index}".encode()).digest()
        return self._templates[int.from_bytes(digest[:8], "big") % len(self._templates)]

    def _part(self, index: int) -> Material:
        passages = self.options.passages
        material = self._material_for(index)
        return material.passage(index % passages, passages) if passages else material

    def _material_for(self, index: int) -> Material:
        """Return what a sample is drawn from: all, or a part of a large folder."""
        number = self._shelves.number_of(index // _TURN)
        if self._material is None or self._material[0] != number:
            sources = self._shelves.library(number).sources
            blocks = [block for source in sources for block in source.blocks]
            material = Material(
                tuple(block for block in blocks if block.table is None),
                tuple(block for block in blocks if block.table is not None),
                self._paragraphs,
            )
            self._material = (number, material)
        return self._material[1]

    def _document(self, index: int) -> dict[str, str]:
        """Return the passage that a sample is made of, as evaluation resamples by documents."""
        passages = self.options.passages
        return {"document": f"passage {index % passages}"} if passages else {}

    def _font_commands(self, blocks: list[Block], rng: np.random.Generator) -> str:
        """Return what chooses Chinese fonts, by their files."""
        if self._fonts is None:
            return ""
        text = "".join(run.content for block in blocks for run in block.runs if run.kind == "text")
        wanted = "".join(sorted({c for c in text if not c.isascii() and c.isprintable()}))
        face = self._fonts.pick(rng, wanted)
        return "".join(
            f"\\setCJK{family}font{font_options(face)}{{{face.path.name}}}"
            for family in ("main", "sans", "mono")
        )

    def _read_page(
        self, document: Document, result: TexResult, rng: np.random.Generator
    ) -> tuple[str, int, Image.Image]:
        """Return target, number and picture of one of a document's pages."""
        kind = self.options.kind
        places = place_atoms(document, read_marks(result.marks))
        pdf = pypdfium2.PdfDocument(result.pdf)
        try:
            page = _choose_page(document, places, kind, rng)
            if page > len(pdf):
                raise Reject("marks of pages that there are not")
            texts = ["" for _ in range(len(pdf))]
            for number in range(max(0, page - 2), min(len(pdf), page + 1)):
                texts[number] = pdf[number].get_textpage().get_text_range()
            text = page_target(document, places, page, texts)
            if len(text) < _MIN_CHARS[kind] or not squeeze(text):
                raise Reject("too little on the page")
            dpi = int(rng.integers(self.options.dpi[0], self.options.dpi[1] + 1))
            image = pdf[page - 1].render(scale=dpi / 72).to_pil().convert("RGB")
        finally:
            pdf.close()
        if kind == "table":
            image = _cut_out(image, rng)
        return text, page, image


def build_latex_engine(config: LatexConfig) -> LatexEngine:
    """Return the engine of a configuration: a module's function, so that workers can call it.

    Raises:
        InputError: sources, text or fonts cannot be read.
        VaryError: TeX is not installed; the packages are named.
    """
    Tex(config.language)  # before the sources are read, which takes long
    choice = Choice(config.language, config.include_sources, config.exclude_sources)
    shelves = Shelves(config.sources, choice)
    corpus = None
    if config.text is not None:
        corpus = TextCorpus.from_folder(config.text, config.include_text, config.exclude_text)
    fonts = None
    if config.language == "zh":
        fonts = FontLibrary.discover(
            config.fonts, config.include_fonts, config.exclude_fonts, config.font_hashes
        )
        plain = [
            face for face in fonts.faces if face.style in {"Regular", "Book", "Light", "Medium"}
        ]
        fonts = FontLibrary(plain or fonts.faces)
    return LatexEngine(config, shelves, corpus, fonts)


def _choose_page(
    document: Document, places: dict[int, Any], kind: str, rng: np.random.Generator
) -> int:
    """Return the number of a page that has what its kind asks for.

    Raises:
        Reject: there is none.
    """
    wanted = {"formulas": "display", "tables": "table", "table": "table"}.get(kind, "")
    least = MIN_DISPLAYS if kind == "formulas" else 1
    counts: Counter[int] = Counter(
        place.first
        for number, place in places.items()
        if not wanted or document.atoms[number].kind == wanted
    )
    able = sorted(page for page, count in counts.items() if count >= least)
    if not able:
        raise Reject(
            "nothing is on the page" if not wanted else f"no page with {least} {wanted} pieces",
            "too wide for the template, or too few were drawn",
        )
    if not wanted and len(able) > 1 and rng.random() < 0.8:
        able = able[:-1]  # the last is seldom full
    return able[int(rng.integers(len(able)))]


def _check_log(log: str) -> None:
    """Refuse a document in which characters are missing or lines stick out.

    Raises:
        Reject: as told.
    """
    for line in log.splitlines():
        if line.startswith("Missing character"):
            raise Reject("a font lacks a character", line[:120])
        if line.startswith("Overfull \\hbox ("):
            width = line.partition("(")[2].partition("pt")[0]
            if float(width) > _MOST_OVERFULL_PT:
                raise Reject("a line is too wide", line[:120])


def font_options(face: FontFace) -> str:
    """Return the options with which XeTeX loads a Chinese face."""
    folder = face.path.resolve().parent.as_posix()
    index = f",FontIndex={face.index}" if face.path.suffix.lower() == ".ttc" else ""
    # The strokes of a bold face that are drawn bolder still run together.
    bolder = 1.2 if _HEAVY.search(f"{face.family} {face.style}") else 2
    return f"[Path={folder}/{index},AutoFakeBold={bolder},AutoFakeSlant=0.2]"


def _bare(block: Block) -> Block:
    """Return a table without its caption."""
    assert block.table is not None
    return replace(block, table=replace(block.table, caption=()))


def _head_text(blocks: list[Block]) -> str:
    """Return the text of a running head: the first heading's words."""
    for block in blocks:
        if block.kind == "heading" and all(run.kind == "text" for run in block.runs):
            return "".join(run.content for run in block.runs)[:60]
    return ""


def _paragraphs_sha256(paragraphs: Sequence[Paragraph]) -> str:
    if not paragraphs:
        return ""
    digest = hashlib.sha256()
    for paragraph in paragraphs:
        digest.update(f"{paragraph.source}\t{paragraph.text}\n".encode())
    return digest.hexdigest()


def _cut_out(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return what is drawn on a page, with a margin."""
    box = ImageChops.invert(image.convert("L")).getbbox()
    if box is None:
        raise Reject("nothing is on the page")
    left, top, right, bottom = (int(rng.integers(4, 40)) for _ in range(4))
    return image.crop(
        (max(0, box[0] - left), max(0, box[1] - top),
         min(image.width, box[2] + right), min(image.height, box[3] + bottom))
    )  # fmt: skip


def _encode(image: Image.Image, name: str) -> EncodedImage:
    """Return a picture as PNG, grey if nothing on it is coloured."""
    red, green, blue = image.split()
    grey = ImageChops.difference(red, green).getbbox() is None
    if grey and ImageChops.difference(red, blue).getbbox() is None:
        image = red
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return EncodedImage(buffer.getvalue(), f"{name}.png", image.width, image.height)
