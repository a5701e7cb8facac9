"""A contact sheet as one picture: some samples with their words' boxes, their targets beside."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from vary.data.decoding import decode
from vary.data.fonts import FontLibrary
from vary.data.schema import Sample
from vary.data.shards import iterate_set
from vary.errors import InputError, VaryError
from vary.markup import plain

# A sheet is about this wide: two pages with their targets, or one strip of a line.
SHEET_PX = 1960
CELL_PX = (480, 620)
STRIP_PX = (960, 200)
STRIP_ASPECT = 3
GAP_PX = 10
FONT_PX = 14
LINE_PX = 18
# Further pictures of a sample stand below the first one, so many of them.
MAX_PICTURES = 4
BOX_COLOR = (230, 30, 30)
SHEET_COLOR = (120, 120, 120)
PAPER, INK, SOFT = (255, 255, 255), (20, 20, 20), (100, 100, 100)


def some_samples(folder: Path, start: int, count: int) -> list[Sample]:
    """Return samples of a set, in order, from the `start`-th one on.

    Raises:
        VaryError: there is none.
    """
    samples = list(islice(iterate_set(folder), start, start + count))
    if not samples:
        raise VaryError("no sample to show; this set is empty, or --start is past its end")
    return samples


def target_text(sample: Sample) -> str:
    """Return what a model shall say: the text, or a conversation with the speakers' names."""
    turns = [f"{turn.role}: {turn.content}" for turn in sample.messages]
    return "\n\n".join([sample.text, *turns] if sample.text else turns)


def draw_sample(sample: Sample, *, boxes: bool = True, image: int = 0) -> Image.Image:
    """Return an image of a sample at full size, with its words' boxes around the ink.

    Raises:
        VaryError: the sample has no such image.
    """
    if image >= len(sample.images):
        raise VaryError(f"{sample.id}: has {len(sample.images)} images, number {image} is asked")
    picture = _on_white(decode(sample.images[image]))
    pen = ImageDraw.Draw(picture)
    for word in (sample.words or ()) if boxes else ():
        if word.image == image and word.x0 <= word.x1 and word.y0 <= word.y1:
            # One pixel outside, so that what stands at the edge of the box is seen.
            pen.rectangle((word.x0 - 1, word.y0 - 1, word.x1, word.y1), outline=BOX_COLOR)
    return picture


