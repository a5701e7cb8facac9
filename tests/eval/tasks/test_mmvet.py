import json
import pickle

import pytest
from PIL import Image

from vary.errors import InputError, VaryError
from vary.eval.answers import AnswerFile
from vary.eval.grading import Grade, GraderError, rubric_hash
from vary.eval.records import Prompt, Response, write_records
from vary.eval.runner import run_evaluation, score_response
from vary.eval.systems import FileSystem
from vary.eval.tasks.mmvet import MmVetTask, UngradedError

ENTRY = {
    "imagename": "v1_0.png",
    "question": "What is x in the equation?",
    "answer": "-1<AND>-5",
    "capability": ["ocr", "math"],
    "imagesource": "web",
}


@pytest.fixture
def make_release(tmp_path):
    def make(entries):
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.new("L", (8, 8)).save(tmp_path / "images" / "v1_0.png")
        (tmp_path / "mm-vet.json").write_text(json.dumps(entries), encoding="utf-8")
        return tmp_path

    return make


@pytest.fixture
def task(monkeypatch):
    """Return a task whose grader gives the grades in `asked`, and keeps the questions there."""
    task = MmVetTask(grader_url="http://127.0.0.1:9/v1", grader_model="judge", runs=2)

    def grade(self, question, run):
        score = {"-1": 0.5, "-1 and -5": 1.0}.get(question.answer, 0.1 * run)
        reason = "no grade in 3 replies" if question.answer == "prose" else ""
        if question.answer == "down":
            raise GraderError("down")
        told = (self.settings.model, "", rubric_hash(), question.hash)
        return Grade(question.id, run, score, str(score), reason, *told)

    monkeypatch.setattr("vary.eval.grading.Grader.grade", grade)
    return task


def prompts(data):
    return list(MmVetTask().prompts(data))


def test_prompts(make_release):
    folder = make_release({"v1_0": ENTRY, "v1_1": {**ENTRY, "imagename": "v1_1.png"}})
    first, second = prompts(folder)
    assert first == Prompt(
        "v1_0",
        (str((folder / "images/v1_0.png").resolve()),),
        "What is x in the equation?",
        "-1<AND>-5",
        "v1_0.png",
        {"capability": ["ocr", "math"]},
    )
    assert second.reason == "picture v1_1.png is missing"
    assert prompts(folder / "mm-vet.json") == [first, second]
    assert MmVetTask().text_of(first) == "-1 and -5"


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"answer": None}, "its answer is missing"), ({"answer": ""}, "its answer is"),
     ({"question": 0.5 * float("nan")}, "its question is no text but NaN"),
     ({"imagename": "../x.png"}, "outside of the data")],
)  # fmt: skip
def test_what_cannot_be_asked_says_why(make_release, tmp_path, change, reason):
    (prompt,) = prompts(make_release({"v1_0": {**ENTRY, **change}}))
    assert reason in prompt.reason
    write_records([prompt], tmp_path / "prompts.jsonl")


@pytest.mark.parametrize("broken", [[], {}, {"v1_0": "x"}])
def test_data_that_cannot_be_understood(make_release, broken):
    with pytest.raises(InputError, match=r"mm-vet\.json"):
        prompts(make_release(broken))


def test_an_id_that_comes_twice_is_refused(tmp_path):
    entry = json.dumps(ENTRY)
    (tmp_path / "mm-vet.json").write_text(f'{{"v1_0": {entry}, "v1_0": {entry}}}')
    with pytest.raises(InputError, match="'v1_0' stands twice"):
        prompts(tmp_path)


def test_grades_are_means_over_the_runs(task, tmp_path):
    prompt = Prompt("v1_0", (), "x?", "-1<AND>-5")
    task.prepare(tmp_path)
    assert task.score(prompt, "-1") == {"score": 0.5, "failed_grades": 0.0}
    assert task.score(prompt, "else") == {"score": 0.05, "failed_grades": 0.0}
    with pytest.raises(UngradedError, match="no grade in 3 replies"):
        task.score(prompt, "prose")
    # Those of the two runs differ by 0.1 for the last answer graded under this id.
    assert "0.0500 (1 graded answers)" in task.info.notes[1]
    lines = (tmp_path / "grades.jsonl").read_text().splitlines()
    assert [json.loads(line)["run"] for line in lines] == [0, 1] * 3


