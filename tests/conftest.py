"""Documents made on the spot, a recognizer without a model, and a recipe that runs in seconds."""

import io
import os
import signal
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image, ImageDraw, ImageFont

from vary.read.documents import DocumentConfig
from vary.train.recipe import Recipe, load_recipe

# What a terminal or a CI service tells programs about colours and widths: `--help` and errors then
# break their lines elsewhere. Typer looks as its first command is built, so it is gone by then.
for _name in ("COLUMNS", "LINES", "TERMINAL_WIDTH", "FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"):
    os.environ.pop(_name, None)
# The models of tests are too small to share: with a thread for each core they wait for each other
# wherever something else runs. Processes that tests start hear of it by the variable.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"
# What a shell starts in the background ignores Ctrl-C, and so do the processes that it starts in
# turn: those that tests interrupt would never hear of it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class InkRecognizer:
    """Answers with what it measures on the pixels; it knows nothing else of the document."""

    tasks = ("ocr",)

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.strips: list[np.ndarray] = []

    @staticmethod
    def text_of(strip: np.ndarray) -> str:
        return f"w{strip.shape[1]}i{zlib.crc32(np.ascontiguousarray(strip).tobytes()):08x}"

    def read(self, strips: Sequence[np.ndarray]) -> list[SimpleNamespace]:
        self.batches.append(len(strips))
        self.strips += strips
        return [self.answer(strip) for strip in strips]

    def answer(self, strip: np.ndarray) -> SimpleNamespace:
        text = self.text_of(strip)
        return SimpleNamespace(
            text=text, decoder="lm", confidence=0.5, status="ok", draft="d" + text
        )


@pytest.fixture(scope="session")
def small_pages() -> DocumentConfig:
    """Return a resolution at which the large letters of these tests are cut quickly."""
    return DocumentConfig(long_side_px=480, min_dpi=30)


@pytest.fixture
def recognizer() -> InkRecognizer:
    return InkRecognizer()


@pytest.fixture(scope="session")
def draw_page() -> Callable[..., Image.Image]:
    """Return a function that draws lines of text on a white page."""

    def draw(
        lines: Sequence[str], size: tuple[int, int] = (900, 600), font_px: int = 30
    ) -> Image.Image:
        image = Image.new("L", size, 255)
        font = ImageFont.load_default(font_px)
        pen = ImageDraw.Draw(image)
        for row, line in enumerate(lines):
            pen.text((60, 50 + row * font_px * 1.6), line, font=font, fill=0)
        return image

    return draw


def _object(number: int, body: bytes) -> bytes:
    return b"%d 0 obj\n%s\nendobj\n" % (number, body)


def _stream(entries: bytes, content: bytes) -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(content), content)


def _page_objects(first: int, page: Image.Image | None, hidden_text: str) -> list[bytes]:
    """Return a page, its content and its picture; None gives something that is no page."""
    if page is None:
        return [_object(first, b"42")]
    grey = page.convert("L")
    content = b"q 612 0 0 792 0 0 cm /Im Do Q BT 3 Tr /F 12 Tf 50 700 Td (%s) Tj ET"
    picture = b"/Type /XObject /Subtype /Image /ColorSpace /DeviceGray /BitsPerComponent 8 "
    picture += b"/Filter /FlateDecode /Width %d /Height %d" % grey.size
    resources = b"<< /XObject << /Im %d 0 R >> /Font << /F 3 0 R >> >>" % (first + 2)
    entries = b"/Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources %s /Contents %d 0 R"
    return [
        _object(first, b"<< %s >>" % (entries % (resources, first + 1))),
        _object(first + 1, _stream(b"", content % hidden_text.encode())),
        _object(first + 2, _stream(picture, zlib.compress(grey.tobytes()))),
    ]


