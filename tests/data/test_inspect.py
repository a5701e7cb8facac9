import hashlib
import json
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from vary.data.engines.page.engine import PageConfig, build_page_engine
from vary.data.inspect import (
    contact_sheet,
    decode,
    draw_sample,
    set_stats,
    some_samples,
    verify_set,
)
from vary.data.manifest import read_manifest
from vary.data.schema import EncodedImage, Word, read_samples, write_samples
from vary.data.shards import Run, generate
from vary.errors import InputError, VaryError


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


def test_stats_count_what_is_there(made):
    stats = set_stats(made)
    samples = some_samples(made, 0, 100)
    assert (stats.count, stats.samples, stats.images) == (5, 5, 5)
    assert stats.characters == sum(len(sample.text) for sample in samples)
    assert stats.words == sum(len(sample.words) for sample in samples)
    assert stats.kinds == {"document": 5}
    assert stats.languages == {"en": 5}
    assert json.loads(json.dumps(stats.as_dict())) == stats.as_dict()


def test_a_sheet_shows_all_samples(made):
    samples = some_samples(made, 1, 4)
    assert [sample.id for sample in samples] == [f"page/2/{index}" for index in (1, 2, 3, 4)]
    assert contact_sheet(samples).width > contact_sheet(samples[:1]).width
    with pytest.raises(VaryError, match="no sample to show"):
        contact_sheet(some_samples(made, 5, 4))


def test_boxes_are_drawn_around_the_words(made):
    sample = some_samples(made, 0, 1)[0]
    plain = np.asarray(draw_sample(sample, boxes=False))
    boxed = np.asarray(draw_sample(sample))
    assert plain.shape == boxed.shape
    changed = (plain != boxed).any(2)
    word = sample.words[0]
    assert changed[word.y0 - 1, word.x0 : word.x1].all()
    # The ink of the word itself stays as it is.
    assert not changed[word.y0 : word.y1, word.x0 : word.x1].any()
    with pytest.raises(VaryError, match="has 1 images, number 3"):
        draw_sample(sample, image=3)


def test_a_broken_image_is_named():
    with pytest.raises(InputError, match=r"a\.png: cannot be decoded"):
        decode(EncodedImage(b"no image", "a.png", 1, 1))


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
