"""Each kind of damage to a set is found, and named with its place."""

import hashlib
import io
import json
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from PIL import Image

from vary.data.engines.blank.engine import BlankConfig, build_blank_engine
from vary.data.engines.page.engine import PageConfig, build_page_engine
from vary.data.decoding import decode
from vary.data.manifest import read_manifest
from vary.data.schema import EncodedImage, Message, Word, read_samples, write_samples
from vary.data.shards import Run, generate
from vary.data.verifying import MAX_PROBLEMS_PER_SHARD, verify_set
from vary.errors import InputError


@pytest.fixture(scope="module")
def made(tmp_path_factory, text_folder, font_folder):
    folder = tmp_path_factory.mktemp("made") / "set"
    config = PageConfig(text_folder, (font_folder,), dpi=(72, 80), sizes=("slide", "book"))
    generate(partial(build_page_engine, config), Run(folder, count=5, seed=2, shard_size=3))
    return folder


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made, tmp_path / "set")


def rewrite(folder, change):
    """Change the samples of the first shard and enter its new hash, as a faulty engine would."""
    path = folder / "part-00000.parquet"
    write_samples([change(sample) for sample in read_samples(path)], path)
    written = json.loads((folder / "manifest.json").read_text())
    written["shards"][0]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(written))


def test_a_sound_set_has_no_problems(made):
    assert list(verify_set(made)) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"text": " "}, "neither text nor messages"),
        ({"id": "page/2/4"}, "this id occurs more than once"),
        ({"words": (Word(0, "far", 5000, 0, 5010, 9),)}, "word 'far': box (5000, 0, 5010, 9) is"),
        ({"words": (Word(0, "thin", 3, 3, 3, 9),)}, "word 'thin': box (3, 3, 3, 9) is empty"),
        ({"words": (Word(1, "lost", 0, 0, 1, 1),)}, "word 'lost' is on image 1 of 1"),
        ({"images": (EncodedImage(b"x", "a.png", 1, 1),)}, "a.png: cannot be decoded"),
    ],
)
def test_faulty_samples_are_found(copy, change, problem):
    rewrite(copy, lambda sample: replace(sample, **change))
    assert any(problem in line for line in verify_set(copy))


def test_wrong_sizes_are_found(copy):
    def widen(sample):
        return replace(sample, images=(replace(sample.images[0], width=7),))

    rewrite(copy, widen)
    assert any(", not 7 x " in line for line in verify_set(copy))


def test_missing_broken_and_stray_files_are_found(copy):
    (copy / "part-00000.parquet").write_bytes(b"half")
    (copy / "part-00001.parquet").rename(copy / "part-00007.parquet")
    (copy / "rejects.jsonl").write_text(
        '{"index": 1, "id": "page/2/1", "reason": "none", "detail": ""}\n'
    )
    problems = "\n".join(verify_set(copy))
    assert "part-00000.parquet: not the file of the manifest" in problems
    assert "part-00000.parquet: cannot be read" in problems or "cannot be read as" in problems
    assert "part-00001.parquet: missing" in problems
    assert "part-00007.parquet: not in the manifest" in problems
    assert "rejects.jsonl: lists {'none': 1}" in problems


def test_unfinished_sets_and_wrong_counts_are_found(copy):
    manifest = read_manifest(copy)
    replace(manifest, count=9, shards=(replace(manifest.shards[0], count=2),)).write(copy)
    problems = "\n".join(verify_set(copy))
    assert "unfinished: 2 of 9" in problems
    assert "holds 3 samples, the manifest says 2" in problems


def test_a_broken_image_is_named():
    with pytest.raises(InputError, match=r"a\.png: cannot be decoded"):
        decode(EncodedImage(b"no image", "a.png", 1, 1))
