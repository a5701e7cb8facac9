"""Whether a page's text layer says what its picture shows; each failing has its own reason."""

import re
from collections.abc import Sequence

import numpy as np

from vary.data.engines.base import Reject
from vary.data.engines.pdf.config import PdfConfig
from vary.data.engines.pdf.layer import Box, Fragment, Piece, TextLayer, around
from vary.data.engines.pdf.letters import count_cid

# Grey levels between neighbouring pixels that count as an edge; ink has some of them.
EDGE = 12
# A word of which less lies on the page is out of sight, cut off where it is less than the second.
SEEN, WHOLE = 0.1, 0.85
# The same text nearer to itself than this is drawn twice.
DOUBLE_EM = 0.2
_IDEOGRAPH = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_LATIN_WORD = re.compile(r"[a-zà-ÿœ]+(?:['’][^\W\d_]+)?")
_LETTER = re.compile(r"[^\W\d_]")
# Function words: running text has many of its own language's and few of another's.
_FUNCTION_WORDS = {
    "en": "the of and to in is that for it as was with be by on not but at are this have from or "
    "had an they which you were their we will can been has when who would if than",
    "de": "der die und das von zu den mit sich des auf für ist im dem nicht ein eine als auch es "
    "an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über",
    "fr": "le la les de des et en un une du est que pour dans qui sur par plus pas au avec ce il "
    "sont ou se cette aux ne ces son été leur",
    "es": "el la los las de que y en un una por con para del se al como más su es sus no lo o ha",
    "it": "il la di che e un una per in con del della dei le gli si da non sono nel è alla come",
    "pt": "o a os as de que e do da em um uma para com não dos das por no na se ao mais foi são",
    "nl": "de het een van en in is op te dat die voor met zijn niet aan er om ook als door bij",
}
_BY_LANGUAGE = {name: frozenset(words.split()) for name, words in _FUNCTION_WORDS.items()}
# A page with a smaller share of any of them, a table or a list, does not tell its language.
_TELLING = 0.06


def check_layer(layer: TextLayer, config: PdfConfig) -> None:
    """Raise `Reject` unless a text layer can be trusted as far as it can be told without the page.

    Raises:
        Reject: no text layer; glyphs without Unicode; invisible text; turned text.
    """
    total = layer.characters
    if not total:
        raise Reject("no text layer")
    cid = sum(count_cid(piece.text) for part in layer.fragments for piece in part.pieces)
    for reason, number, limit in (
        ("invisible text", layer.invisible, config.max_hidden),
        ("turned text", layer.turned, config.max_turned),
        ("glyphs without Unicode", layer.undecoded + cid, config.max_undecoded),
    ):
        if number > limit * total:
            raise Reject(reason, f"{number} of {total} characters")


def seen_fragments(
    layer: TextLayer, scale: float, pixels: np.ndarray, config: PdfConfig
) -> tuple[list[Fragment], np.ndarray]:
    """Return the text that is seen on the picture, and the table of its boxes.

    Args:
        layer: of the page.
        scale: px per pt.
        pixels: (H, W) or (H, W, 3) uint8, the picture.
        config: says how much may be out of sight.

    Returns:
        The fragments, pieces numbered by `place`; and (N, 4) int, px, half-open.

    Raises:
        Reject: too much of the text lies off the page, or has no ink under it.
    """
    pieces = [piece for fragment in layer.fragments for piece in fragment.pieces]
    if not pieces:
        raise Reject("no text layer")
    height, width = pixels.shape[:2]
    exact = np.array([piece.box for piece in pieces]) * scale
    boxes = np.concatenate([np.floor(exact[:, :2] + 0.01), np.ceil(exact[:, 2:] - 0.01)], axis=1)
    boxes = boxes.astype(np.int64)
    inside = np.clip(boxes, 0, [width, height, width, height])
    seen = _area(inside) / np.maximum(_area(boxes), 1)
    is_on = seen >= SEEN
    has_ink = _has_ink(pixels, inside, is_on)
    _check_share("text off the page", pieces, seen < WHOLE, layer, config)
    _check_share("words without ink", pieces, is_on & ~has_ink, layer, config)
    for place, piece in enumerate(pieces):
        piece.place = place
    return _once(_kept(layer.fragments, is_on & has_ink)), inside


def _has_ink(pixels: np.ndarray, boxes: np.ndarray, is_on: np.ndarray) -> np.ndarray:
    """Return for each box on the page whether something is drawn in it, in any colour."""
    has_ink = np.zeros(len(boxes), bool)
    # Green tells nearly all; black on red shows in red alone.
    for channel in (pixels,) if pixels.ndim == 2 else (pixels[..., at] for at in (1, 0, 2)):
        rest = np.flatnonzero(is_on & ~has_ink)
        if not len(rest):
            break
        has_ink[rest] = ink_under(channel, boxes[rest])
    return has_ink


