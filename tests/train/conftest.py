"""A recipe so small that a run takes seconds, with a font and texts of its own."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import ImageFont

from vary.train.build import build
from vary.train.lines import build_renderer
from vary.train.recipe import Recipe, load_recipe

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


@pytest.fixture(scope="session")
def renderer(tiny: Callable[..., Recipe]):
    return build_renderer(tiny().data)


@pytest.fixture
def built(tiny: Callable[..., Recipe], renderer):
    """Return a model with initial weights, and its processor."""
    return build(tiny(), renderer.texts.alphabet)
