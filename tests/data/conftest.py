import io
from pathlib import Path

import pytest
from PIL import ImageFont

TEXT = [
    "The harbour lies open to the north, and in winter the ferries wait behind the long mole "
    "until the wind has turned. Nobody hurries; the timetable has always been a suggestion.",
    "Measure twice, cut once. Write the number down. Then measure a third time, because the "
    "board has been leaning against a radiator since yesterday.",
    "A well-known remark about compilers says that an understanding of every warning is "
    "worth more than an afternoon of profiling (see page 47).",
    "Seventeen lanterns hung above the market square.",
    "Mountain railways were extended in 1893 and 1911; the second extension, considerably "
    "steeper, required a rack between the rails and locomotives built for the purpose.",
]


@pytest.fixture(scope="session")
def font_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the one font that Pillow brings, so that no test needs an installed font."""
    folder = tmp_path_factory.mktemp("fonts")
    (folder / "aileron.ttf").write_bytes(bundled_font())
    return folder


@pytest.fixture(scope="session")
def text_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    (folder / "one.txt").write_text("\n".join(TEXT * 12), encoding="utf-8")
    (folder / "two.txt").write_text("\n".join(TEXT[::-1] * 12), encoding="utf-8")
    return folder


def bundled_font() -> bytes:
    font = ImageFont.load_default(20)
    assert isinstance(font, ImageFont.FreeTypeFont)
    source = font.path
    if isinstance(source, io.BytesIO):
        return source.getvalue()
    return Path(source).read_bytes()
