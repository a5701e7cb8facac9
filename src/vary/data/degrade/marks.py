"""What print, paper, scanner and compression do to pixels, each as a function of an image.

Images are ``L`` or ``RGB`` and stay so. Only additions, products and Pillow's own filters are used,
so that the same numbers give the same pixels.
"""

import io

import numpy as np
from PIL import Image, ImageFilter

from vary.data.degrade.warp import smooth_noise

# Side of the squares in which the lightest tone is the paper's: larger than letters.
PAPER_BLOCK_PX = 32


def thicken(image: Image.Image, width_px: int, share: float = 1.0) -> Image.Image:
    """Return an image whose dark strokes are `width_px` - 1 px wider; `share` mixes it in."""
    return _with_extremes(image, np.minimum, (width_px, share))


def thin(image: Image.Image, width_px: int, share: float = 1.0) -> Image.Image:
    """Return an image whose dark strokes are `width_px` - 1 px narrower; `share` mixes it in."""
    return _with_extremes(image, np.maximum, (width_px, share))


def _with_extremes(image: Image.Image, choose: np.ufunc, how: tuple[int, float]) -> Image.Image:
    width_px, share = how
    pixels = np.array(image)
    whole = pixels.copy()
    for axis in (0, 1):
        moved = whole.copy()
        for step in range(1, width_px):
            # To both sides in turn, so that strokes do not wander.
            by = (step + 1) // 2 * (1 if step % 2 else -1)
            moved = choose(moved, _shifted(whole, by, axis))
        whole = moved
    mixed = pixels + (whole.astype(np.float32) - pixels) * np.float32(share)
    return _image(mixed)


def _shifted(pixels: np.ndarray, by: int, axis: int) -> np.ndarray:
    """Return pixels moved along an axis; the edge's own are repeated."""
    at = np.clip(np.arange(pixels.shape[axis]) - by, 0, pixels.shape[axis] - 1)
    return np.take(pixels, at, axis=axis)


def blur(image: Image.Image, radius_px: float) -> Image.Image:
    """Return an image out of focus."""
    return image.filter(ImageFilter.GaussianBlur(radius_px))


def add_noise(image: Image.Image, rng: np.random.Generator, deviation: float) -> Image.Image:
    """Return an image with the grain of a sensor, alike in all colours."""
    grain = rng.standard_normal((image.height, image.width), np.float32) * np.float32(deviation)
    return _image(_floats(image) + _on(image, grain))


def change_tones(image: Image.Image, contrast: float, brightness: float) -> Image.Image:
    """Return 255 * brightness + contrast * pixel, cut to 0-255."""
    return image.point(
        [_level(contrast * v + 255 * brightness) for v in range(256)] * _bands(image)
    )


def between_tones(image: Image.Image, dark: int, light: tuple[int, int, int]) -> Image.Image:
    """Return an image whose black is `dark` and whose white is `light` (its mean, where grey)."""
    lights = light if image.mode == "RGB" else (round(sum(light) / 3),)
    table = [_level(dark + (top - dark) * value / 255) for top in lights for value in range(256)]
    return image.point(table)


def shade(
    image: Image.Image, rng: np.random.Generator, depth: float, wave_px: float
) -> Image.Image:
    """Return an image that is lit unevenly: darker by `depth` (a share) in its darkest places."""
    field = smooth_noise(rng, image.size, wave_px)
    low, high = float(field.min()), float(field.max())
    light = 1 - np.float32(depth) * (field - low) / np.float32(max(high - low, 1e-6))
    return _image(_floats(image) * _on(image, light))


def shade_side(image: Image.Image, reach: float, depth: float, *, left: bool) -> Image.Image:
    """Return an image with one side in shadow, as beside the fold of a bound book."""
    place = np.arange(image.width, dtype=np.float32) / np.float32(max(1.0, reach * image.width))
    near = np.clip(1 - place, 0, 1)
    light = 1 - np.float32(depth) * near * near
    line = light if left else light[::-1]
    return _image(_floats(image) * _on(image, line[None, :]))