def ink_under(grey: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return for each box whether something is drawn in it.

    Args:
        grey: (H, W) uint8.
        boxes: (N, 4) int, px, half-open, inside the picture, none empty.

    Returns: (N,) bool.
    """
    # Nearly all words show ink on one row of pixels; the others are looked at whole.
    has_ink = _ink_across(grey, boxes)
    for at in np.flatnonzero(~has_ink).tolist():
        x0, y0, x1, y1 = boxes[at].tolist()
        # The edges of a stroke that fills its box lie one pixel outside.
        top, left = max(y0 - 1, 0), max(x0 - 1, 0)
        part = grey[top : y1 + 1, left : x1 + 1]
        across, down = part[: y1 - top], part[:, : x1 - left]
        has_ink[at] = bool(
            _differ(across[:, 1:], across[:, :-1]).any() or _differ(down[1:], down[:-1]).any()
        )
    return has_ink


def _ink_across(grey: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return for each box whether there is ink on the row of pixels in its middle."""
    widths = boxes[:, 2] - boxes[:, 0]
    found = np.zeros(len(boxes), bool)
    wide = np.flatnonzero(widths > 1)
    if not len(wide):
        return found
    widths = widths[wide]
    starts = np.cumsum(widths) - widths
    rows = (boxes[wide, 1] + boxes[wide, 3]) // 2
    columns = np.arange(widths.sum()) + np.repeat(boxes[wide, 0] - starts, widths)
    row_of = np.repeat(rows, widths)
    pixels = grey[row_of, columns]
    marks = _differ(pixels[1:], pixels[:-1])
    # Between the last pixel of a box and the first of the next lies nothing.
    marks[starts[1:] - 1] = False
    found[wide] = np.logical_or.reduceat(marks, starts)
    return found


def check_text(text: str, type_px: float, config: PdfConfig) -> None:
    """Raise `Reject` unless a target fits.

    Args:
        text: the target.
        type_px: em of most of the type.
        config: says what fits.

    Raises:
        Reject: too short, too long, too small to read, or not in the language.
    """
    if len(text) < config.min_characters:
        raise Reject("too short", f"{len(text)} characters")
    if len(text) > config.max_characters:
        raise Reject("too long", f"{len(text)} characters")
    if type_px < config.min_type_px:
        raise Reject("type too small", f"{type_px:.1f} px")
    language = language_of(text)
    # Tables and lists of Latin letters tell no language; they are taken for the document's.
    fits = language in {config.language, "" if config.language == "en" else config.language}
    if config.language != "any" and not fits:
        raise Reject("another language", language or "not told")


def language_of(text: str) -> str:
    """Return a text's language; empty if it does not tell, ``other`` for scripts without a name.

    By script, and for Latin letters by the share of function words.
    """
    letters = len(_LETTER.findall(text))
    if not letters:
        return ""
    ideographs, kana = len(_IDEOGRAPH.findall(text)), len(_KANA.findall(text))
    if len(_HANGUL.findall(text)) > 0.1 * letters:
        return "ko"
    # An ideograph says as much as two letters and more.
    if ideographs + kana > 0.1 * letters:
        return "ja" if kana > 0.1 * (ideographs + kana) else "zh"
    words = _LATIN_WORD.findall(text.lower())
    if sum(map(len, words)) < 0.8 * letters or ideographs > 0.02 * letters:
        return "other"
    words = [word for word in words if len(word) > 1]
    shares = {
        name: sum(word in known for word in words) / max(1, len(words))
        for name, known in _BY_LANGUAGE.items()
    }
    best = max(shares, key=shares.__getitem__)
    # Abbreviations and names look like another language's words: it must show by far more.
    if best != "en" and shares[best] < max(2 * _TELLING, 1.5 * shares["en"]):
        best = "en"
    return best if shares[best] >= _TELLING else ""


def _check_share(
    reason: str, pieces: Sequence[Piece], which: np.ndarray, layer: TextLayer, config: PdfConfig
) -> None:
    found = [pieces[at] for at in np.flatnonzero(which).tolist()]
    number = sum(len(piece.text) for piece in found)
    if number > config.max_hidden * layer.characters:
        raise Reject(reason, f"{number} of {layer.characters} characters, {found[0].text!r}")


def _kept(fragments: Sequence[Fragment], is_seen: np.ndarray) -> list[Fragment]:
    """Return fragments without the pieces that are not seen."""
    if is_seen.all():
        return list(fragments)
    kept = []
    for part in fragments:
        pieces = [piece for piece in part.pieces if is_seen[piece.place]]
        if pieces:
            kept.append(Fragment(pieces, part.baseline, part.size, around(pieces)))
    return kept


def _once(fragments: Sequence[Fragment]) -> list[Fragment]:
    """Return fragments without those drawn again, a little aside: shadows, and false bold type."""
    drawn: dict[str, list[Box]] = {}
    kept = []
    for part in fragments:
        boxes = drawn.setdefault(" ".join([piece.text for piece in part.pieces]), [])
        limit = DOUBLE_EM * part.size
        x, y = part.box[:2]
        if not any(abs(x - box[0]) < limit and abs(y - box[1]) < limit for box in boxes):
            boxes.append(part.box)
            kept.append(part)
    return kept


def _differ(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return where two (H, W) uint8 pictures differ by more than `EDGE`."""
    return np.maximum(one, other) - np.minimum(one, other) > EDGE


def _area(boxes: np.ndarray) -> np.ndarray:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return sides[:, 0] * sides[:, 1]
