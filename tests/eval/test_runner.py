import json
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from vary.errors import InputError, VaryError
from vary.eval.answers import AnswerFile
from vary.eval.records import Prompt, Response, Score, read_records
from vary.eval.runner import RunOptions, hash_prompts, run_evaluation, score_prompts
from vary.eval.systems import FileSystem

TEXTS = {"a": "first page", "b": "second page", "c": ""}


class Echo:
    """Answers from a table; remembers what it was asked, and may be stopped."""

    keeps_answers: ClassVar[bool] = True

    def __init__(self, answers, name="echo", description="echo 1", stop_after=None):
        self.answers, self.name, self.description = answers, name, description
        self.stop_after = stop_after
        self.asked: list[str] = []

    def check(self, task, prompts):
        if task == "refuse":
            raise VaryError("cannot")

    def answer(self, prompts, folder) -> Iterator[Response]:
        for number, prompt in enumerate(prompts):
            if number == self.stop_after:
                raise KeyboardInterrupt
            self.asked.append(prompt.id)
            answer = self.answers.get(prompt.id)
            yield Response(prompt.id, answer, "" if answer is not None else "asleep", 0.5)


@pytest.fixture
def pages(make_pages):
    return make_pages(TEXTS, [{"id": "a", "document": "book"}, {"id": "b", "document": "book"}])


def scores(evaluation, number=0):
    return evaluation.systems[number].scores


def test_right_wrong_and_missing(exact_task, pages, tmp_path):
    out = tmp_path / "out"
    evaluation = run_evaluation(exact_task, pages, [Echo({"a": "first page", "c": "!"})], out)
    found = scores(evaluation)
    assert found["a"].values == {"exact": 1.0, "wrong": 0.0}
    assert found["a"].weights == {"wrong": 10.0}
    assert (found["a"].document, found["a"].length) == ("book", 10)
    assert found["b"].reason == "asleep"
    assert found["b"].values == {"exact": 0.0, "wrong": 11.0}
    assert found["c"].values == {"exact": 0.0, "wrong": 1.0}
    assert found["c"].weights == {"wrong": 0.0}
    assert evaluation.systems[0].num_missing == 1
    assert evaluation.truths == TEXTS
    assert evaluation.picture(evaluation.prompts["a"]) == pages / "a.png"
    assert read_records(Score, out / "echo" / "scores.jsonl") == list(found.values())
    assert [p.id for p in read_records(Prompt, out / "prompts.jsonl")] == ["a", "b", "c"]


def test_an_empty_answer_is_no_missing_one(exact_task, pages, tmp_path):
    evaluation = run_evaluation(exact_task, pages, [Echo(dict.fromkeys("abc", ""))], tmp_path / "o")
    assert scores(evaluation)["c"].values["exact"] == 1.0
    assert scores(evaluation)["a"].values["exact"] == 0.0
    assert evaluation.systems[0].num_missing == 0


def test_a_missing_answer_to_an_empty_page_is_wrong(exact_task, pages, tmp_path):
    evaluation = run_evaluation(exact_task, pages, [Echo({})], tmp_path / "out")
    assert [score.values["exact"] for score in scores(evaluation).values()] == [0.0] * 3
    # As a ratio it adds an error, although there is no character to divide by.
    assert scores(evaluation)["c"].values["wrong"] == 1.0