@pytest.fixture(scope="session")
def write_pdf() -> Callable[..., Path]:
    """Return a function that writes a PDF whose pages are pictures over an invisible text."""

    def write(
        path: Path,
        pages: Sequence[Image.Image | None],
        hidden_text: str = "",
        has_password: bool = False,
    ) -> Path:
        objects = [b"", b"", _object(3, b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")]
        kids = []
        for page in pages:
            first = len(objects) + 1
            kids.append(b"%d 0 R" % first)
            objects += _page_objects(first, page, hidden_text)
        objects[0] = _object(1, b"<< /Type /Catalog /Pages 2 0 R >>")
        tree = b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(kids), b" ".join(kids))
        objects[1] = _object(2, tree)
        data, offsets = b"%PDF-1.4\n", []
        for item in objects:
            offsets.append(len(data))
            data += item
        table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
        head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
        lock = b"/ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>"
        locked = lock % (b"11" * 32, b"22" * 32) if has_password else b""
        trailer = b"trailer\n<< /Size %d /Root 1 0 R %s >>\n" % (len(objects) + 1, locked)
        end = b"startxref\n%d\n%%%%EOF\n" % len(data)
        path.write_bytes(data + head + table + trailer + end)
        return path

    return write


LEARNED = [
    "The harbour lies open to the north, and in winter the ferries wait behind the long mole.",
    "Measure twice, cut once. Write the number down. Then measure a third time.",
    "Seventeen lanterns hung above the market square, and nobody counted them again.",
]
HELD_OUT = [
    "Zebras quietly jump vexing wolf packs.",
    "Glyph xylophone quartz: five big dwarves jog.",
]


def bundled_font() -> bytes:
    """Return the one font that Pillow brings, so that no test needs an installed one."""
    font = ImageFont.load_default(20)
    assert isinstance(font, ImageFont.FreeTypeFont)
    source = font.path
    return source.getvalue() if isinstance(source, io.BytesIO) else Path(source).read_bytes()


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with `text` and `fonts`, in each a file to learn from and one held out."""
    folder = tmp_path_factory.mktemp("sources")
    for name in ("text", "fonts"):
        (folder / name).mkdir()
    for name, lines in (("learned", LEARNED), ("held", HELD_OUT)):
        (folder / "text" / f"{name}.txt").write_text("\n".join(lines), encoding="utf-8")
        (folder / "fonts" / f"{name}.ttf").write_bytes(bundled_font())
    return folder


@pytest.fixture(scope="session")
def tiny_fields(sources: Path) -> dict[str, Any]:
    """Return a recipe of two stages as YAML has it; not to be changed."""
    stage = {"warmup_steps": 1, "widths_px": [128, 256], "batch_px": 512, "learning_rate": 1.0e-3}
    return {
        "name": "tiny",
        "seed": 3,
        "precision": "fp32",
        "num_workers": 0,
        "model": {
            "ctc_head": True,
            "vocabulary": {
                "image_size": [48, 256],
                "patch_size": [16, 8],
                "stem": "conv",
                "positions": "slice",
                "hidden_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "window_size": [3, 8],
                "global_blocks": [1],
                "out_channels": 32,
                "merge_channels": [32, 48],
            },
            "text": {
                "model_type": "llama",
                "hidden_size": 32,
                "intermediate_size": 64,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "num_key_value_heads": 2,
                "max_position_embeddings": 256,
                "tie_word_embeddings": True,
            },
            "image": {
                "mode": "strip",
                "height": 48,
                "width": 256,
                "mean": [0.9, 0.9, 0.9],
                "std": [0.5, 0.5, 0.5],
                "resample": "bicubic",
                "step_px": 128,
            },
            "tokenizer": {"vocabulary_size": 700, "max_piece_chars": 4},
        },
        "data": {
            "text": str(sources / "text"),
            "text_exclude": ["held.txt"],
            "fonts": [str(sources / "fonts")],
            "font_held_out": ["held.ttf"],
        },
        "stages": [
            {"name": "draft", "objective": "ctc", "steps": 4, **stage},
            {"name": "read", "objective": "both", "steps": 3, "decay_steps": 2, **stage},
        ],
    }


@pytest.fixture(scope="session")
def recipe_file(tiny_fields: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(yaml.safe_dump(tiny_fields, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny(recipe_file: Path) -> Callable[..., Recipe]:
    """Return a function that gives the recipe with overrides."""
    return lambda *overrides: load_recipe(recipe_file, overrides)
