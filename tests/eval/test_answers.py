import json

import pytest

from vary.errors import InputError
from vary.eval.answers import AnswerFile
from vary.eval.records import Prompt

PROMPTS = [
    Prompt("en_page_ocr/en_1", ("/data/en_1.png",), "", "one"),
    Prompt("en_page_ocr/en_2", ("/data/en_2.png",), "", "two"),
    Prompt("deep/7", ("/data/x/7.png",), "", "three"),
]


def answers(tmp_path, rows, name="answers.jsonl"):
    file = tmp_path / name
    if name.endswith("l"):
        text = "".join(json.dumps(row) + "\n" for row in rows)
    else:
        text = json.dumps(rows)
    file.write_text(text, encoding="utf-8")
    return AnswerFile.load(file)


def texts(file):
    return {response.id: response.answer for response in file.responses(PROMPTS)}


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        (
            "a.jsonl",
            [
                {"id": "en_page_ocr/en_1", "answer": "x"},
                {"id": "en_2", "prediction": "y"},
                {"id": "7", "text": "z", "seconds": 2},
            ],
        ),
        (
            "a.json",
            [
                {"image": "en_1.png", "answer": "x", "label": "one"},
                {"image": "en_2.png", "answer": "y", "label": "two"},
                {"image": "7.png", "answer": "z", "label": "three"},
            ],
        ),
        ("a.json", {"en_1": "x", "en_2": "y", "deep/7": "z"}),
    ],
)
def test_ways_to_write_answers(name, rows, tmp_path):
    wanted = {"en_page_ocr/en_1": "x", "en_page_ocr/en_2": "y", "deep/7": "z"}
    assert texts(answers(tmp_path, rows, name)) == wanted


def test_missing_answers_say_why(tmp_path):
    rows = [
        {"id": "en_1", "answer": None, "reason": "timed out"},
        {"id": "en_2"},
        {"id": "7", "answer": ["a"]},
    ]
    found = list(answers(tmp_path, rows).responses(PROMPTS))
    assert [response.answer for response in found] == [None, None, None]
    assert found[0].reason == "timed out"
    assert "line 2: no `answer`" in found[1].reason
    assert found[2].reason == "`answer` is no text but list"


def test_what_is_not_answered_is_told(tmp_path):
    found = list(answers(tmp_path, [{"id": "7", "answer": ""}]).responses(PROMPTS))
    assert found[0].reason == "not in answers.jsonl"
    assert found[2].answer == ""  # an empty text is an answer


def test_odd_values_beside_an_answer(tmp_path):
    rows = [{"id": "7", "answer": "x", "seconds": 10**400, "document": None, "label": "x"}]
    file = answers(tmp_path, rows)
    assert [r.seconds for r in file.responses(PROMPTS) if r.answer] == [None]
    assert file.prompts()[0].document == ""


def test_an_id_that_stands_twice_in_one_object(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{"7": "x", "7": "y"}', encoding="utf-8")
    with pytest.raises(InputError, match="stands twice"):
        AnswerFile.load(file)


def test_numbers_are_answers(tmp_path):
    assert texts(answers(tmp_path, [{"id": "7", "answer": 12.5}]))["deep/7"] == "12.5"


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": "7", "answer": "a"}, {"id": "7", "answer": "b"}], "'7' answered twice"),
        ([{"id": "7", "answer": "a"}, {"id": "deep/7", "answer": "b"}], "second answer to"),
        ([{"answer": "a"}], "line 1: has no id"),
        ([{"id": "en_9", "answer": "a"}], r"1 answers are to no prompt of this data \('en_9'\)"),
    ],
)
def test_answers_that_cannot_be_matched(rows, message, tmp_path):
    with pytest.raises(InputError, match=message):
        list(answers(tmp_path, rows).responses(PROMPTS))


def test_a_name_that_two_prompts_share_matches_neither(tmp_path):
    prompts = [Prompt("a/1", (), "", ""), Prompt("b/1", (), "", "")]
    file = answers(tmp_path, [{"id": "1", "answer": "x"}])
    with pytest.raises(InputError, match="no prompt"):
        list(file.responses(prompts))


@pytest.mark.parametrize("text", ["", "[]", "[1]", '"x"', "{"])
def test_files_without_answers(text, tmp_path):
    file = tmp_path / "a.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.json"):
        AnswerFile.load(file)


def test_answers_that_bring_their_truths(tmp_path):
    rows = [
        {"id": "a", "answer": "x", "label": "X", "document": "book", "groups": {"k": "v"}},
        {"id": "b", "answer": "y", "answers": ["Y", "y"], "question": "Which?"},
    ]
    prompts = answers(tmp_path, rows).prompts()
    assert prompts[0] == Prompt("a", (), "", "X", "book", {"k": "v"})
    assert prompts[1].truth == ["Y", "y"]
    assert prompts[1].prompt == "Which?"
    with pytest.raises(InputError, match=r"has no truth .*--data"):
        answers(tmp_path, [{"id": "a", "answer": "x"}]).prompts()
