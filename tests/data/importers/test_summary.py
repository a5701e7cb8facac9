import json
from functools import partial

import pytest

from vary.data.importers import IMPORTERS
from vary.data.importers.llava import LlavaConfig, build_llava_engine
from vary.data.importers.summary import summarize, write_summary
from vary.data.shards import Run, generate
from vary.errors import InputError


def talk(text, role="gpt"):
    return [{"from": "human", "value": text}, {"from": role, "value": "Yes."}]


@pytest.fixture
def source(tmp_path, write_json, put_picture):
    put_picture(tmp_path / "a.jpg")
    entries = [
        {"id": "x", "image": "a.jpg", "conversations": talk("<image>\nA?")},
        {"id": "x", "image": "a.jpg", "conversations": talk("A?")},
        {"id": "y", "conversations": talk("Hi"), "mood": 1},
        *({"id": f"z{n}", "image": f"{n}.jpg", "conversations": talk("<image>")} for n in range(7)),
        {"id": "bing", "conversations": talk("Hi", "bing")},
    ]
    return LlavaConfig(source=write_json(tmp_path / "llava.json", entries))


def test_a_summary_names_what_was_dropped_changed_and_left_out(source, tmp_path):
    out = tmp_path / "set"
    generate(partial(build_llava_engine, source), Run(out, 11, 0, 4))
    summary = write_summary(out)
    assert summary == summarize(out)
    assert json.loads((out / "import.json").read_text()) == {
        "samples": 3,
        "rejects": {"missing picture": 7, "unknown role": 1},
        "examples": {
            "missing picture": [f"{n}.jpg" for n in range(5)],
            "unknown role": ["llava.json, entry 10, turn 1: 'bing'"],
        },
        "unmapped": {"mood": 1},
        "mended": {"placeholder put in": 1},
        "repeated_ids": 1,
        "repeated_examples": ["x"],
    }
    assert list(summary.lines()) == [
        "missing picture: 0.jpg; 1.jpg; 2.jpg; 3.jpg; 4.jpg ...",
        "unknown role: llava.json, entry 10, turn 1: 'bing'",
        "no place for mood: 1 samples",
        "mended placeholder put in: 1 samples",
        "1 ids of the source are not unique: x",
    ]
    with pytest.raises(InputError, match="no generated set"):
        summarize(tmp_path)


def test_two_workers_give_the_same_bytes(source, tmp_path):
    shards = []
    for workers in (1, 2):
        out = tmp_path / str(workers)
        generate(partial(build_llava_engine, source), Run(out, 11, 0, 4, workers))
        write_summary(out)
        shards.append([path.read_bytes() for path in sorted(out.iterdir())])
    assert len(shards[0]) == 6
    assert shards[0] == shards[1]


@pytest.mark.parametrize("kind", IMPORTERS)
def test_every_kind_has_a_configuration_and_a_builder(kind):
    import importlib

    module_name, config, builder = IMPORTERS[kind]
    module = importlib.import_module(module_name)
    assert "source" in getattr(module, config).__dataclass_fields__
    assert callable(getattr(module, builder))
