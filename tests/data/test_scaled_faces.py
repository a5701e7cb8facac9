import gc
import shutil
import sys
import threading
import weakref
from pathlib import Path

import numpy as np
import pytest

from vary.data import scaled_faces
from vary.data.engines.base import make_sample
from vary.data.engines.page.engine import PageConfig, build_page_engine
from vary.data.fonts import FontLibrary
from vary.data.freetype import FreeType, freetype_of_pillow
from vary.data.scaled_faces import (
    FreeTypeScaled,
    OpenFace,
    PillowScaled,
    load_font,
    rest_files,
)

CHARACTERS = (
    "".join(map(chr, range(0x20, 0x250))) + "\t\u2013\u2026\u4e00\uffff\U0001f600\U0010ffff"
)
needs_freetype = pytest.mark.skipif(
    sys.platform != "linux", reason="Pillow shows its FreeType on Linux for sure"
)


@pytest.fixture
def path(font_folder):
    return font_folder / "aileron.ttf"


def mapped_kib(path) -> int:
    """Return how much of a file is in this process's memory."""
    is_of_file, total = False, 0
    smaps = Path("/proc/self/smaps")
    for line in smaps.read_text().splitlines() if smaps.exists() else []:
        if "-" in line.split()[0]:
            is_of_file = line.endswith(str(path))
        elif is_of_file and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total


def same(one, other) -> bool:
    if one.bitmap is None or other.bitmap is None:
        return one == other
    (ink, *place), (other_ink, *other_place) = one.bitmap, other.bitmap
    is_there = (one.advance, place) == (other.advance, other_place)
    return is_there and ink.dtype == np.uint8 and np.array_equal(ink, other_ink)


@needs_freetype
def test_pillow_shows_its_library():
    assert freetype_of_pillow() is not None
    assert scaled_faces._freetype() is freetype_of_pillow()


@needs_freetype
@pytest.mark.parametrize("size_px", [1, 7.3, 17.7, 37.3, 40, 211.09])
def test_freetype_draws_what_pillow_draws(path, size_px):
    ours = OpenFace(path, 0).scaled(size_px)
    pillow = PillowScaled(load_font(path, 0, size_px))
    assert isinstance(ours, FreeTypeScaled)
    assert ours.extent == pillow.extent
    for character in CHARACTERS:
        assert same(ours.glyph(character), pillow.glyph(character))
        assert same(ours.mask(character), pillow.mask(character))
    pairs = ["AV", "To", "fi", "P,", "a\uffff"]
    assert [ours.kern(pair) for pair in pairs] == [pillow.kern(pair) for pair in pairs]


def test_ink_is_cut_out_of_the_mask(path):
    """A glyph's ink ends at its edges; a mask has all of it, and the baseline at its side."""
    scaled = OpenFace(path, 0).scaled(40)
    for character in "gT.-'":
        ink, left, top = scaled.glyph(character).bitmap
        assert all(edge.any() for edge in (ink[0], ink[-1], ink[:, 0], ink[:, -1]))
        whole, x, y = scaled.mask(character).bitmap
        height, width = ink.shape
        assert np.array_equal(whole[top - y :, left - x :][:height, :width], ink)
        assert whole.sum() == ink.sum()
        assert x <= 0 and y <= 0 <= y + whole.shape[0]


def test_sizes_of_a_face_do_not_disturb_one_another(path):
    face = OpenFace(path, 0)
    small, large = face.scaled(12), face.scaled(80)
    expected = [OpenFace(path, 0).scaled(size).glyph("R") for size in (12, 80)]
    for _ in range(3):
        assert same(small.glyph("R"), expected[0])
        assert same(large.glyph("R"), expected[1])
    del small
    gc.collect()
    assert same(large.glyph("R"), expected[1])


def test_what_is_drawn_outlives_its_face(path):
    ink = OpenFace(path, 0).scaled(30).glyph("m").bitmap[0]
    before = ink.copy()
    gc.collect()
    for size in range(20, 60):
        OpenFace(path, 0).scaled(size).glyph("w")
    assert np.array_equal(ink, before)


