import json

import pytest
from PIL import Image

from vary.errors import InputError, VaryError
from vary.eval.records import Prompt, unique_by_id, write_records
from vary.eval.runner import worst_score
from vary.eval.tasks.chartqa import ChartQaTask

HUMAN = [
    {"imgname": "a.png", "query": "Which is larger?", "label": "Yes"},
    {"imgname": "a.png", "query": "How many?", "label": "13"},
]
AUGMENTED = [{"imgname": "b.png", "query": "What share?", "label": "12.5"}]


@pytest.fixture
def make_release(tmp_path):
    def make(human=HUMAN, augmented=AUGMENTED):
        (tmp_path / "png").mkdir(exist_ok=True)
        for name in ("a", "b"):
            Image.new("L", (8, 8)).save(tmp_path / "png" / f"{name}.png")
        for half, entries in (("human", human), ("augmented", augmented)):
            if entries is not None:
                text = json.dumps(entries)
                (tmp_path / f"test_{half}.json").write_text(text, encoding="utf-8")
        return tmp_path

    return make


def prompts(data):
    return list(ChartQaTask().prompts(data))


def test_prompts(make_release):
    folder = make_release()
    found = unique_by_id(prompts(folder), "data")
    assert list(found) == ["human/0", "human/1", "augmented/0"]
    assert found["human/1"] == Prompt(
        "human/1",
        (str((folder / "png/a.png").resolve()),),
        "Answer the following questions using a single word or phrase: How many?",
        "13",
        "a.png",
        {"split": "human"},
    )
    assert found["augmented/0"].groups == {"split": "augmented"}
    assert ChartQaTask().info.mean_of == "split"


def test_the_folder_of_all_splits_and_one_half_alone(make_release):
    folder = make_release()
    (folder / "test").mkdir()
    for name in ("png", "test_human.json", "test_augmented.json"):
        (folder / name).rename(folder / "test" / name)
    assert [prompt.reason for prompt in prompts(folder)] == ["", "", ""]
    half = prompts(folder / "test" / "test_human.json")
    assert [prompt.id for prompt in half] == ["human/0", "human/1"]


def test_one_half_is_not_taken_for_the_whole(make_release):
    folder = make_release(augmented=None)
    with pytest.raises(InputError, match=r"test_human.json alone.*two halves"):
        prompts(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"imgname": "c.png"}, "picture c.png is missing"),
        ({"imgname": "../png/a.png"}, "outside of the data"),
        ({"imgname": 5}, "the name of its picture is no text"),
        ({"label": float("nan")}, "its label is no text but NaN"),
        ({"label": None}, "its label is missing"),
        ({"label": ["1", "2"]}, "its label is no text"),
        ({"query": ""}, "its query is"),
    ],
)
def test_what_cannot_be_asked_says_why(make_release, tmp_path, change, reason):
    folder = make_release(human=[HUMAN[0], {**HUMAN[1], **change}])
    good, bad, _ = prompts(folder)
    assert good.reason == ""
    assert reason in bad.reason
    missing = worst_score(ChartQaTask(), bad, bad.reason)
    assert missing.values == {"relaxed_accuracy": 0.0, "exact": 0.0}
    write_records([bad], tmp_path / "prompts.jsonl")


def test_numbers_as_labels_are_read(make_release):
    folder = make_release(human=[{**HUMAN[1], "label": 13}, {**HUMAN[1], "label": 0.5}])
    assert [prompt.truth for prompt in prompts(folder)] == ["13", "0.5", "12.5"]


@pytest.mark.parametrize("broken", [{"a": 1}, ["x"]])
def test_data_that_cannot_be_understood(make_release, broken):
    with pytest.raises(InputError, match=r"test_human\.json"):
        prompts(make_release(human=broken))


def test_no_data(tmp_path):
    with pytest.raises(InputError, match=r"holds no test_human\.json"):
        prompts(tmp_path)
    other = tmp_path / "questions.json"
    other.write_text("[]")
    with pytest.raises(InputError, match="tells no half"):
        prompts(other)


@pytest.mark.parametrize(
    ("answer", "truth", "rule", "relaxed", "exact"),
    [
        ("13", "13", "stripped", 1.0, 1.0),
        ("12.9", "12.5", "stripped", 1.0, 0.0),
        ("12.5%", "12.5", "stripped", 1.0, 0.0),
        ("12.5%", "12.5", "pix2struct", 0.0, 0.0),
        ("yes", "Yes", "pix2struct", 1.0, 1.0),
        ("", "Yes", "stripped", 0.0, 0.0),
    ],
)
def test_scores(answer, truth, rule, relaxed, exact):
    measured = ChartQaTask(rule=rule).score(Prompt("1", (), "", truth), answer)
    assert measured == {"relaxed_accuracy": relaxed, "exact": exact}


def test_it_refuses_what_it_does_not_know():
    with pytest.raises(VaryError, match="stripped, pix2struct"):
        ChartQaTask(rule="strict").check()
