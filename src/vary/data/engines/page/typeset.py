"""How text looks and how wide it is, measured finely enough to match what is drawn."""

from dataclasses import dataclass, field
from typing import Any

from vary.data.engines.page.glyphs import FontLoader, GlyphSet
from vary.data.fonts import FontFace

Color = tuple[int, int, int]

# Text is measured and drawn this much larger and then reduced: positions to a quarter of a pixel
# and no hinting to speak of, as PDF renderers do it.
OVERSAMPLE = 4


@dataclass(frozen=True)
class TextStyle:
    """How a run of text is drawn.

    Attributes:
        face: the font.
        size_px: em size on the page.
        color: RGB, 0-255.
        tracking_px: extra space after each character, for letter-spaced headings.
        rise_px: how far above the baseline it stands, for the marks of notes.
        note: number of the footnote whose mark it is; 0: none.
    """

    face: FontFace
    size_px: float
    color: Color = (0, 0, 0)
    tracking_px: float = 0.0
    rise_px: float = 0.0
    note: int = 0

    def __hash__(self) -> int:
        """Hash what tells the styles of a page apart; that of a face with its path takes long."""
        return hash((self.size_px, self.face.style))


@dataclass
class Typesetter:
    """Measures text; keeps the fonts and widths of one page, so it is made anew for each.

    Attributes:
        fonts: where faces are loaded from.
        second: draws the words of the other script; None: the page has one face for all.
        second_is_cjk: that script is Chinese; else it is Latin.
        pieces: words of a style, with and without a space before them, as they were measured.
    """

    fonts: FontLoader
    second: FontFace | None = None
    second_is_cjk: bool = False
    _loaded: dict[tuple[FontFace, float], GlyphSet] = field(default_factory=dict)
    _of_style: dict[TextStyle, GlyphSet] = field(default_factory=dict)
    _widths: dict[TextStyle, dict[str, float]] = field(default_factory=dict)
    _spaces: dict[TextStyle, float] = field(default_factory=dict)
    # Of `breaking.make_pieces`: a page says many words again, and most Chinese characters.
    pieces: dict[TextStyle, dict[tuple[str, bool], Any]] = field(default_factory=dict)
    # What was asked for last: one style goes on for most of a page, and to look it up takes long.
    _last_widths: tuple[TextStyle, dict[str, float]] | None = None
    _last_space: tuple[TextStyle, float] | None = None

    def glyphs(self, style: TextStyle) -> GlyphSet:
        """Return the glyphs of a style's font at `OVERSAMPLE` times its size."""
        known = self._of_style.get(style)
        if known is None:
            key = (style.face, style.size_px)
            if key not in self._loaded:
                size_px = style.size_px * OVERSAMPLE
                self._loaded[key] = GlyphSet(self.fonts, style.face, size_px)
            known = self._of_style[style] = self._loaded[key]
        return known

    def width(self, text: str, style: TextStyle) -> float:
        """Return how far a text advances, px."""
        if self._last_widths is None or self._last_widths[0] is not style:
            self._last_widths = style, self._widths.setdefault(style, {})
        widths = self._last_widths[1]
        known = widths.get(text)
        if known is None:
            glyphs = self.glyphs(style)
            if style.tracking_px:
                length = sum(glyphs.advance(character) for character in text)
            else:
                length = glyphs.advance(text)
            known = widths[text] = length / OVERSAMPLE + style.tracking_px * len(text)
        return known

    def space(self, style: TextStyle) -> float:
        """Return the width of a space, px; fonts without a sensible one get a quarter em."""
        if self._last_space is None or self._last_space[0] is not style:
            known = self._spaces.get(style)
            if known is None:
                width = self.width(" ", style)
                most = 0.7 * style.size_px + style.tracking_px
                is_sensible = 0.15 * style.size_px <= width <= most
                known = self._spaces[style] = width if is_sensible else 0.25 * style.size_px
            self._last_space = style, known
        return self._last_space[1]

    def extent(self, style: TextStyle) -> tuple[float, float]:
        """Return ascent and descent, px above and below the baseline, both positive.

        Limited to what text needs: some fonts claim several ems for their rarest glyphs.
        """
        ascent, descent = self.glyphs(style).extent
        scale = 1 / OVERSAMPLE
        return (
            min(max(ascent * scale, 0.7 * style.size_px), 1.0 * style.size_px),
            min(max(descent * scale, 0.15 * style.size_px), 0.32 * style.size_px),
        )