@needs_freetype
def test_a_file_is_mapped_once_and_let_go(path, tmp_path):
    path = shutil.copy(path, tmp_path / "own.ttf")
    faces = [OpenFace(path, 0) for _ in range(3)]
    file = scaled_faces._files[path]
    gone = weakref.ref(file)
    scaled = faces[0].scaled(20)
    del file, faces
    gc.collect()
    assert gone() is not None and scaled.glyph("a").bitmap is not None
    del scaled
    gc.collect()
    assert gone() is None and path not in scaled_faces._files


@needs_freetype
def test_files_rest_and_are_there_again(path, tmp_path):
    path = shutil.copy(path, tmp_path / "own.ttf")
    scaled = OpenFace(path, 0).scaled(20)
    before = scaled.glyph("a")
    if not mapped_kib(path):
        pytest.skip("this system does not tell what is mapped")
    rest_files()
    assert mapped_kib(path) == 0
    assert same(scaled.glyph("a"), before)
    assert mapped_kib(path) > 0


def test_a_library_lets_files_rest_now_and_then(font_folder, monkeypatch):
    rested = []
    monkeypatch.setattr("vary.data.fonts.rest_files", lambda: rested.append(1))
    library = FontLibrary.discover([font_folder])
    for size in range(600):
        library.scaled(library.faces[0], 10 + size / 10)
    assert len(rested) == 2


def test_threads_share_a_face(path):
    face = OpenFace(path, 0)
    expected = {size: face.scaled(size).glyph("Q") for size in range(20, 28)}
    wrong = []

    def draw(size: int) -> None:
        scaled = face.scaled(size)
        wrong.extend(size for _ in range(300) if not same(scaled.glyph("Q"), expected[size]))

    threads = [threading.Thread(target=draw, args=(size,)) for size in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_bitmaps_that_are_not_grey_are_drawn_by_pillow(path, monkeypatch):
    plain = OpenFace(path, 0).scaled(24)
    expected = plain.glyph("k"), plain.mask("k"), plain.glyph(" ")
    monkeypatch.setattr(scaled_faces, "_is_plain", lambda _: False)
    monkeypatch.setattr(scaled_faces, "_ink", lambda _: None)
    found = OpenFace(path, 0).scaled(24)
    assert all(map(same, (found.glyph("k"), found.mask("k"), found.glyph(" ")), expected))


def test_pages_are_the_same_without_the_library(font_folder, text_folder, monkeypatch):
    config = PageConfig(text=text_folder, fonts=(font_folder,))
    lines = PageConfig(text=text_folder, fonts=(font_folder,), kind="line")
    made = [make_sample(build_page_engine(options), 1, 3) for options in (config, lines)]
    monkeypatch.setattr(scaled_faces, "_freetype", lambda: None)
    assert isinstance(OpenFace(font_folder / "aileron.ttf", 0).scaled(9), PillowScaled)
    assert [make_sample(build_page_engine(options), 1, 3) for options in (config, lines)] == made


def test_a_library_that_draws_otherwise_is_left(monkeypatch):
    monkeypatch.setattr(scaled_faces, "are_alike", lambda *_: False)
    assert scaled_faces._freetype.__wrapped__() is None


def test_a_pillow_without_freetype_s_functions_has_none(monkeypatch):
    def hidden(file: str) -> FreeType:
        raise AttributeError("FT_Load_Glyph")

    monkeypatch.setattr("vary.data.freetype.FreeType", hidden)
    assert freetype_of_pillow.__wrapped__() is None


@pytest.mark.parametrize(
    ("content", "index"), [(b"", 0), (b"no font at all", 0), (None, 7), ("missing", 0)]
)
def test_files_that_are_no_fonts(path, tmp_path, content, index):
    file = tmp_path / "font.ttf"
    if content != "missing":
        file.write_bytes(path.read_bytes() if content is None else content)
    with pytest.raises(OSError):
        OpenFace(file, index).scaled(20)
