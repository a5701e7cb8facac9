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

from vary.data.decoding import decode
from vary.data.engines.blank.engine import BlankConfig, build_blank_engine
from vary.data.engines.page.engine import PageConfig, build_page_engine
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


def test_words_without_ink_are_found(copy):
    def shift(sample):
        return replace(sample, words=(Word(0, "ghost", 0, 0, 12, 9), *sample.words))

    rewrite(copy, shift)
    problems = list(verify_set(copy))
    assert sum("word 'ghost': no ink in its box (0, 0, 12, 9)" in line for line in problems) == 3
    assert sum("no ink" in line for line in problems) == 3


def test_ink_of_the_brightness_of_its_ground_is_ink(copy):
    grounds = np.full((20, 40, 3), (200, 0, 0), np.uint8)
    grounds[5:10, 5:20] = (0, 102, 0)
    picture = Image.fromarray(grounds)
    assert np.ptp(np.asarray(picture.convert("L"))) < 3
    file = io.BytesIO()
    picture.save(file, format="PNG")
    image = EncodedImage(file.getvalue(), "a.png", 40, 20)
    rewrite(copy, lambda s: replace(s, images=(image,), words=(Word(0, "green", 5, 5, 20, 10),)))
    assert list(verify_set(copy))[1:] == []


def test_an_id_in_two_shards_is_found(copy):
    rewrite(copy, lambda sample: replace(sample, id=sample.id.replace("/2/0", "/2/4")))
    problems = "\n".join(verify_set(copy))
    assert "page/2/4: this id occurs more than once (before in part-00000.parquet)" in problems


def test_images_without_a_place_in_the_conversation_are_found(copy):
    talk = (Message("user", "What?"), Message("assistant", "This."))
    rewrite(copy, lambda sample: replace(sample, messages=talk))
    assert any("1 images, and 0 places" in line for line in verify_set(copy))


def test_one_changed_byte_is_found(copy):
    path = copy / "part-00001.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    assert any("part-00001.parquet: not the file" in line for line in verify_set(copy))


def test_shards_that_changed_places_are_found(copy):
    first, second = copy / "part-00000.parquet", copy / "part-00001.parquet"
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    problems = "\n".join(verify_set(copy))
    assert "part-00000.parquet: has" in problems
    assert "part-00000.parquet: holds 2 samples, the manifest says 3" in problems
    assert "part-00001.parquet: not the file of the manifest" in problems


def test_other_columns_are_found(copy):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"text": ["a"]}), copy / "part-00001.parquet")
    assert any("not a file of samples" in line for line in verify_set(copy))


def test_rejects_that_are_listed_twice_or_not_at_all_are_found(tmp_path):
    generate(
        partial(build_blank_engine, BlankConfig(("paper",), (200, 300))), Run(tmp_path, 2, 1, 2)
    )
    line = '{"index": 1, "id": "blank/1/1", "reason": "none", "detail": ""}\n'
    (tmp_path / "rejects.jsonl").write_text(line * 2)
    problems = "\n".join(verify_set(tmp_path))
    assert "lists {'none': 2}, the manifest {}" in problems
    assert "lists index 1 more than once" in problems
    (tmp_path / "rejects.jsonl").write_text("{half\n")
    assert any("not a readable list of rejects" in line for line in verify_set(tmp_path))


def test_manifests_that_contradict_themselves_are_found(copy):
    manifest = read_manifest(copy)
    first, second = manifest.shards
    wrong = (replace(first, first=1), replace(second, name="part-00009.parquet"))
    replace(manifest, shards=wrong).write(copy)
    problems = "\n".join(verify_set(copy))
    assert "part-00000.parquet: said to begin with index 1" in problems
    assert "part-00009.parquet: said to begin with index 3" in problems
    assert "part-00009.parquet: missing" in problems
    assert "part-00001.parquet: not in the manifest" in problems


def test_a_fault_of_every_sample_is_told_so_many_times(copy):
    far = tuple(Word(0, "far", 5000, 0, 5010, 9) for _ in range(MAX_PROBLEMS_PER_SHARD))
    rewrite(copy, lambda sample: replace(sample, words=far))
    problems = list(verify_set(copy))
    assert len(problems) <= MAX_PROBLEMS_PER_SHARD + 1
    assert problems[-1].endswith("problems more")
