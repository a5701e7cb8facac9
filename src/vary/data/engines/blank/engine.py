"""The `blank` engine: pages and pictures without text, on which nothing must be read."""

import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from vary.data.engines.blank.canvas import (
    Canvas,
    between,
    new_canvas,
    shade,
    to_image,
)
from vary.data.engines.blank.figures import add_figure
from vary.data.engines.blank.marks import add_frame, add_holes, add_ruling, add_stains, add_table
from vary.data.engines.blank.scanner import (
    add_creases,
    add_folds,
    add_gutter,
    as_bilevel,
    fold_corner,
    on_a_bed,
    paper_color,
    scanned,
)
from vary.data.engines.page.engine import PageConfig, PageEngine
from vary.data.schema import EncodedImage, Sample
from vary.errors import VaryError

KINDS = (
    "paper", "noise", "ruled", "table", "stains", "folds", "holes", "bleed", "figure", "frame",
)  # fmt: skip
# Width over height, and how often.
SHAPES: tuple[tuple[float, float], ...] = (
    (210 / 297, 5.0), (8.5 / 11, 3.0), (6 / 9, 2.0), (297 / 210, 1.0), (16 / 9, 1.0), (1.0, 0.7),
    (0.35, 0.5),
)  # fmt: skip
# Kinds that a computer may have drawn; the others have been on a scanner, by their nature.
DRAWN_KINDS = frozenset({"paper", "ruled", "table", "figure", "frame"})


