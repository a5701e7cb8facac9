from pathlib import Path

import numpy as np
import pytest

from vary.data.engines.page.faces import draw_faces
from vary.data.fonts import FontFace, FontLibrary


def library(*faces, lacks=""):
    """A library whose faces have all characters but some."""
    made = FontLibrary([FontFace(Path(f"{f}-{s}.ttf"), 0, f, s) for f, s in faces])
    made.missing = lambda face, text: set(text) & set(lacks)
    made.has_all = lambda face, characters: not made.missing(face, characters)
    return made


def bodies(fonts, tries=60):
    return {draw_faces(np.random.default_rng(at), fonts, "ab").body for at in range(tries)}


def test_text_is_set_in_a_family_that_has_but_a_light_face():
    drawn = {face.family for face in bodies(library(("Song", "Light"), ("Hei", "Regular")))}
    assert drawn == {"Song", "Hei"}


@pytest.mark.parametrize("style", ["Light", "Bold", "Italic", "Light Italic"])
def test_text_is_seldom_set_in_an_unusual_face_of_a_family(style):
    fonts = library(("Sans", "Regular"), ("Sans", style))
    assert {face.style for face in bodies(fonts)} == {"Regular"}