def test_empty_and_missing_answers_ask_nobody(task, tmp_path):
    prompt = Prompt("v1_0", (), "x?", "-1<AND>-5")
    task.prepare(tmp_path)
    assert task.score(prompt, " \n") == {"score": 0.0, "failed_grades": 0.0}
    missing = score_response((task, prompt, Response("v1_0", None, "timed out")))
    assert (missing.values, missing.reason) == (
        {"score": 0.0, "failed_grades": 0.0},
        "timed out",
    )
    assert not (tmp_path / "grades.jsonl").exists()
    assert len(task.info.notes) == 1


def test_systems_have_grades_of_their_own(task, tmp_path):
    prompt = Prompt("v1_0", (), "x?", "-1<AND>-5")
    for system, answer in (("one", "-1"), ("two", "-1 and -5")):
        (tmp_path / system).mkdir()
        task.prepare(tmp_path / system)
        task.score(prompt, answer)
    assert [note.split(":")[0] for note in task.info.notes[1:]] == [
        "Standard deviation over the 2 runs of one",
        "Standard deviation over the 2 runs of two",
    ]
    assert (tmp_path / "one" / "grades.jsonl").is_file()


def test_without_a_folder_grades_are_not_kept(task):
    prompt = Prompt("v1_0", (), "x?", "-1<AND>-5")
    assert task.score(prompt, "-1")["score"] == 0.5


def test_a_grader_that_is_down_ends_the_run(task, tmp_path):
    task.prepare(tmp_path)
    with pytest.raises(GraderError):
        task.score(Prompt("v1_0", (), "x?", "y"), "down")


def test_a_run_goes_on_where_its_grader_went_down(task, make_release, tmp_path, monkeypatch):
    data = make_release(dict.fromkeys(("v1_0", "v1_1", "v1_2"), ENTRY))
    answers = tmp_path / "answers.jsonl"
    rows = [{"id": "v1_0", "answer": "-1"}, {"id": "v1_1", "answer": "down"}]
    rows.append({"id": "v1_2", "answer": "-1 and -5"})
    answers.write_text("".join(json.dumps(row) + "\n" for row in rows))
    system = FileSystem("one", AnswerFile.load(answers))
    with pytest.raises(GraderError):
        run_evaluation(task, data, [system], tmp_path / "out")
    kept = (tmp_path / "out/one/grades.jsonl").read_text()
    assert len(kept.splitlines()) == 2
    asked = []

    def well_again(self, question, run):
        asked.append(question.id)
        told = (self.settings.model, "", rubric_hash(), question.hash)
        return Grade(question.id, run, 1.0, "1.0", "", *told)

    monkeypatch.setattr("vary.eval.grading.Grader.grade", well_again)
    evaluation = run_evaluation(task, data, [system], tmp_path / "out")
    assert asked == ["v1_1", "v1_1", "v1_2", "v1_2"]
    scores = evaluation.systems[0].scores
    assert [score.values["score"] for score in scores.values()] == [0.5, 1.0, 1.0]
    assert "0.0000 (3 graded answers)" in evaluation.task.notes[1]


def test_the_report_says_that_it_is_not_comparable():
    note = MmVetTask(grader_model="judge-7").info.notes[0]
    assert note.startswith("Not comparable with published MM-Vet: grader judge-7, rubric ours")
    assert not MmVetTask.is_parallel


@pytest.mark.parametrize(
    ("options", "told"),
    [({}, "--grader-model"), ({"grader_model": "x"}, "OPENAI_API_KEY"),
     ({"grader_model": "x", "grader_url": "http://a", "runs": 0}, "--runs")],
)  # fmt: skip
def test_what_is_missing_is_told_before_anything_is_asked(monkeypatch, options, told):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(VaryError, match=told):
        MmVetTask(**options).check()


def test_tasks_are_picklable():
    task = MmVetTask(grader_model="x")
    assert pickle.loads(pickle.dumps(task)) == task
