import json

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from vary.cli.data.importing import import_set
from vary.cli.data.make import make
from vary.cli.data.natural import natural
from vary.data.manifest import read_manifest
from vary.data.shards import iterate_set
from vary.errors import VaryError

app = typer.Typer()
app.command("import")(import_set)
app.command("natural")(natural)
app.command("make")(make)


@pytest.fixture
def run():
    def call(*arguments):
        result = CliRunner().invoke(app, [*map(str, arguments)])
        if isinstance(result.exception, VaryError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return call


@pytest.fixture
def charts(tmp_path):
    folder = tmp_path / "chartqa" / "test"
    (folder / "png").mkdir(parents=True)
    Image.new("RGB", (80, 60), "white").save(folder / "png" / "1.png")
    questions = [{"imgname": f"{n}.png", "query": "How many?", "label": "3", "odd": 1}
                 for n in (1, 1, 2)]  # fmt: skip
    for half in ("human", "augmented"):
        (folder / f"test_{half}.json").write_text(json.dumps(questions))
    return tmp_path / "chartqa"


def test_an_import_tells_what_became_of_the_entries(run, charts, tmp_path):
    out = tmp_path / "set"
    options = ("--split", "test", "--half", "human", "--max-side-px", 40, "--licence", "GPL-3.0")
    told = run("import", "chartqa", charts, "--out", out, *options)
    assert "2 samples in 1 shards" in told
    assert "1 dropped: missing picture" in told
    assert "missing picture: 2.png" in told
    assert "no place for odd: 2 samples" in told
    sample = next(iterate_set(out))
    assert (sample.images[0].width, sample.source) == (40, "test_human.json; GPL-3.0")
    assert json.loads((out / "import.json").read_text())["samples"] == 2
    # The same command goes on: nothing is left to do.
    assert run("import", "chartqa", charts, "--out", out, *options) == told


def test_part_of_a_source_and_all_questions_of_a_picture(run, charts, tmp_path):
    run("import", "chartqa", charts / "test", "--out", tmp_path / "a", "--count", 1)
    assert read_manifest(tmp_path / "a").count == 1
    with pytest.raises(VaryError, match="the source has 6 entries"):
        run("import", "chartqa", charts / "test", "--out", tmp_path / "b", "--count", 7)
    run("import", "chartqa", charts / "test", "--out", tmp_path / "c", "--by-picture")
    (sample,) = iterate_set(tmp_path / "c")
    assert len(sample.messages) == 8


def test_roles_are_given_by_name(run, tmp_path):
    path = tmp_path / "a.jsonl"
    turns = [{"from": "human", "value": "a"}, {"from": "bing", "value": "b"}]
    path.write_text(json.dumps({"id": 1, "conversations": turns}))
    with pytest.raises(VaryError, match="no sample could be made"):
        run("import", "conversations", path, "--out", tmp_path / "a")
    run("import", "conversations", path, "--out", tmp_path / "b", "--role", "bing=assistant")
    (sample,) = iterate_set(tmp_path / "b")
    assert sample.messages[1].role == "assistant"
    with pytest.raises(VaryError, match="--role bing: write NAME=user"):
        run("import", "conversations", path, "--out", tmp_path / "c", "--role", "bing")


def test_kinds_and_options_that_there_are_not_are_named(run, charts, tmp_path):
    with pytest.raises(VaryError, match="mmvet: no importer; there are chartqa"):
        run("import", "mmvet", charts, "--out", tmp_path / "a")
    with pytest.raises(VaryError, match="chartqa has no option odd-turns"):
        run("import", "chartqa", charts, "--out", tmp_path / "a", "--odd-turns", "mend")


def test_photos_become_negatives(run, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.effect_noise((900, 600), 60).convert("RGB").save(folder / "a.jpg")
    (folder / "b.jpg").write_bytes(b"x")
    told = run("natural", folder, "--out", tmp_path / "set", "--seed", 1, "--max-side-px", 300)
    assert "1 samples in 1 shards" in told
    assert "1 dropped: not a picture" in told
    (sample,) = iterate_set(tmp_path / "set")
    assert (sample.images[0].width, sample.images[0].height) == (300, 200)
    run("natural", folder, "--out", tmp_path / "b", "--seed", 1, "--max-side-px", 0)
    (sample,) = iterate_set(tmp_path / "b")
    assert sample.images[0].width == 900


CAPTIONS = {
    "images": [{"id": 1, "file_name": "a.png"}],
    "annotations": [{"id": n, "image_id": 1 + n // 3, "caption": f"c{n}"} for n in range(4)],
}
TALK = [{"id": "1", "conversations": [
    {"from": "human", "value": "<image>\nwhat?"}, {"from": "gpt", "value": "that"},
], "image": "a.png", "odd": 1}]  # fmt: skip
PAGE = {"data": [
    {"questionId": 1, "question": "q?", "image": "documents/a.png", "answers": ["x"]},
    {"questionId": 2, "question": "q?", "image": "documents/a.png", "answers": []},
]}  # fmt: skip


@pytest.fixture
def sources(charts, tmp_path):
    Image.new("RGB", (80, 60), "white").save(tmp_path / "a.png")
    (tmp_path / "captions.json").write_text(json.dumps(CAPTIONS))
    (tmp_path / "talk.json").write_text(json.dumps(TALK))
    (tmp_path / "page.json").write_text(json.dumps(PAGE))
    return {
        "chartqa": charts / "test",
        "docvqa": tmp_path / "page.json",
        "llava": tmp_path / "talk.json",
        "pairs": tmp_path / "captions.json",
    }


@pytest.fixture
def recipe(tmp_path):
    def write(kind, source, count):
        path = tmp_path / f"{kind}.yaml"
        lines = (f"name: {kind}", f"engine: {kind}", f"count: {count}", "seed: 3",
                 "shard_size: 2", f"options: {{source: {source}}}")  # fmt: skip
        path.write_text("\n".join(lines))
        return path

    return write


@pytest.mark.parametrize(
    ("kind", "count"), [("chartqa", 6), ("docvqa", 2), ("llava", 1), ("pairs", 4)]
)
def test_a_recipe_imports_as_the_command_does(run, sources, recipe, kind, count, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    told = run("make", recipe(kind, sources[kind], count), "--out", one)
    same = run("import", kind, sources[kind], "--out", other, "--seed", 3, "--shard-size", 2)
    assert same.replace("other", "one").splitlines()[1:] == told.splitlines()[1:-1]
    names = {path.name for path in other.iterdir()}
    assert {path.name for path in one.iterdir()} == names | {"card.json"}
    assert "import.json" in names
    for name in names:
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_a_recipe_for_more_than_there_is_says_so(run, sources, recipe, tmp_path):
    path = recipe("pairs", sources["pairs"], 9)
    with pytest.raises(VaryError, match=r"count is 9, the source has 4 entries.*count=4"):
        run("make", path, "--out", tmp_path / "set")
    assert not (tmp_path / "set").exists()
    told = run("make", path, "count=2", "--out", tmp_path / "set")
    assert "2 of the source's 4 entries were tried" in told
    photos = tmp_path / "photos.yaml"
    photos.write_text(
        f"{{name: p, engine: natural, count: 9, seed: 1, options: {{photos: {tmp_path}}}}}"
    )
    with pytest.raises(VaryError, match="p: count is 9, the source has"):
        run("make", photos, "--out", tmp_path / "b")
