"""Pictures made small enough to lie within a page."""

import base64
import io
from pathlib import Path

from PIL import Image, ImageOps

from vary.read.documents import open_document

MAX_WIDTH_PX, MAX_HEIGHT_PX = 900, 1400
# A picture, and all of a page together: written in base64 they take a third more.
MAX_BYTES, MAX_ALL_BYTES = 350_000, 5_000_000
# A picture that says it is larger than this is refused before it is unpacked.
MAX_PIXELS = 200_000_000


def data_uri(path: Path | None, num_pictures: int = 1) -> tuple[str, str]:
    """Return a picture as a data URI, and why there is none: one of the two is empty.

    Args:
        path: the picture.
        num_pictures: how many share the page.
    """
    if path is None:
        return "", "no picture"
    try:
        if path.suffix.lower() == ".pdf":
            with open_document(path) as document:
                picture = _flat(document.page(1))
            return _uri(picture, num_pictures), ""
        with Image.open(path) as source:
            if source.width * source.height > MAX_PIXELS:
                return "", f"too large to show: {source.width} x {source.height} px"
            source.draft("RGB", (MAX_WIDTH_PX, MAX_HEIGHT_PX))
            picture = _flat(ImageOps.exif_transpose(source))
    except FileNotFoundError:
        return "", "the picture is missing"
    except Exception as error:  # a broken picture can raise anything
        return "", f"the picture is broken ({type(error).__name__})"
    return _uri(picture, num_pictures), ""


def _uri(picture: Image.Image, num_pictures: int) -> str:
    picture.thumbnail((MAX_WIDTH_PX, MAX_HEIGHT_PX), Image.Resampling.LANCZOS, reducing_gap=3.0)
    encoded = _encoded(picture, min(MAX_BYTES, MAX_ALL_BYTES // num_pictures))
    return "data:image/webp;base64," + base64.b64encode(encoded).decode("ascii")


def _flat(picture: Image.Image) -> Image.Image:
    """Return it in grey or colour, on white where it is transparent."""
    if picture.mode in {"L", "RGB"}:
        return picture.copy()
    if picture.mode in {"1", "I", "I;16", "F"}:
        return picture.convert("L")
    layer = picture.convert("RGBA")
    ground = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(ground, layer).convert("RGB")


def _encoded(picture: Image.Image, max_bytes: int) -> bytes:
    """Return WebP, of less quality and then smaller until it is small enough."""
    for quality in (70, 50, 30):
        file = io.BytesIO()
        picture.save(file, format="WEBP", quality=quality, method=4)
        if file.tell() <= max_bytes or max(picture.size) <= 64:
            return file.getvalue()
    half = picture.resize((max(1, picture.width // 2), max(1, picture.height // 2)))
    return _encoded(half, max_bytes)
