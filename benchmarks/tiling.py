"""The ceiling of reading line by line: tiles filled with the PDFs' own characters.

Each page is cut from its pixels; then each character of the one-page PDF beside it goes to the
tile that shows its ink. The text joined from the tiles, compared with the truth, is what a
recogniser without fault would reach: what is missing to 0 is lost ink or wrong order.

    python benchmarks/tiling.py --pages FOLDER [--language en] [--save-overlay DIR]

FOLDER holds `en/` and `zh/` with NAME.png, NAME.pdf (one page), NAME.txt; and `META.json`.
"""

import argparse
import ctypes
import json
import statistics
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
from PIL import Image, ImageDraw
from rapidfuzz.distance import Levenshtein

from vary.read.cutting import PageLayout, cut_page
from vary.read.joining import join_lines

BROKEN_REPOSITORY = "OWASP/Top10"
"""Source of the Chinese pages whose glyph maps are broken; reported apart."""
LINE_END_HYPHENS = {0x02, 0xAD, 0xFFFE}
"""What pdfium gives for a hyphen that ends a line."""


@dataclass(frozen=True)
class Char:
    """A character of the text layer with its box in pixels of the picture."""

    text: str
    box: tuple[float, float, float, float] | None


@dataclass(frozen=True)
class Score:
    """A page's distance to its truth, and how its text came out."""

    name: str
    distance: float
    num_tiles: int
    num_lost: int
    seconds: float
    text: str


def _to_pixels(page: pypdfium2.PdfPage, size: tuple[int, int], x: float, y: float) -> list[int]:
    """Return a point of the page in picture coordinates times 16."""
    device_x, device_y = ctypes.c_int(), ctypes.c_int()
    width, height = (16 * value for value in size)
    pdfium.FPDF_PageToDevice(page, 0, 0, width, height, 0, x, y, device_x, device_y)
    return [device_x.value, device_y.value]


def read_chars(pdf: Path, size: tuple[int, int], index: int = 0) -> list[Char]:
    """Return the characters of a PDF page in the text layer's order.

    Args:
        pdf: the document.
        size: width and height of the picture of the page.
        index: the page, from 0.
    """
    document = pypdfium2.PdfDocument(pdf)
    page = document[index]
    textpage = page.get_textpage()
    chars = []
    for number in range(textpage.count_chars()):
        code = pdfium.FPDFText_GetUnicode(textpage, number)
        text = "-" if code in LINE_END_HYPHENS else chr(code)
        if pdfium.FPDFText_IsGenerated(textpage, number) == 1 and text.isspace():
            chars.append(Char(" ", None))
            continue
        left, bottom, right, top = textpage.get_charbox(number)
        if text.isspace() or right <= left or top <= bottom:
            chars.append(Char(" " if text.isspace() else text, None))
            continue
        x0, y0 = _to_pixels(page, size, left, top)
        x1, y1 = _to_pixels(page, size, right, bottom)
        box = (min(x0, x1) / 16, min(y0, y1) / 16, max(x0, x1) / 16, max(y0, y1) / 16)
        if not (0 <= box[0] + box[2] < 2 * size[0] and 0 <= box[1] + box[3] < 2 * size[1]):
            continue
        chars.append(Char(text, box))
    document.close()
    return chars


def home_of(layout: PageLayout, box: tuple[float, float, float, float]) -> int | None:
    """Return the index of the tile that shows a character's ink, else None.

    Most of the ink in the character's box decides; without ink of any tile, the tile whose ink
    box holds the character's centre most centrally.
    """
    x0, y0, x1, y1 = box
    if layout.owner is not None and layout.owner.shape == layout.image.shape:
        rows = slice(max(0, int(y0)), max(int(y0) + 1, int(np.ceil(y1))))
        columns = slice(max(0, int(x0)), max(int(x0) + 1, int(np.ceil(x1))))
        inside = layout.owner[rows, columns]
        inside = inside[inside > 0]
        if len(inside):
            return int(np.bincount(inside).argmax()) - 1
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    best, best_distance = None, 0.75
    for number, tile in enumerate(layout.tiles):
        left, top, right, bottom = tile.ink
        if left - 2 <= x <= right + 2:
            distance = abs(y - (top + bottom) / 2) / max(1, bottom - top)
            if distance < best_distance:
                best, best_distance = number, distance
    return best


def fill_tiles(layout: PageLayout, chars: list[Char]) -> tuple[list[str], int]:
    """Return what each tile says by the text layer, and how many characters fell in none."""
    placed: list[list[tuple[int, float, float, str]]] = [[] for _ in layout.tiles]
    lost = 0
    for order, char in enumerate(chars):
        if char.box is None:
            continue
        home = home_of(layout, char.box)
        if home is None:
            lost += 1
            continue
        placed[home].append((order, char.box[0], char.box[2], char.text))
    return [_spell(members, chars) for members in placed], lost


