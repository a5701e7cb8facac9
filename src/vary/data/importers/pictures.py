"""Pictures of others: found, checked, turned upright, made smaller, encoded."""

import io
import struct
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from vary.data.engines.base import Reject
from vary.data.schema import EncodedImage
from vary.errors import VaryError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
# Only these are tried: Pillow's other readers call programs or have no place in a photo folder.
# (MPO, which phones write, is opened as JPEG.)
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
# Formats whose files can go into a set as they are.
KEPT_FORMATS = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}
LOSSLESS = frozenset({"PNG", "GIF", "BMP", "TIFF", "PPM"})
MAX_FILE_BYTES = 256 * 2**20
# What Pillow raises for files that are damaged, besides its own errors (which are OSErrors).
DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, struct.error, IndexError, KeyError, TypeError,
    OverflowError, ZeroDivisionError, MemoryError,
)  # fmt: skip
_WHITE = (255, 255, 255, 255)


@dataclass(frozen=True)
class PictureRule:
    """What becomes of a picture.

    Attributes:
        max_side_px: a picture whose longer side is longer is made smaller; None: none is.
        min_side_px: a picture whose shorter side is shorter is dropped.
        max_megapixels: a picture of more is dropped before it is decoded.
        quality: of JPEG, where a picture has to be encoded anew.
        own_bytes: keep the file as it is where it needs no change.
        kept_modes: colours of the files that may stay as they are: ``RGB``, ``L`` (grey). All
            that is encoded anew is RGB.
        lossy: encode anew as JPEG always; else what came without loss becomes PNG.
    """

    max_side_px: int | None = None
    min_side_px: int = 16
    max_megapixels: float = 90.0
    quality: int = 90
    own_bytes: bool = True
    kept_modes: tuple[str, ...] = ("RGB", "L")
    lossy: bool = False

    def __post_init__(self) -> None:
        """Refuse numbers without sense.

        Raises:
            VaryError: as told.
        """
        if self.min_side_px < 1:
            raise VaryError(f"min_side_px {self.min_side_px}: give 1 or more")
        if self.max_side_px is not None and self.max_side_px < self.min_side_px:
            raise VaryError(
                f"max_side_px {self.max_side_px}: give at least min_side_px ({self.min_side_px})"
            )
        if not 0 < self.max_megapixels <= 1000:
            raise VaryError(f"max_megapixels {self.max_megapixels}: give a number up to 1000")
        if not 1 <= self.quality <= 100:
            raise VaryError(f"quality {self.quality}: give 1 to 100")
        wrong = set(self.kept_modes) - {"RGB", "L"}
        if wrong:
            raise VaryError(f"kept_modes {', '.join(sorted(wrong))}: allowed are RGB, L")