@dataclass(frozen=True)
class BlankConfig:
    """What the blank engine makes.

    Attributes:
        kinds: of `KINDS`, taken in turn: sample `i` is of kind `i` modulo their number.
        long_side_px: least and greatest length of the longer side.
        scanned: share of the kinds that a computer may have drawn which look scanned all the same.
        text: a folder of ``*.txt`` files, for the other side of a page; only kind ``bleed`` needs
            one.
        language: of the text.
        fonts: font folders for it; None: the system's.
        include_fonts, exclude_fonts: patterns of families or file names.
        font_hashes: sha256 of the font files to take; none: all that fit the patterns.
    """

    kinds: tuple[str, ...] = KINDS
    long_side_px: tuple[int, int] = (1000, 1700)
    scanned: float = 0.6
    text: Path | None = None
    language: str = "en"
    fonts: tuple[Path, ...] | None = None
    include_fonts: tuple[str, ...] = ()
    exclude_fonts: tuple[str, ...] = ()
    font_hashes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be made.

        Raises:
            VaryError: as told.
        """
        wrong = [kind for kind in self.kinds if kind not in KINDS]
        if wrong or not self.kinds:
            raise VaryError(
                f"kinds {', '.join(wrong) or 'are empty'}: allowed are {', '.join(KINDS)}"
            )
        low, high = self.long_side_px
        if not 64 <= low <= high <= 8000:
            raise VaryError(
                f"long_side_px {low}-{high}: give two numbers from 64 to 8000, the lower first"
            )
        if not 0 <= self.scanned <= 1:
            raise VaryError(f"scanned {self.scanned}: give a share from 0 to 1")
        if "bleed" in self.kinds and self.text is None:
            raise VaryError(
                "kind bleed shows the other side of a page: give text (a folder of .txt files), "
                f"or kinds without it: {', '.join(kind for kind in KINDS if kind != 'bleed')}"
            )


class BlankEngine:
    """Makes pages without text.

    Args:
        config: what to make.
        other_side: makes the pages whose ink shows through; None where none shall.
    """

    name = "blank"

    def __init__(self, config: BlankConfig, other_side: PageEngine | None) -> None:
        self.options = config
        self.other_side = other_side

    def config(self) -> dict[str, Any]:
        """Return the options, and text and fonts by their hashes instead of their places."""
        if self.other_side is None:
            names = ("kinds", "long_side_px", "scanned")
            return {name: value for name, value in asdict(self.options).items() if name in names}
        places = {"text", "fonts", "font_hashes"}
        options = {name: v for name, v in asdict(self.options).items() if name not in places}
        other = self.other_side.config()
        return {**options, "text": other["text"], "fonts": other["fonts"]}

    def length_hint(self, index: int) -> int:
        """Return 0: there is no text."""
        del index
        return 0

    def sample(self, index: int, rng: np.random.Generator) -> Sample:
        """Return a page without text; the index tells its kind.

        Raises:
            Reject: as the page engine, for the other side of a page.
        """
        kind = self.options.kinds[index % len(self.options.kinds)]
        canvas = new_canvas(self._size(rng), paper_color(rng))
        made, form, source = self._draw(kind, canvas, index, rng)
        on_scanner = kind not in DRAWN_KINDS or rng.random() < self.options.scanned
        if on_scanner:
            made = scanned(made, rng)
            if kind == "noise" and rng.random() < 0.3:
                made, form = as_bilevel(made, rng), "bilevel"
        image = to_image(made)
        if on_scanner and rng.random() < 0.4:
            image = image.convert("L")
        meta = {"kind": kind, "form": form, "scanned": on_scanner}
        return Sample(
            id="",
            images=(_encode(image, f"blank-{index}", rng, lossy=on_scanner),),
            kind="document",
            language="",
            format="text",
            text="",
            words=(),
            source=source,
            meta=json.dumps(meta, sort_keys=True, ensure_ascii=False),
        )

    def _size(self, rng: np.random.Generator) -> tuple[int, int]:
        weights = np.array([weight for _, weight in SHAPES])
        shape = SHAPES[int(rng.choice(len(SHAPES), p=weights / weights.sum()))][0]
        low, high = self.options.long_side_px
        long_px = int(rng.integers(low, high + 1))
        short_px = round(long_px * min(shape, 1 / shape))
        return (short_px, long_px) if shape <= 1 else (long_px, short_px)

    def _draw(
        self, kind: str, canvas: Canvas, index: int, rng: np.random.Generator
    ) -> tuple[Canvas, str, str]:
        """Return the page, what is on it, and where that came from."""
        if kind == "bleed":
            return self._bleed(canvas, index, rng)
        if kind == "folds":
            return *_folded(canvas, rng), ""
        if kind in {"paper", "noise"}:
            return canvas, "", ""
        return canvas, _MARKS[kind](canvas, rng), ""

    def _bleed(
        self, canvas: Canvas, index: int, rng: np.random.Generator
    ) -> tuple[Canvas, str, str]:
        """Let the ink of the other side show through, mirrored, blurred and faint."""
        assert self.other_side is not None
        drawn = self.other_side.draw(index, rng)
        size = (canvas.shape[1], canvas.shape[0])
        # Blurred by a good part of the largest letters' size: no letter is left, nor in headings.
        scale = size[1] / drawn.image.height
        tallest = max((word.y1 - word.y0 for word in drawn.words), default=0)
        letter_px = max(drawn.meta["body_pt"] * drawn.meta["dpi"] / 72, tallest) * scale
        back = drawn.image.convert("L").resize(size, Image.Resampling.BILINEAR)
        back = back.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        back = back.filter(ImageFilter.GaussianBlur(letter_px * between(rng, 0.28, 0.42)))
        grey = np.asarray(back, np.float32)
        ink = (np.float32(255) - grey) / 255
        if float(grey[:16, :16].min()) < 128:  # white on black
            ink = 1 - ink
        shade(canvas, 1 - np.clip(ink, 0, 1) * np.float32(between(rng, 0.12, 0.45)))
        return canvas, "", drawn.source


def build_blank_engine(config: BlankConfig) -> BlankEngine:
    """Return the engine of a configuration: a module's function, so that workers can call it.

    Raises:
        InputError: no text or no font for the other side of pages.
    """
    if config.text is None or "bleed" not in config.kinds:
        return BlankEngine(config, None)
    other_side = PageConfig(
        text=config.text,
        fonts=config.fonts,
        language=config.language,
        dpi=(110, 110),
        columns=(1, 2),
        include_fonts=config.include_fonts,
        exclude_fonts=config.exclude_fonts,
        font_hashes=config.font_hashes,
    )
    return BlankEngine(config, PageEngine.from_config(other_side))


def _folded(canvas: Canvas, rng: np.random.Generator) -> tuple[Canvas, str]:
    """Return a sheet that was folded, crumpled, bound, askew or dog-eared."""
    forms = ("folds", "creases", "gutter", "askew", "corner")
    form = forms[int(rng.integers(len(forms)))]
    if form == "askew":
        return on_a_bed(canvas, rng), form
    add = {"folds": add_folds, "creases": add_creases, "gutter": add_gutter, "corner": fold_corner}
    add[form](canvas, rng)
    return canvas, form


def _encode(
    image: Image.Image, name: str, rng: np.random.Generator, *, lossy: bool
) -> EncodedImage:
    """Return the file that a scanner or a drawing program would write."""
    quality = int(rng.integers(60, 93))
    buffer = io.BytesIO()
    if lossy:
        image.save(buffer, format="JPEG", quality=quality)
        return EncodedImage(buffer.getvalue(), f"{name}.jpg", image.width, image.height)
    image.save(buffer, format="PNG")
    return EncodedImage(buffer.getvalue(), f"{name}.png", image.width, image.height)


_MARKS: dict[str, Callable[[Canvas, np.random.Generator], str]] = {
    "ruled": add_ruling, "table": add_table, "stains": add_stains, "holes": add_holes,
    "figure": add_figure, "frame": add_frame,
}  # fmt: skip
