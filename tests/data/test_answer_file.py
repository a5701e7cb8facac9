import json
import threading
from dataclasses import dataclass

import pytest

from vary.data.answer_file import AnswerFile


@dataclass(frozen=True)
class Told:
    name: str
    text: str


def told_of(line, place):
    try:
        return Told(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise ValueError(place) from error


def answers(file):
    return AnswerFile(file, told_of, key=lambda told: told.name)


def test_what_was_added_is_found_by_the_next(tmp_path):
    file = tmp_path / "answers.jsonl"
    first = answers(file)
    for told in (Told("a", "一\u2028二\x85"), Told("b", "old"), Told("b", "new")):
        first.add(told)
    second = answers(file)
    assert len(second) == 2 and second.find("c") is None
    assert second.find("a") == Told("a", "一\u2028二\x85")
    assert second.find("b") == first.find("b") == Told("b", "new")


def test_an_answer_is_on_disk_when_add_returns(tmp_path):
    file = tmp_path / "answers.jsonl"
    answers(file).add(Told("a", "x"))
    assert file.read_bytes() == b'{"name": "a", "text": "x"}\n'


def test_a_torn_end_is_cut_off_and_the_next_starts_anew(tmp_path):
    file = tmp_path / "answers.jsonl"
    answers(file).add(Told("a", "x"))
    with file.open("ab") as stream:
        stream.write(b'{"name": "b", "te')
    again = answers(file)
    again.add(Told("c", "y"))
    assert len(again) == len(answers(file)) == 2
    assert [json.loads(line)["name"] for line in file.open()] == ["a", "c"]


def test_a_damaged_line_is_named_and_nothing_is_changed(tmp_path):
    file = tmp_path / "answers.jsonl"
    content = b'{"name": "a", "text": "x"}\n\n{"name"}\n'
    file.write_bytes(content)
    with pytest.raises(ValueError, match="line 3"):
        answers(file)
    assert file.read_bytes() == content


def test_without_a_file_answers_are_kept_in_memory():
    kept = answers(None)
    kept.add(Told("a", "x"))
    assert kept.find("a") == Told("a", "x")


def test_lines_of_many_threads_do_not_mix(tmp_path):
    file = tmp_path / "answers.jsonl"
    kept = answers(file)
    own = [
        threading.Thread(
            target=lambda at: [kept.add(Told(f"{at}-{i}", "x" * 99)) for i in range(9)], args=(at,)
        )
        for at in range(4)
    ]
    for thread in own:
        thread.start()
    for thread in own:
        thread.join()
    assert len(answers(file)) == 36