class PictureFolders:
    """Finds pictures by the names that a data set calls them.

    Args:
        roots: folders to look in, in this order.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = tuple(roots)

    def find(self, name: str) -> Path:
        """Return where a picture lies.

        A name such as ``coco/train2017/1.jpg`` is looked up in each root; in a root that is itself
        called ``coco``; by its last part alone; then with the suffixes of other formats.

        Raises:
            Reject: it is not there, or its name leads out of the folders.
        """
        inner = PurePosixPath(name.replace("\\", "/"))
        outside = inner.is_absolute() or ".." in inner.parts or "\x00" in name
        if outside or not inner.name or ":" in inner.parts[0]:
            raise Reject("picture outside of the folders", repr(name))
        places = [place for root in self.roots for place in _places(root, inner)]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            others = [p.with_suffix(suffix) for p in places for suffix in SUFFIXES]
            found = next((place for place in others if place.is_file()), None)
        if found is None:
            raise Reject("missing picture", name)
        return found


def _places(root: Path, inner: PurePosixPath) -> list[Path]:
    places = [root / inner]
    if len(inner.parts) > 1:
        if inner.parts[0] == root.name:
            places.append(root.joinpath(*inner.parts[1:]))
        places.append(root / inner.name)
    return places


def read_file(path: Path, name: str) -> bytes:
    """Return a picture file's content.

    Raises:
        Reject: it cannot be read, or is far too large.
    """
    try:
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise Reject("picture file too large", f"{name}: {size} bytes")
        return path.read_bytes()
    except FileNotFoundError:
        raise Reject("missing picture", name) from None
    except OSError as error:
        raise Reject("unreadable picture", f"{name}: {error.strerror}") from error


def prepare_picture(content: bytes, name: str, rule: PictureRule) -> EncodedImage:
    """Return a picture as it goes into a sample: upright, and as the rule says.

    Every picture is decoded to its end, also where its own bytes are kept.

    Args:
        content: the file.
        name: what to call it; its suffix is replaced where the format changes.
        rule: sizes and encoding.

    Raises:
        Reject: it is no picture, damaged, animated, too small or too large.
    """
    try:
        with warnings.catch_warnings():
            # Of many pixels, and of odd metadata: the first is decided below, by our own limit.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(content), formats=FORMATS) as opened:
                return _prepare(opened, content, name, rule)
    except UnidentifiedImageError:
        raise Reject("not a picture", f"{name}: {len(content)} bytes") from None
    except Image.DecompressionBombError as error:
        raise Reject("too many pixels", f"{name}: {error}") from None
    except DAMAGE as error:
        raise Reject("broken picture", f"{name}: {error}") from error


def _prepare(opened: Image.Image, content: bytes, name: str, rule: PictureRule) -> EncodedImage:
    _check(opened, name, rule)
    kind = str(opened.format)
    size = opened.size
    upright = opened.getexif().get(0x0112, 1) in {0, 1}
    small = rule.max_side_px is None or max(size) <= rule.max_side_px
    stem = PurePosixPath(name.replace("\\", "/")).stem
    as_it_is = kind in KEPT_FORMATS and opened.mode in rule.kept_modes
    transparent = "transparency" in opened.info
    if rule.own_bytes and as_it_is and upright and small and not transparent:
        opened.load()
        return EncodedImage(content, stem + KEPT_FORMATS[kind], *size)
    if rule.max_side_px is not None and not small:
        opened.draft("RGB", (rule.max_side_px, rule.max_side_px))  # JPEG decodes smaller at once
    opened.load()
    image = to_rgb(ImageOps.exif_transpose(opened), name)
    if rule.max_side_px is not None and max(image.size) > rule.max_side_px:
        scale = rule.max_side_px / max(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    if kind in LOSSLESS and not rule.lossy:
        image.save(buffer, format="PNG")
        return EncodedImage(buffer.getvalue(), f"{stem}.png", *image.size)
    image.save(buffer, format="JPEG", quality=rule.quality)
    return EncodedImage(buffer.getvalue(), f"{stem}.jpg", *image.size)


def _check(opened: Image.Image, name: str, rule: PictureRule) -> None:
    """Refuse a picture by its header, before it is decoded."""
    width, height = opened.size
    if width * height > rule.max_megapixels * 1e6:
        raise Reject("too many pixels", f"{name}: {width} x {height}")
    if min(width, height) < rule.min_side_px:
        raise Reject("too small", f"{name}: {width} x {height}")
    # Phones write a second view into MPO; the first is the photo.
    frames = 1 if opened.format == "MPO" else getattr(opened, "n_frames", 1)
    if frames > 1:
        raise Reject("animated picture", f"{name}: {frames} frames")


def to_rgb(image: Image.Image, name: str) -> Image.Image:
    """Return a picture of any kind of colours as RGB: over white, 16 bits reduced to 8.

    Raises:
        Reject: its values have no known range.
    """
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise Reject("colours without a known range", f"{name}: mode {image.mode}")
        return Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise Reject("colours without a known range", f"{name}: mode F")
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        over = image.convert("RGBA")
        if over.getchannel("A").getextrema() == (255, 255):  # many charts: laying over costs time
            return over.convert("RGB")
        return Image.alpha_composite(Image.new("RGBA", over.size, _WHITE), over).convert("RGB")
    return image.convert("RGB")
