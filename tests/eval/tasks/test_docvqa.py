import json

import pytest
from PIL import Image

from vary.errors import InputError, MissingExtraError, VaryError
from vary.eval.records import Prompt, unique_by_id, write_records
from vary.eval.runner import worst_score
from vary.eval.tasks.docvqa import DocVqaTask

ENTRY = {
    "questionId": 49153,
    "question": "What is the ‘actual’ value per 1000, during the year 1975?",
    "question_types": ["figure/diagram", "form"],
    "image": "documents/pybv0228_81.png",
    "docId": 14465,
    "ucsf_document_id": "pybv0228",
    "ucsf_document_page_no": "81",
    "answers": ["0.28", ".28"],
    "data_split": "val",
}


@pytest.fixture
def make_release(tmp_path):
    def make(entries, pictures=("documents/pybv0228_81.png",), name="val_v1.0.json"):
        for picture in pictures:
            path = tmp_path / picture
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8)).save(path)
        release = {"dataset_name": "docvqa", "dataset_split": "val", "data": entries}
        (tmp_path / name).write_text(json.dumps(release), encoding="utf-8")
        return tmp_path

    return make


def prompts(data, **options):
    return list(DocVqaTask(**options).prompts(data))


def test_prompts(make_release):
    folder = make_release([ENTRY])
    picture = str((folder / "documents/pybv0228_81.png").resolve())
    assert prompts(folder) == [
        Prompt(
            "49153",
            (picture,),
            "Answer the following questions using a single word or phrase: " + ENTRY["question"],
            ["0.28", ".28"],
            "14465",
            {"question_type": ["figure/diagram", "form"]},
        )
    ]
    assert prompts(folder / "val_v1.0.json") == prompts(folder)


@pytest.mark.parametrize(
    ("picture", "image"),
    [
        ("pybv0228_81.png", "documents/pybv0228_81.png"),
        ("documents/pybv0228_81.png", "pybv0228_81.png"),
        ("spdocvqa_images/pybv0228_81.png", "documents/pybv0228_81.png"),
        ("images/pybv0228_81.png", "pybv0228_81.png"),
    ],
)
def test_pictures_are_found_in_every_layout(make_release, picture, image):
    folder = make_release([{**ENTRY, "image": image}], pictures=[picture])
    (prompt,) = prompts(folder)
    assert prompt.images == (str((folder / picture).resolve()),)
    assert prompt.reason == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"image": "documents/other.png"}, "picture other.png is missing"),
        ({"image": None}, "the name of its picture is missing"),
        ({"image": "../../secret.png"}, "outside of the data"),
        ({"image": "/etc/passwd"}, "outside of the data"),
        ({"answers": []}, "no right answer"),
        ({"answers": [None, float("nan")]}, "no right answer"),
        ({"question": None}, "its question is missing"),
        ({"question": ["a"]}, "no text but"),
    ],
)
def test_what_cannot_be_asked_says_why(make_release, tmp_path, change, reason):
    folder = make_release([ENTRY, {**ENTRY, "questionId": 2, **change}])
    good, bad = prompts(folder)
    assert good.reason == ""
    assert reason in bad.reason
    assert worst_score(DocVqaTask(), bad, bad.reason).values == {"anls": 0.0, "exact": 0.0}
    write_records([good, bad], tmp_path / "prompts.jsonl")


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        ([{**ENTRY, "questionId": None}], "entry 0: its questionId is missing"),
        ([ENTRY, "x"], "entry 1: a str"),
        ([{key: value for key, value in ENTRY.items() if key != "answers"}], "test split"),
        ({"a": 1}, '"data"'),
    ],
)
def test_data_that_cannot_be_understood(make_release, entries, told):
    with pytest.raises(InputError, match=told):
        prompts(make_release(entries))


def test_duplicate_ids_are_told_apart_from_answers(make_release):
    with pytest.raises(InputError, match="'49153' comes twice"):
        unique_by_id(prompts(make_release([ENTRY, ENTRY])), "data")


def test_lone_surrogates_are_replaced(make_release, tmp_path):
    entry = {**ENTRY, "question": "a \ud800?", "answers": ["\udfff"]}
    (prompt,) = prompts(make_release([entry]))
    assert prompt.prompt.endswith("a \ufffd?")
    assert prompt.truth == ["\ufffd"]
    write_records([prompt], tmp_path / "prompts.jsonl")


def test_several_files_need_a_choice(make_release):
    make_release([ENTRY])
    folder = make_release([ENTRY], name="train_v1.0.json")
    with pytest.raises(InputError, match=r"train_v1.0.json, val_v1.0.json.*--data"):
        prompts(folder)


@pytest.mark.parametrize("text", ["{", '{"data": [], "data": []}', "[]"])
def test_a_broken_file_is_named(tmp_path, text):
    file = tmp_path / "val_v1.0.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"val_v1\.0\.json"):
        prompts(tmp_path)


def test_no_data(tmp_path):
    with pytest.raises(InputError, match="holds no file of DocVQA"):
        prompts(tmp_path)
    with pytest.raises(InputError, match="--data"):
        prompts(tmp_path / "absent")


def test_scores():
    prompt = Prompt("1", (), "", ["abxy", "something longer"], "d")
    assert DocVqaTask().score(prompt, "ABXY ") == {"anls": 1.0, "exact": 1.0}
    assert DocVqaTask(rule="paper").score(prompt, "ABXY ") == {"anls": 1.0, "exact": 1.0}
    assert DocVqaTask().score(prompt, "abcd") == {"anls": 0.5, "exact": 0.0}
    assert DocVqaTask(rule="paper").score(prompt, "abcd") == {"anls": 0.0, "exact": 0.0}
    assert DocVqaTask().score(prompt, "") == {"anls": 0.0, "exact": 0.0}
    assert DocVqaTask().length(prompt) == 4
    assert DocVqaTask().text_of(prompt) == "abxy | something longer"


def test_a_truth_that_comes_with_its_answer_may_be_one_text():
    assert DocVqaTask().score(Prompt("1", (), "", "abc"), "abc")["anls"] == 1.0
    assert DocVqaTask().score(Prompt("1", (), "", 28), "28")["anls"] == 1.0


def test_it_refuses_what_it_does_not_know():
    with pytest.raises(VaryError, match="official, paper"):
        DocVqaTask(rule="strict").check()


def test_it_needs_rapidfuzz(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rapidfuzz", None)
    with pytest.raises(MissingExtraError, match="eval"):
        DocVqaTask().check()
