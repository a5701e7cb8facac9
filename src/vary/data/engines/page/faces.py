"""Which fonts a page is set in: one family, with the faces that have all its glyphs."""

from dataclasses import dataclass

import numpy as np

from vary.data.fonts import FontFace, FontLibrary

# Faces drawn before a page takes what it got: text is rarely bold or italic throughout.
TRIES_FOR_UPRIGHT = 8
UNUSUAL_STYLES = ("bold", "italic", "oblique", "light", "thin", "black", "heavy", "slanted")
# Pages whose headings are set in another family than the text.
OTHER_HEADING_SHARE = 0.15


@dataclass(frozen=True)
class Faces:
    """The faces of a page; bold and italic where the family has them."""

    body: FontFace
    bold: FontFace | None
    italic: FontFace | None
    heading: FontFace


def draw_faces(rng: np.random.Generator, fonts: FontLibrary, text: str) -> Faces:
    """Return faces that have all characters of a text, drawn at random.

    Raises:
        Reject: no face has them all.
    """
    characters = "".join(sorted(set(text)))
    body = _upright(rng, fonts, characters)
    bold = _sibling(fonts, body, ("bold",), characters)
    italic = _sibling(fonts, body, ("italic", "oblique"), characters)
    heading = bold or body
    if rng.random() < OTHER_HEADING_SHARE:
        other = _upright(rng, fonts, characters)
        heading = _sibling(fonts, other, ("bold",), characters) or other
    return Faces(body, bold, italic, heading)


def _upright(rng: np.random.Generator, fonts: FontLibrary, characters: str) -> FontFace:
    """Return a face that has the characters, an upright one of normal weight if possible."""
    face = fonts.pick(rng, characters)
    for _ in range(TRIES_FOR_UPRIGHT):
        if not _is_unusual(fonts, face):
            break
        face = fonts.pick(rng, characters)
    return face


def _is_unusual(fonts: FontLibrary, face: FontFace) -> bool:
    """Return whether a face is not what text is set in; where all of a family is light, that is."""
    words = [word for word in UNUSUAL_STYLES if word in face.style.lower()]
    if words != ["light"]:
        return bool(words)
    return any("light" not in other.style.lower() for other in fonts.families[face.family])


def _sibling(
    fonts: FontLibrary, face: FontFace, styles: tuple[str, ...], characters: str
) -> FontFace | None:
    """Return the face of the same family in one of some styles, if it has the characters."""
    for other in fonts.families[face.family]:
        if other.style.lower() in styles and fonts.has_all(other, set(characters)):
            return other
    return None