def contact_sheet(
    samples: Sequence[Sample], rejects: dict[str, int] | None = None, *, boxes: bool = True
) -> Image.Image:
    """Return one picture of some samples: ids, images, targets; at its end, what was dropped.

    Args:
        samples: at least one.
        rejects: reason -> how many indices the set dropped for it.
        boxes: draw the words' boxes.
    """
    lines = [f"{number} dropped: {reason}" for reason, number in (rejects or {}).items()]
    writer = _Writer([*map(target_text, samples), *lines])
    cells = [_cell(sample, writer, boxes=boxes) for sample in samples]
    width = max(cell.width for cell in cells) + GAP_PX
    columns = min(len(cells), max(1, SHEET_PX // width))
    rows = [cells[at : at + columns] for at in range(0, len(cells), columns)]
    foot = writer.block([*writer.remarks, *lines], columns * width - GAP_PX, CELL_PX[1])
    height = sum(max(cell.height for cell in row) + GAP_PX for row in rows)
    has_foot = bool(writer.remarks or lines)
    height += foot.height + GAP_PX if has_foot else 0
    sheet = Image.new("RGB", (columns * width, height), SHEET_COLOR)
    top = GAP_PX // 2
    for row in rows:
        for at, cell in enumerate(row):
            sheet.paste(cell, (at * width + GAP_PX // 2, top))
        top += max(cell.height for cell in row) + GAP_PX
    if has_foot:
        sheet.paste(foot, (GAP_PX // 2, top))
    return sheet


class _Writer:
    """Writes texts of any script as pictures.

    Args:
        texts: all that will be written: they decide the font.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.remarks: list[str] = []
        self._font = ImageFont.load_default(FONT_PX)
        characters = "".join(sorted({c for text in texts for c in plain(text) if not c.isspace()}))
        # Of Latin letters Pillow's own font has the most common.
        if any(ord(character) > 0xFF for character in characters):
            self._find_font(characters)
        self._widths: dict[str, float] = {}

    def _find_font(self, characters: str) -> None:
        try:
            library = FontLibrary.discover()
        except InputError as error:
            self.remarks = [f"No font for all of these characters: {error}"]
            return
        plain_faces = [face for face in library.faces if face.style in {"Regular", "Book"}]
        faces = plain_faces or library.faces
        best = min(faces, key=lambda face: len(library.missing(face, characters)))
        self._font = library.load(best, FONT_PX)
        missing = sorted(library.missing(best, characters))
        if missing:
            codes = ", ".join(f"U+{ord(character):04X}" for character in missing[:12])
            self.remarks = [
                f"{len(missing)} characters have no glyph in {best.family}, the font here that "
                f"has the most of these: {codes}{', ...' if missing[12:] else ''}"
            ]

    def block(self, lines: Sequence[str], width: int, most_height: int) -> Image.Image:
        """Return lines on white, wrapped to a width; what does not fit is told by its length."""
        wrapped = [part for line in lines for part in self._wrapped(plain(line), width - 8)]
        most = max(1, (most_height - 8) // LINE_PX)
        if len(wrapped) > most:
            rest = sum(map(len, wrapped[most - 1 :]))
            wrapped = [*wrapped[: most - 1], f"... and {rest} characters more"]
        picture = Image.new("RGB", (width, len(wrapped) * LINE_PX + 8 if wrapped else 1), PAPER)
        pen = ImageDraw.Draw(picture)
        for row, line in enumerate(wrapped):
            pen.text((4, 4 + row * LINE_PX), line, fill=INK, font=self._font)
        return picture

    def _wrapped(self, text: str, width: int) -> Iterator[str]:
        for line in text.replace("\t", "    ").split("\n"):
            begin, used, space = 0, 0.0, -1
            for at, character in enumerate(line):
                used += self._width(character)
                if used > width and at > begin:
                    end = space + 1 if space > begin and not _is_wide(character) else at
                    yield line[begin:end]
                    begin, space = end, -1
                    used = sum(map(self._width, line[begin : at + 1]))
                if character == " ":
                    space = at
            yield line[begin:]

    def _width(self, character: str) -> float:
        if character not in self._widths:
            self._widths[character] = self._font.getlength(character)
        return self._widths[character]


def _is_wide(character: str) -> bool:
    """Return whether a line may break before this character: a CJK one."""
    return "\u2e80" <= character <= "\uffef"


def _cell(sample: Sample, writer: _Writer, *, boxes: bool) -> Image.Image:
    """Return a sample as a picture: caption; images, and the target beside them or below."""
    pictures, broken = _pictures(sample, boxes=boxes)
    wide = bool(pictures) and all(p.width > STRIP_ASPECT * p.height for p in pictures)
    for picture in pictures:
        picture.thumbnail(STRIP_PX if wide else CELL_PX, Image.Resampling.LANCZOS)
    target = target_text(sample) or "(no text)"
    text_width = STRIP_PX[0] if wide or not pictures else CELL_PX[0]
    text = writer.block([*broken, target], text_width, CELL_PX[1])
    images = _stacked(pictures) if pictures else None
    caption = writer.block([_caption(sample)], STRIP_PX[0] + (0 if wide else GAP_PX), 2 * LINE_PX)
    cell_width = caption.width
    below = caption.height
    height = max(text.height, images.height) if images and not wide else text.height
    if images and wide:
        height += images.height + 2
    cell = Image.new("RGB", (cell_width, below + height), PAPER)
    cell.paste(caption, (0, 0))
    if images is None:
        cell.paste(text, (0, below))
    elif wide:
        cell.paste(images, (0, below))
        cell.paste(text, (0, below + images.height + 2))
    else:
        cell.paste(images, (0, below))
        cell.paste(text, (CELL_PX[0] + GAP_PX, below))
    return cell


def _caption(sample: Sample) -> str:
    more = len(sample.images) - MAX_PICTURES
    told = [sample.id, sample.kind, sample.format, sample.language]
    told += [f"{more} images more"] if more > 0 else []
    return "  ·  ".join(part for part in told if part)


def _pictures(sample: Sample, *, boxes: bool) -> tuple[list[Image.Image], list[str]]:
    """Return a sample's first pictures, and what is wrong with those that cannot be drawn."""
    pictures, broken = [], []
    for number in range(min(len(sample.images), MAX_PICTURES)):
        try:
            pictures.append(draw_sample(sample, boxes=boxes, image=number))
        except InputError as error:
            broken.append(f"[{error}]")
    return pictures, broken


def _stacked(pictures: Sequence[Image.Image]) -> Image.Image:
    width = max(picture.width for picture in pictures)
    height = sum(picture.height + 2 for picture in pictures) - 2
    stack = Image.new("RGB", (width, height), SHEET_COLOR)
    top = 0
    for picture in pictures:
        stack.paste(picture, (0, top))
        top += picture.height + 2
    return stack


def _on_white(picture: Image.Image) -> Image.Image:
    if "transparency" in picture.info or picture.mode in {"RGBA", "LA", "PA"}:
        layer = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return picture.convert("RGB")
