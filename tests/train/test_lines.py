import json
import subprocess
import sys
import zlib

import numpy as np
import pytest
import torch

from vary.data.engines.base import Reject
from vary.errors import InputError, VaryError
from vary.train.lines import LineBatches, build_renderer
from vary.train.recipe import load_recipe

# In a process of its own: the sums and texts of two batches.
OTHER_PROCESS = """
import json, sys, zlib
from pathlib import Path
from vary.train.lines import LineBatches, build_renderer
from vary.train.recipe import load_recipe
recipe = load_recipe(Path(sys.argv[1]))
batches = LineBatches(build_renderer(recipe.data), recipe.stages[0], recipe.seed)
made = [batches[index] for index in (5, 2)]
print(json.dumps([[zlib.crc32(b["pixels"].numpy().tobytes()), b["texts"]] for b in made]))
"""


def facts(batch):
    return [zlib.crc32(batch["pixels"].numpy().tobytes()), batch["texts"]]


def test_a_batch_is_a_function_of_seed_stage_and_index(tiny, renderer):
    recipe = tiny()
    draft, read = recipe.stages
    batches = LineBatches(renderer, draft, seed=3)
    first = facts(batches[2])
    assert facts(batches[7]) != first
    assert facts(batches[2]) == first
    assert facts(LineBatches(renderer, draft, seed=4)[2]) != first
    assert facts(LineBatches(renderer, read, seed=3)[2]) != first
    assert batches[2]["index"] == 2


def test_another_process_makes_the_same_batches(tiny, renderer, recipe_file):
    done = subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, str(recipe_file)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    batches = LineBatches(renderer, tiny().stages[0], tiny().seed)
    assert json.loads(done.stdout) == [facts(batches[5]), facts(batches[2])]


def test_strips_of_a_batch_share_a_width_and_make_up_its_pixels(tiny, renderer):
    recipe = tiny("stages.draft.widths_px=[128, 256]", "stages.draft.batch_px=700")
    batches = LineBatches(renderer, recipe.stages[0], 1, length=12)
    assert len(batches) == 12
    shapes = {tuple(batches[index]["pixels"].shape) for index in range(12)}
    assert shapes == {(5, 48, 128), (2, 48, 256)}
    batch = batches[0]
    assert batch["pixels"].dtype == torch.uint8
    assert len(batch["texts"]) == len(batch["pixels"])
    assert all(text.strip() for text in batch["texts"])


def test_a_batch_holds_at_least_one_strip(tiny, renderer):
    stage = tiny("stages.draft.batch_px=1").stages[0]
    assert len(LineBatches(renderer, stage, 1)[0]["texts"]) == 1


def test_no_length_is_the_steps_of_the_stage(tiny, renderer):
    assert len(LineBatches(renderer, tiny().stages[0], 1)) == 4


def test_no_line_is_cut_off(tiny, renderer):
    """A word wider than the strip would be trained with letters that do not stand there."""
    rng = np.random.default_rng(0)
    stage = tiny("stages.draft.widths_px=[128]").stages[0]
    batches = LineBatches(renderer, stage, 1)
    for _ in range(40):
        line = batches._draw(rng, 128)
        assert line.words[-1][2] <= min(128, line.strip.shape[1])


def test_lines_that_never_can_be_drawn_end_with_their_reason(tiny, renderer, monkeypatch):
    def refuse(rng, max_width_px):
        raise Reject("no font has the glyphs", "closest: Symbols")

    monkeypatch.setattr(renderer, "draw", refuse)
    with pytest.raises(VaryError, match=r"stage draft: no line .*\(no font has the glyphs"):
        LineBatches(renderer, tiny().stages[0], 1)[0]


def test_held_out_lines_share_neither_font_nor_text(tiny, renderer):
    held_out = build_renderer(tiny().data, held_out=True)
    files = [{face.path for face in kind.fonts.faces} for kind in (renderer, held_out)]
    assert [{path.name for path in paths} for paths in files] == [{"learned.ttf"}, {"held.ttf"}]
    texts = [{p.text for p in kind.texts.corpus.paragraphs} for kind in (renderer, held_out)]
    assert all(texts) and not texts[0] & texts[1]


def test_a_recipe_without_text_is_told(tiny):
    with pytest.raises(VaryError, match=r"data\.text=FOLDER"):
        build_renderer(tiny("data.text=''").data, held_out=True)


@pytest.mark.parametrize("key", ["text", "fonts"])
def test_missing_text_or_fonts_are_named(recipe_file, tmp_path, key):
    value = tmp_path if key == "text" else f"[{tmp_path}]"
    with pytest.raises(InputError, match=str(tmp_path)):
        build_renderer(load_recipe(recipe_file, [f"data.{key}={value}"]).data)