def test_a_stopped_run_goes_on(exact_task, pages, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        run_evaluation(exact_task, pages, [Echo(TEXTS, stop_after=1)], out)
    file = out / "echo" / "responses.jsonl"
    file.write_bytes(file.read_bytes() + b'{"id": "b", "ans')  # the power went while it wrote
    second = Echo(TEXTS)
    evaluation = run_evaluation(exact_task, pages, [second], out)
    assert second.asked == ["b", "c"]
    assert all(score.values["exact"] == 1.0 for score in scores(evaluation).values())
    third = Echo(TEXTS)
    again = run_evaluation(exact_task, pages, [third], out)
    assert third.asked == []
    assert again == evaluation


def test_failures_are_kept_until_they_are_asked_again(exact_task, pages, tmp_path):
    out = tmp_path / "out"
    run_evaluation(exact_task, pages, [Echo({"a": "first page", "c": ""})], out)
    system = Echo(TEXTS)
    run_evaluation(exact_task, pages, [system], out)
    assert system.asked == []
    evaluation = run_evaluation(exact_task, pages, [system], out, RunOptions(retry=True))
    assert system.asked == ["b"]
    assert evaluation.systems[0].num_missing == 0


def test_several_systems(exact_task, pages, tmp_path):
    systems = [Echo(TEXTS, "one"), Echo({}, "two")]
    evaluation = run_evaluation(exact_task, pages, systems, tmp_path / "out")
    assert [run.name for run in evaluation.systems] == ["one", "two"]
    assert [run.num_missing for run in evaluation.systems] == [0, 3]


def test_pictures_that_are_missing_are_not_asked_for(exact_task, pages, tmp_path):
    (pages / "b.png").unlink()
    system = Echo(TEXTS)
    evaluation = run_evaluation(exact_task, pages, [system], tmp_path / "out")
    assert system.asked == ["a", "c"]
    assert "b" in scores(evaluation)
    assert "b.txt" in scores(evaluation)["b"].reason or "missing" in scores(evaluation)["b"].reason


def test_answers_that_lie_there_need_no_pictures(exact_task, pages, tmp_path):
    file = tmp_path / "answers.json"
    file.write_text(json.dumps(TEXTS), encoding="utf-8")
    (pages / "b.png").unlink()
    system = FileSystem("file", AnswerFile.load(file))
    evaluation = run_evaluation(exact_task, pages, [system], tmp_path / "out")
    assert evaluation.systems[0].num_missing == 0
    assert scores(evaluation)["b"].values["exact"] == 1.0


def test_other_data_in_the_same_folder_is_refused(exact_task, pages, make_pages, tmp_path):
    out = tmp_path / "out"
    run_evaluation(exact_task, pages, [Echo(TEXTS)], out)
    other = make_pages({"a": "another text"}, name="other")
    with pytest.raises(VaryError, match="other data or of another task; give another --out"):
        run_evaluation(exact_task, other, [Echo(TEXTS)], out)


def test_another_system_of_the_same_name_is_refused(exact_task, pages, tmp_path):
    out = tmp_path / "out"
    run_evaluation(exact_task, pages, [Echo(TEXTS)], out)
    with pytest.raises(VaryError, match="holds answers of echo 1, not of echo 2"):
        run_evaluation(exact_task, pages, [Echo(TEXTS, description="echo 2")], out)


def test_changed_pictures_are_asked_again(exact_task, pages, tmp_path):
    out = tmp_path / "out"
    first = run_evaluation(exact_task, pages, [Echo(TEXTS)], out)
    (pages / "a.png").write_bytes((pages / "b.png").read_bytes())
    system = Echo(TEXTS)
    second = run_evaluation(exact_task, pages, [system], out)
    assert system.asked == ["a"]
    assert first.data_hash != second.data_hash


def test_a_picture_that_was_missing_is_asked_when_it_comes(exact_task, pages, tmp_path):
    out = tmp_path / "out"
    picture = (pages / "b.png").read_bytes()
    (pages / "b.png").unlink()
    run_evaluation(exact_task, pages, [Echo(TEXTS)], out)
    (pages / "b.png").write_bytes(picture)
    system = Echo(TEXTS)
    evaluation = run_evaluation(exact_task, pages, [system], out)
    assert system.asked == ["b"]
    assert evaluation.systems[0].num_missing == 0


def test_moved_data_is_the_same_data(exact_task, pages, tmp_path):
    out = tmp_path / "out"
    run_evaluation(exact_task, pages, [Echo(TEXTS)], out)
    moved = pages.rename(tmp_path / "moved")
    system = Echo(TEXTS)
    evaluation = run_evaluation(exact_task, moved, [system], out)
    assert system.asked == []
    assert evaluation.picture(evaluation.prompts["a"]) == moved / "a.png"


@pytest.mark.parametrize("truth", [None, 5, ["a"]])
def test_a_truth_of_another_kind_is_named(truth, exact_task, tmp_path):
    file = tmp_path / "answers.jsonl"
    file.write_text(json.dumps({"id": "a", "answer": "x", "truth": truth}), encoding="utf-8")
    answers = AnswerFile.load(file)
    with pytest.raises(InputError, match=r"the truth of 'a' is .*, task exact wants str"):
        score_prompts(exact_task, answers.prompts(), FileSystem("file", answers), None)


def test_scores_do_not_fall_on_another_run(exact_task, pages, tmp_path):
    out = tmp_path / "out"
    run_evaluation(exact_task, pages, [Echo(TEXTS)], out)
    file = tmp_path / "answers.jsonl"
    file.write_text('{"id": "a", "answer": "x", "truth": "x"}\n', encoding="utf-8")
    answers = AnswerFile.load(file)
    with pytest.raises(VaryError, match="holds an evaluation of other data"):
        score_prompts(exact_task, answers.prompts(), FileSystem("file", answers), out)
    system = Echo(TEXTS)
    run_evaluation(exact_task, pages, [system], out)
    assert system.asked == []


def test_nothing_is_asked_before_all_is_checked(exact_task, pages, tmp_path):
    file = tmp_path / "answers.jsonl"
    file.write_text('{"id": "elsewhere", "answer": "x"}\n', encoding="utf-8")
    first = Echo(TEXTS)
    second = FileSystem("file", AnswerFile.load(file))
    with pytest.raises(InputError, match="to no prompt"):
        run_evaluation(exact_task, pages, [first, second], tmp_path / "out")
    assert first.asked == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fault_in_scoring_is_counted(workers, exact_task, pages, tmp_path):
    system = Echo({**TEXTS, "a": "boom"})
    evaluation = run_evaluation(
        exact_task, pages, [system], tmp_path / "out", RunOptions(workers=workers)
    )
    assert "RuntimeError: cannot be" in scores(evaluation)["a"].reason
    assert scores(evaluation)["a"].values["exact"] == 0.0
    assert scores(evaluation)["b"].values["exact"] == 1.0


def test_answers_in_a_file_are_read_anew(exact_task, pages, tmp_path):
    out, file = tmp_path / "out", tmp_path / "answers.json"
    for answer, exact in (("wrong", 0.0), ("first page", 1.0)):
        file.write_text(json.dumps({"a": answer, "b": "second page"}), encoding="utf-8")
        system = FileSystem("file", AnswerFile.load(file))
        evaluation = run_evaluation(exact_task, pages, [system], out)
        assert scores(evaluation)["a"].values["exact"] == exact
        assert scores(evaluation)["c"].reason == "not in answers.json"


def test_answers_with_their_truths(exact_task, tmp_path):
    file = tmp_path / "answers.jsonl"
    rows = [
        {"id": "a", "answer": "x", "truth": "x", "document": "book"},
        {"id": "b", "answer": "y", "truth": "z"},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    answers = AnswerFile.load(file)
    for out in (None, tmp_path / "out"):
        evaluation = score_prompts(exact_task, answers.prompts(), FileSystem("file", answers), out)
        assert [score.values["exact"] for score in scores(evaluation).values()] == [1.0, 0.0]
    assert (tmp_path / "out" / "file" / "scores.jsonl").is_file()


def test_progress_is_told(exact_task, pages, tmp_path):
    told = []
    options = RunOptions(watch=lambda *what: told.append(what))
    run_evaluation(exact_task, pages, [Echo(TEXTS)], tmp_path / "out", options)
    assert told[0] == ("echo", 0, 3)
    assert told[3] == ("echo", 3, 3)
    assert told[-1] == ("scores of echo", 3, 3)


def test_no_prompts_is_an_error(exact_task, make_pages, tmp_path):
    folder = make_pages({"a": "x"})
    (folder / "a.png").unlink()
    (folder / "a.txt").rename(folder / "README.txt")
    with pytest.raises(InputError, match="nothing to ask"):
        run_evaluation(exact_task, folder, [Echo({})], tmp_path / "out")


def test_the_hash_is_of_questions_truths_and_pictures(tmp_path):
    (tmp_path / "a.png").write_bytes(b"one")
    base = [Prompt("a", ("a.png",), "Read.", "x")]
    known = hash_prompts(base, tmp_path)
    assert hash_prompts([Prompt("a", ("a.png",), "Read.", "x", "book")], tmp_path) == known
    assert hash_prompts([Prompt("a", ("a.png",), "Read.", "y")], tmp_path) != known
    assert hash_prompts([Prompt("a", ("a.png",), "See.", "x")], tmp_path) != known
    (tmp_path / "a.png").write_bytes(b"two")
    assert hash_prompts(base, tmp_path) != known


def test_a_folder_that_cannot_be_written(exact_task, pages, tmp_path):
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    with pytest.raises(VaryError, match="cannot be written to"):
        run_evaluation(exact_task, pages, [Echo(TEXTS)], Path(file) / "out")
