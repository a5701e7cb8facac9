import json

import pytest

from vary.errors import InputError
from vary.eval.records import (
    Prompt,
    Response,
    Score,
    clean_text,
    json_line,
    read_json_lines,
    read_records,
    unique_by_id,
    write_records,
)

RECORDS = [
    Prompt("a/1", ("images/a.png",), "Read.", {"title": "甲", "data": [1]}, "book", {"k": "v"}),
    Prompt("b", (), "问", "", reason="picture b.png is missing"),
    Response("a/1", "text\u2028with\nbreaks", "", 1.5, {"confidence": 0.5}),
    Response("b", None, "no answer"),
    Score("a/1", {"f1": 0.5, "cer": 3.0}, {"cer": 12.0}, "book", {"language": "en"}, 12),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_round_trip(record, tmp_path):
    file = tmp_path / "records.jsonl"
    write_records([record], file)
    assert file.read_bytes().count(b"\n") == 1
    assert read_records(type(record), file) == [record]
    assert not list(tmp_path.glob("*.partial"))


def test_values_of_a_score():
    score = Score("a", {"f1": 0.5, "cer": 3.0, "wer": 1.0}, {"cer": 12.0, "wer": 0.0})
    assert score.value("f1") == 0.5
    assert score.value("cer") == 0.25
    assert score.value("wer") is None  # an empty truth
    assert score.value("bleu") is None
    assert score.unit == "a"
    assert Score("a", {}, document="book").unit == "book"


def test_a_stopped_run_loses_its_last_line_only(tmp_path):
    file = tmp_path / "responses.jsonl"
    lines = [json_line(Response(str(number), "x")) for number in range(3)]
    file.write_text("".join(lines)[:-9], encoding="utf-8")
    assert [r.id for r in read_records(Response, file, torn_end=True)] == ["0", "1"]
    with pytest.raises(InputError, match="line 3: no JSON"):
        read_records(Response, file)


def test_a_broken_line_before_the_end_is_no_torn_end(tmp_path):
    file = tmp_path / "responses.jsonl"
    file.write_text('{"id": \n{"id": "b", "answer": "x"}\n', encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        read_records(Response, file, torn_end=True)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("not json", "no JSON"),
        ("[1, 2]", "a list, not a JSON object"),
        ('{"id": "a", "answer": NaN}', "NaN is no JSON"),
        ('{"id": "a", "seconds": Infinity, "answer": ""}', "Infinity is no JSON"),
        ('{"id": "a"}', "no response"),
        ('{"id": "a", "answer": "", "anwser": ""}', "unknown keys anwser"),
        ("[" * 100_000, "no JSON"),
        ('{"id": "a", "answer": "", "seconds": 1e999}', "1e999 is too large a number"),
        ('{"id": "a", "answer": "x", "answer": "y"}', "'answer' stands twice"),
    ],
)
def test_bad_lines_are_named(line, message, tmp_path):
    file = tmp_path / "responses.jsonl"
    file.write_text('\n{"id": "0", "answer": "x"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=message) as caught:
        read_records(Response, file)
    assert "line 3" in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.jsonl"):
        list(read_json_lines(tmp_path / "nowhere.jsonl"))


def test_lone_surrogates_become_replacement_characters(tmp_path):
    file = tmp_path / "responses.jsonl"
    row = {"id": "a", "answer": "x\ud800y", "meta": {"k\udfff": ["\udc00"]}}
    file.write_text(json.dumps(row) + "\n", encoding="utf-8")
    (record,) = read_records(Response, file)
    assert record.answer == "x\ufffdy"
    assert record.meta == {"k\ufffd": ["\ufffd"]}
    write_records([record], file)  # UTF-8 can hold it


def test_surrogate_pairs_are_characters():
    assert clean_text(json.loads('"\\ud83d\\ude00"')) == "\U0001f600"


def test_two_records_of_one_id_are_refused():
    with pytest.raises(InputError, match=r"answers: id 'a' comes twice"):
        unique_by_id([Response("a", "x"), Response("a", "y")], "answers")


def test_nan_is_never_written():
    with pytest.raises(ValueError, match="JSON"):
        json_line(Score("a", {"f1": float("nan")}))
