"""Images as they come in files, turned into upright 8-bit RGB on white."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from vary.errors import InputError

# What Pillow may open. Named one by one: others of its formats start foreign programs (EPS).
IMAGE_FORMATS = ("PNG", "JPEG", "JPEG2000", "WEBP", "TIFF", "GIF", "BMP", "PPM")
READABLE = "PDF, PNG, JPEG, JPEG 2000, WebP, TIFF, GIF, BMP and PPM"
DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")


def open_image(path: Path, max_pixels: int) -> Image.Image:
    """Open an image by its content, whatever its name, and check its size before it is decoded.

    Args:
        path: the file; not empty.
        max_pixels: the largest width times height that is accepted.

    Raises:
        InputError: the file is no image of the formats above, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path, formats=IMAGE_FORMATS)
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: {_too_large(str(error), max_pixels)}") from error
    except UnidentifiedImageError as error:
        raise InputError(f"{path}: {_what_it_is(path)}; readable are {READABLE}") from error
    except Exception as error:  # Pillow's parsers raise nearly anything on a broken header
        raise InputError(
            f"{path}: the image's header is damaged ({error}); save or copy the file again"
        ) from error
    try:
        check_size(image, max_pixels)
    except InputError as error:
        image.close()
        raise InputError(f"{path}: {error}") from None
    return image


def check_size(image: Image.Image, max_pixels: int) -> None:
    """Refuse an image by the size in its header.

    Raises:
        InputError: it has more than `max_pixels` pixels.
    """
    width, height = image.size
    if width * height > max_pixels:
        raise InputError(_too_large(f"the image is {width} x {height} px", max_pixels))


def _too_large(what: str, max_pixels: int) -> str:
    return (
        f"{what}; at most {max_pixels / 1e6:.0f} million pixels are read "
        "(A3 at 600 dpi has 70): make it smaller or cut it into pages"
    )


def _what_it_is(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(512)
    try:
        head[:-4].decode()  # a character may be cut in two at the end
    except UnicodeDecodeError:
        return "this is neither a PDF nor an image of a known kind"
    return f"this is plain text, whatever the ending {path.suffix!r} says"


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a decoded image as upright 8-bit RGB, transparency laid on white.

    Args:
        image: of any mode; 16-bit and float images are scaled to 8 bits by the range they use.

    Raises:
        OSError: the pixels are truncated or broken.
    """
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode in DEEP_MODES:
        return _from_deep(image)
    if "transparency" in image.info or image.mode in {"RGBA", "LA", "PA", "La", "RGBa"}:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    top = float(values.max(initial=0.0))
    # The depth that was used is not in the file: 12-bit scans come in 16-bit files.
    full = next((limit for limit in (1.0, 255.0, 4095.0, 65535.0) if top <= limit), top)
    if image.mode != "F" and full == 1.0:
        full = 255.0
    grey = np.clip(values * (255.0 / full), 0, 255).round().astype(np.uint8)
    return Image.fromarray(grey).convert("RGB")


def reduce_to(image: Image.Image, max_pixels: float) -> Image.Image:
    """Return the image, shrunk by the smallest whole factor that brings it to `max_pixels`."""
    factor = 1
    while image.width * image.height > max_pixels * factor**2:
        factor += 1
    return image if factor == 1 else image.reduce(factor)


def from_array(array: np.ndarray) -> Image.Image:
    """Return an image of an array.

    Args:
        array: (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); uint8, bool, uint16, or float in 0..1
            or 0..255.

    Raises:
        InputError: it has another shape or type, or no pixels.
    """
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    is_shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in {3, 4})
    if not is_shaped or array.size == 0 or array.dtype.kind not in "buf":
        raise InputError(
            f"an array of shape {array.shape} and type {array.dtype} is no image; "
            "give (height, width) or (height, width, 3 or 4) of uint8, uint16, bool or float"
        )
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    elif array.dtype.kind == "f":
        scale = 255.0 if float(np.nanmax(array)) <= 1.0 else 1.0
        array = np.clip(np.nan_to_num(array) * scale, 0, 255).round().astype(np.uint8)
    elif array.dtype.itemsize > 1:
        array = (array.astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(array))
