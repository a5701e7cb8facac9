"""Glyphs by FreeType's own calls beside Pillow's: time of each, and whether they are the same.

    python benchmarks/data_glyphs.py [--fonts FOLDER] [--faces 100] [--most 200] [--seed 0]

Of some of the installed faces, by lot, characters at two sizes each: Latin letters, digits and
signs, and ideographs where the face has them. First both draw them to be compared: `differ` counts
glyphs that are not the same in every pixel, place and advance, and should be 0. Then each draws and
measures them again, with nothing kept from before: microseconds of the processor for each.
"""

import argparse
import random
import string
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vary.data.fonts import FontFace, FontLibrary
from vary.data.scaled_faces import (
    Glyph,
    OpenFace,
    PillowScaled,
    ScaledFace,
    are_alike,
    load_font,
)

SIZES_PX = (9.0, 12.0, 13.7, 16.0, 24.0, 31.13, 37.3, 40.0, 61.77, 120.3)
LATIN = string.ascii_letters + string.digits + ".,;-()[]!?&%ÄÖéßñαΣ∞ "
IDEOGRAPHS = "".join(map(chr, range(0x4E00, 0x9FA5, 37)))


@dataclass
class Row:
    """Glyphs of a script, seconds of the processor for them, and how many are not the same."""

    glyphs: int = 0
    ours_s: float = 0.0
    pillow_s: float = 0.0
    differ: int = 0


def compare(faces: Sequence[FontFace], fonts: FontLibrary, most: int, seed: int) -> dict[str, Row]:
    """Return what came of both, by script."""
    chance = random.Random(seed)
    found: dict[str, Row] = {}
    for face in faces:
        opened = OpenFace(face.path, face.index)
        for size_px in chance.sample(SIZES_PX, 2):
            ours = opened.scaled(size_px)
            pillow = PillowScaled(load_font(face.path, face.index, size_px))
            for script, pool in (("Latin", LATIN), ("Chinese", IDEOGRAPHS)):
                if not fonts.has(face, pool[0]):
                    continue
                characters = chance.sample(pool, min(most, len(pool)))
                pairs = [
                    (ours.glyph(character), pillow.glyph(character)) for character in characters
                ]
                row = found.setdefault(script, Row())
                row.glyphs += len(characters)
                row.differ += sum(not are_alike(*pair) for pair in pairs)
                row.ours_s += timed(ours.glyph, characters)
                row.pillow_s += timed(pillow.glyph, characters)
    return found


def timed(draw: Callable[[str], Glyph], characters: Sequence[str]) -> float:
    """Return the seconds of the processor that it takes to draw characters."""
    start = time.process_time()
    for character in characters:
        draw(character)
    return time.process_time() - start


def main() -> None:
    """Compare, and print a row for each script."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--fonts", type=Path, help="folder; otherwise the system's")
    parser.add_argument("--faces", type=int, default=100)
    parser.add_argument("--most", type=int, default=200, help="characters of a face and size")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    fonts = FontLibrary.discover(None if given.fonts is None else [given.fonts])
    number = min(given.faces, len(fonts.faces))
    faces = random.Random(given.seed).sample(fonts.faces, number)
    scaled: ScaledFace = OpenFace(faces[0].path, faces[0].index).scaled(SIZES_PX[0])
    print(f"{number} of {len(fonts.faces)} faces; ours: {type(scaled).__name__}")
    print(f"{'':10}{'glyphs':>8}{'ours us':>10}{'Pillow us':>11}{'ratio':>7}{'differ':>8}")
    for script, row in compare(faces, fonts, given.most, given.seed).items():
        ours, pillow = (seconds / row.glyphs * 1e6 for seconds in (row.ours_s, row.pillow_s))
        print(
            f"{script:10}{row.glyphs:8}{ours:10.1f}{pillow:11.1f}{pillow / ours:7.2f}{row.differ:8}"
        )


if __name__ == "__main__":
    main()