def shine_through(image: Image.Image, depth: float, shift_px: tuple[int, int]) -> Image.Image:
    """Return an image with its own mirror image faintly behind it, as of the sheet's other side.

    Args:
        image: the page.
        depth: how dark black is that shines through, 0 to 1.
        shift_px: how far the other side lies to the right and below.
    """
    paper = _paper(image)
    behind = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    behind = behind.transform(
        image.size, Image.Transform.AFFINE, (1, 0, -shift_px[0], 0, 1, -shift_px[1]),
        fillcolor=paper if image.mode == "RGB" else paper[0],
    )  # fmt: skip
    behind = behind.filter(ImageFilter.GaussianBlur(1.2))
    level = np.asarray(paper if image.mode == "RGB" else paper[0], np.float32)
    return _image(_floats(image) + (_floats(behind) - level) * np.float32(depth))


def sprinkle(image: Image.Image, rng: np.random.Generator, per_megapixel: float) -> Image.Image:
    """Return an image with specks of dirt on it, and with a few holes in the ink."""
    count = int(rng.poisson(per_megapixel * image.width * image.height / 1e6))
    pixels = _floats(image)
    size = np.ceil(rng.uniform(0.5, 1.45, count) ** 2).astype(int)
    x, y = rng.integers(0, image.width, count), rng.integers(0, image.height, count)
    levels = np.where(rng.random(count) < 0.75, rng.uniform(0, 110, count), 255.0)
    for left, top, side, level in zip(x, y, size, levels, strict=True):
        pixels[top : top + side, left : left + side] = level
    return _image(pixels)


def as_fax(image: Image.Image, threshold: float) -> Image.Image:
    """Return an image in black and white alone, by what paper and ink are around each place.

    Args:
        image: the page; light ink on dark paper stays light.
        threshold: where between ink and paper white begins, 0 to 1.
    """
    tones = np.asarray(image.convert("L"), np.float32)
    # Paper covers more than half of any page; the commonest tone may be the ink's, in uneven light.
    is_dark = float(np.median(tones)) < 128
    tones = 255 - tones if is_dark else tones
    paper = _local_paper(tones)
    depth = paper - tones
    # Ink is what is more than half as dark as the darkest; its mean is safe from single specks.
    ink = depth[depth > depth.max() / 2].mean()
    is_white = depth < ink * np.float32(1 - threshold)
    made = np.where(is_white != is_dark, 255, 0).astype(np.uint8)
    return Image.fromarray(made).convert(image.mode)


def _local_paper(tones: np.ndarray) -> np.ndarray:
    """Return the tone of the paper around each place, (H, W): the lightest, smoothed."""
    height, width = tones.shape
    rows, columns = -(-height // PAPER_BLOCK_PX), -(-width // PAPER_BLOCK_PX)
    padded = np.pad(
        tones,
        ((0, rows * PAPER_BLOCK_PX - height), (0, columns * PAPER_BLOCK_PX - width)),
        mode="edge",
    )
    blocks = padded.reshape(rows, PAPER_BLOCK_PX, columns, PAPER_BLOCK_PX)
    lightest = np.quantile(blocks, 0.9, axis=(1, 3)).astype(np.uint8)
    smooth = Image.fromarray(lightest).filter(ImageFilter.GaussianBlur(1))
    return np.asarray(smooth.resize((width, height), Image.Resampling.BILINEAR), np.float32)


def as_jpeg(image: Image.Image, quality: int) -> tuple[Image.Image, bytes]:
    """Return an image as it comes out of a JPEG file, and that file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    decoded = Image.open(buffer)
    decoded.load()
    return decoded.convert(image.mode), buffer.getvalue()


def paper_of(image: Image.Image) -> int | tuple[int, int, int]:
    """Return the commonest colour of an image's edge, as `Image.transform` takes it."""
    paper = _paper(image)
    return paper if image.mode == "RGB" else paper[0]


def _paper(image: Image.Image) -> tuple[int, int, int]:
    pixels = np.asarray(image.convert("RGB"))
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    colors, counts = np.unique(edge, axis=0, return_counts=True)
    red, green, blue = map(int, colors[int(np.argmax(counts))])
    return red, green, blue


def _bands(image: Image.Image) -> int:
    return len(image.getbands())


def _on(image: Image.Image, plane: np.ndarray) -> np.ndarray:
    """Return (H, W) values so that they meet all bands of an image."""
    return plane[:, :, None] if image.mode == "RGB" else plane


def _floats(image: Image.Image) -> np.ndarray:
    return np.asarray(image, np.float32).copy()


def _image(pixels: np.ndarray) -> Image.Image:
    np.rint(pixels, out=pixels)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _level(value: float) -> int:
    return int(min(255, max(0, round(value))))