def _spell(members: list[tuple[int, float, float, str]], chars: list[Char]) -> str:
    """Return a tile's characters from left to right, spaces where the text layer has them."""
    runs: list[list[tuple[int, float, float, str]]] = []
    for member in members:
        follows = runs and all(
            chars[between].box is None for between in range(runs[-1][-1][0] + 1, member[0])
        )
        backwards = runs and member[1] < runs[-1][-1][1] - 2 * (member[2] - member[1])
        if follows and not backwards:
            runs[-1].append(member)
        else:
            runs.append([member])
    runs.sort(key=lambda run: run[0][1])
    words = []
    for run in runs:
        text = run[0][3]
        for left, right in pairwise(run):
            blank = any(chars[k].text == " " for k in range(left[0] + 1, right[0]))
            text += (" " if blank else "") + right[3]
        words.append(text)
    return " ".join(words)


def normalise(text: str, language: str) -> str:
    """Return the text with white space collapsed; for Chinese without any."""
    return ("" if language == "zh" else " ").join(text.split())


def distance(prediction: str, truth: str) -> float:
    """Return Levenshtein(prediction, truth) / max(len), 0..1."""
    return Levenshtein.distance(prediction, truth) / max(1, len(prediction), len(truth))


def draw_overlay(layout: PageLayout, target: Path) -> None:
    """Write the page with its tiles: numbers in reading order, colours by block."""
    page = Image.fromarray(layout.image).convert("RGB")
    pen = ImageDraw.Draw(page)
    colours = ("#d02020", "#2060d0", "#109030", "#b06000", "#8020b0", "#008080")
    paragraph = -1
    for number, tile in enumerate(layout.tiles):
        colour = colours[tile.block % len(colours)]
        x0, y0, x1, y1 = tile.ink
        pen.rectangle((x0 - 1, y0 - 1, x1, y1), outline=colour)
        mark = f"{number}" + ("*" if tile.paragraph != paragraph else "")
        paragraph = tile.paragraph
        pen.text((max(0, x0 - 22), y0), mark, fill=colour)
    target.parent.mkdir(parents=True, exist_ok=True)
    page.save(target)


def score_page(picture: Path, language: str, overlays: Path | None) -> Score:
    """Cut one page, fill it, and compare it with the truth beside it."""
    with Image.open(picture) as image:
        image.load()
        start = time.perf_counter()
        layout = cut_page(image)
        seconds = time.perf_counter() - start
        chars = read_chars(picture.with_suffix(".pdf"), image.size)
    texts, lost = fill_tiles(layout, chars)
    text = join_lines(layout, texts, style="lines")
    truth = picture.with_suffix(".txt").read_text(encoding="utf-8")
    if overlays:
        draw_overlay(layout, overlays / f"{picture.stem}.png")
        (overlays / f"{picture.stem}.txt").write_text(text, encoding="utf-8")
    value = distance(normalise(text, language), normalise(truth, language))
    return Score(picture.stem, value, len(layout.tiles), lost, seconds, text)


def _summary(title: str, scores: list[Score]) -> str:
    values = [score.distance for score in scores]
    return (
        f"{title}: mean {statistics.mean(values):.4f}  median {statistics.median(values):.4f}"
        f"  n {len(values)}  seconds/page {statistics.mean(s.seconds for s in scores):.2f}"
    )


def broken_pages(folder: Path) -> set[str]:
    """Return the ids of the pages whose text layer cannot be trusted."""
    meta = folder / "META.json"
    if not meta.is_file():
        return set()
    entries = json.loads(meta.read_text(encoding="utf-8"))
    return {e["id"] for e in entries if e["repo"] == BROKEN_REPOSITORY and e["lang"] == "zh"}


def main() -> None:
    """Score all pages of a folder and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=Path, required=True, help="folder with en/ and zh/")
    parser.add_argument("--language", choices=("en", "zh"), help="only this one")
    parser.add_argument("--only", default="", help="only pages whose name holds this")
    parser.add_argument("--save-overlay", type=Path, help="folder for pictures of the tiles")
    arguments = parser.parse_args()
    broken = broken_pages(arguments.pages)
    for language in (arguments.language,) if arguments.language else ("en", "zh"):
        pictures = sorted(
            p for p in (arguments.pages / language).glob("*.png") if arguments.only in p.stem
        )
        if not pictures and arguments.language:
            parser.error(f"no pages in {arguments.pages / language}; give the folder above it")
        scores = [score_page(p, language, arguments.save_overlay) for p in pictures]
        for score in scores:
            mark = "  (broken glyph map)" if score.name in broken else ""
            print(
                f"{score.name}  {score.distance:.4f}  tiles {score.num_tiles:3d}"
                f"  lost {score.num_lost:3d}  {score.seconds:.2f} s{mark}"
            )
        sound = [score for score in scores if score.name not in broken]
        apart = [score for score in scores if score.name in broken]
        if sound:
            print(_summary(f"{language}, sound text layers", sound))
        if apart:
            print(_summary(f"{language}, broken glyph maps", apart))


if __name__ == "__main__":
    main()
