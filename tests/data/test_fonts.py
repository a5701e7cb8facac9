import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import ImageFont

from vary.data.engines.base import Reject
from vary.data.font_tables import UNKNOWN, font_tables
from vary.data.fonts import (
    FontFace,
    FontLibrary,
    _has_latin_letters,
    system_font_folders,
)
from vary.data.scaled_faces import Glyph, OpenFace
from vary.errors import InputError, VaryError


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


@pytest.fixture
def library(font_folder) -> FontLibrary:
    return FontLibrary.discover([font_folder])


@pytest.fixture
def two_faces(font_folder) -> FontLibrary:
    """The bundled font once upright and once as if it were bold: faces are told by their names."""
    path = font_folder / "aileron.ttf"
    return FontLibrary(
        [
            FontFace(path, 0, "Aileron", "Bold"),
            FontFace(path, 0, "Aileron", "Regular"),
        ]
    )


def test_discovery_finds_fonts_in_subfolders(font_folder, tmp_path):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    font = (font_folder / "aileron.ttf").read_bytes()
    (below / "Copy.TTF").write_bytes(font)
    (tmp_path / "notes.txt").write_text("no font")
    (face,) = FontLibrary.discover([tmp_path]).faces
    assert face == FontFace(below / "Copy.TTF", 0, "Aileron", "Regular")


@pytest.mark.parametrize("content", [b"", b"no font at all", b"\x00\x01\x00\x00" + b"\xff" * 60])
def test_unreadable_font_files_are_passed_over(font_folder, tmp_path, content):
    (tmp_path / "good.ttf").write_bytes((font_folder / "aileron.ttf").read_bytes())
    (tmp_path / "bad.ttf").write_bytes(content)
    (tmp_path / "bad.ttc").write_bytes(content)
    (face,) = FontLibrary.discover([tmp_path]).faces
    assert face.path.name == "good.ttf"


@pytest.mark.parametrize("pattern", ["Aileron", "Ail*", "aileron.t?f"])
def test_include_and_exclude_take_families_and_file_names(font_folder, pattern):
    assert len(FontLibrary.discover([font_folder], include=[pattern]).faces) == 1
    with pytest.raises(InputError, match="no font found"):
        FontLibrary.discover([font_folder], exclude=[pattern])


def test_nothing_is_included(font_folder):
    with pytest.raises(InputError, match=r"no font found in .* that matches Garamond; install"):
        FontLibrary.discover([font_folder], include=["Garamond"])


def test_empty_and_missing_folders(tmp_path):
    with pytest.raises(InputError, match=f"no font found in {tmp_path}; install fonts"):
        FontLibrary.discover([tmp_path])
    with pytest.raises(InputError, match=f"no font folder {tmp_path / 'none'}"):
        FontLibrary.discover([tmp_path / "none"])


def test_no_folder_named_means_the_systems(monkeypatch, font_folder):
    monkeypatch.setattr("vary.data.fonts.system_font_folders", lambda: [font_folder])
    assert len(FontLibrary.discover().faces) == 1


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_each_system_has_folders(monkeypatch, platform):
    monkeypatch.setattr("sys.platform", platform)
    assert all(isinstance(folder, Path) for folder in system_font_folders())


def test_no_face():
    with pytest.raises(VaryError, match="no font given"):
        FontLibrary([])


def test_missing_glyphs(library):
    (face,) = library.faces
    assert library.missing(face, "Plain text, 1893.") == set()
    assert library.missing(face, "a中b☃c") == {"中", "☃"}
    assert library.missing(face, " \t\u00a0") == set()
    assert library.missing(face, "") == set()


def test_pick_takes_a_face_with_all_glyphs(library):
    assert library.pick(rng(), "text") is library.faces[0]


def test_pick_without_the_glyphs(library):
    with pytest.raises(Reject) as caught:
        library.pick(rng(), "b中☃")
    assert caught.value.reason == "no font has the glyphs"
    assert caught.value.detail == "closest: Aileron, lacks '☃中'"


def test_pick_is_repeatable_and_prefers_plain_faces(two_faces):
    picks = [two_faces.pick(rng(seed), "text").style for seed in range(200)]
    assert picks == [two_faces.pick(rng(seed), "text").style for seed in range(200)]
    assert 0.65 < picks.count("Regular") / 200 < 0.9


def test_faces_are_in_one_order_whatever_was_found_first(two_faces):
    assert FontLibrary(two_faces.faces[::-1]).faces == two_faces.faces


def test_fonts_are_loaded_once_for_a_size(library):
    (face,) = library.faces
    font = library.load(face, 31)
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert library.load(face, 31) is font
    assert library.load(face, 32) is not font
    assert font.getlength("mm") > library.load(face, 12).getlength("mm")


def test_cache_is_bounded_and_keeps_what_is_used(library):
    (face,) = library.faces
    used = library.load(face, 5)
    for size in range(10, 540):
        library.load(face, size)
        library.load(face, 5)
    assert library.load(face, 5) is used
    assert len(library._loaded) <= 512


def test_hashes_name_files(library):
    ((name, digest),) = library.hashes().items()
    assert name == "aileron.ttf"
    assert len(digest) == 64


def test_files_of_one_name_keep_a_hash_each(font_folder, tmp_path):
    font = (font_folder / "aileron.ttf").read_bytes()
    for folder, content in [("a", font), ("b", font + b"\0"), ("c", font)]:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.ttf").write_bytes(content)
    hashes = FontLibrary.discover([tmp_path]).hashes()
    assert sorted(hashes) == ["same.ttf", "same.ttf#2"]
    assert len(set(hashes.values())) == 2
    (tmp_path / "a").rename(tmp_path / "z")
    assert FontLibrary.discover([tmp_path]).hashes() == hashes


def test_overlapping_folders_and_links_give_each_face_once(font_folder, tmp_path):
    below = tmp_path / "below"
    below.mkdir()
    (below / "font.ttf").write_bytes((font_folder / "aileron.ttf").read_bytes())
    (tmp_path / "link.ttf").symlink_to(below / "font.ttf")
    (face,) = FontLibrary.discover([below, tmp_path, tmp_path]).faces
    assert face.path == below / "font.ttf"


def test_order_hangs_on_nothing_but_the_faces(font_folder, tmp_path):
    path = font_folder / "aileron.ttf"
    faces = [
        FontFace(tmp_path / "b" / path.name, 0, "Aileron", "Regular"),
        FontFace(tmp_path / "a" / path.name, 1, "Aileron", "Regular"),
        FontFace(tmp_path / "a" / path.name, 0, "Aileron", "Regular"),
    ]
    expected = (faces[2], faces[0], faces[1])
    assert FontLibrary(faces).faces == expected
    assert FontLibrary(faces[::-1]).faces == expected


def test_open_files_of_many_bytes_are_closed_again(library, monkeypatch):
    (face,) = library.faces
    size = face.path.stat().st_size
    monkeypatch.setattr("vary.data.fonts._MOST_OPEN_BYTES", 3 * size)
    fonts = [library.load(face, 10 + at) for at in range(4)]
    assert [library.load(face, 10 + at) is fonts[at] for at in (1, 2, 3)] == [True] * 3
    assert library.load(face, 10) is not fonts[0]


def test_faces_are_opened_once_for_all_sizes(library, monkeypatch):
    (face,) = library.faces
    opened = []
    monkeypatch.setattr(
        "vary.data.fonts.OpenFace", lambda *key: opened.append(key) or OpenFace(*key)
    )
    wide, narrow = library.scaled(face, 31), library.scaled(face, 12)
    assert wide.glyph("m").advance > narrow.glyph("m").advance
    assert opened == [(face.path, face.index)]
    assert pickle.loads(pickle.dumps(library)).scaled(face, 31).glyph("m")[0] == wide.glyph("m")[0]


def test_so_many_faces_stay_open(two_faces, monkeypatch):
    monkeypatch.setattr("vary.data.fonts._MOST_OPEN", 1)
    drawn = [two_faces.scaled(face, 20) for face in two_faces.faces]
    assert len(two_faces._open) == 1
    assert drawn[0].glyph("g")[0] == drawn[1].glyph("g")[0]


def test_what_the_nearest_font_lacks_is_told(library):
    assert library.lacking("a🙂b水") == {"🙂", "水"}
    assert library.lacking("abc") == set()


class LyingFont:
    """Draws boxes for letters: (top, bottom) by character, px against the baseline."""

    def __init__(self, boxes):
        self.boxes = boxes

    def mask(self, character):
        top, bottom = self.boxes.get(character, (-12, 0))
        return Glyph(10, (np.ones((bottom - top, 10), np.uint8), 0, top))


@pytest.mark.parametrize(
    ("boxes", "is_latin"),
    [
        (dict.fromkeys("öñäåû", (-17, 0)), True),
        (dict.fromkeys("öñä", (-17, 0)), True),  # most of them are enough
        (dict.fromkeys("öñ", (-17, 0)), False),
        (dict.fromkeys("öñäåû", (-17, 5)), False),
        ({}, False),
    ],
)
def test_fonts_of_symbols_in_place_of_letters_are_told(boxes, is_latin):
    assert _has_latin_letters(LyingFont(boxes), UNKNOWN) is is_latin


def test_a_font_of_symbols_has_no_latin_letters(font_folder, monkeypatch):
    monkeypatch.setattr("vary.data.fonts._has_latin_letters", lambda *_: False)
    library = FontLibrary.discover([font_folder])
    assert library.missing(library.faces[0], "ab1-.") == {"a", "b"}


def test_a_font_of_letters_has_them(library):
    face = library.faces[0]
    assert _has_latin_letters(library.scaled(face, 24), font_tables(face.path, face.index))
