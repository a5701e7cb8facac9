import json
from dataclasses import replace

import pytest

from vary.errors import InputError
from vary.eval.records import Score
from vary.eval.report import build_report
from vary.eval.tasks.base import Metric, TaskInfo

QUESTIONS = TaskInfo(
    "questions",
    "Questions",
    (Metric("accuracy", "Accuracy", "higher", worst=0, best=100),),
    mean_of="half",
)


def as_json(report):
    return json.loads(json.dumps(report.to_dict(), allow_nan=False))


def with_scores(evaluation, change):
    """The evaluation with the first system's scores changed."""
    first, *others = evaluation.systems
    scores = {name: change(score) for name, score in first.scores.items()}
    return replace(evaluation, systems=(replace(first, scores=scores), *others))


def test_totals_missing_and_times(two_systems):
    report = as_json(build_report(two_systems))
    first, other = report["systems"]
    values = [score.values["edit_distance"] for score in two_systems.systems[0].scores.values()]
    assert first["metrics"]["edit_distance"]["value"] == pytest.approx(sum(values) / 6)
    assert first["metrics"]["edit_distance"]["num_units"] == 3
    assert other["metrics"]["edit_distance"]["value"] == pytest.approx(1 / 6)
    assert (first["num_missing"], other["missing"]) == (0, {"timed out": 1})
    # A time that ended without an answer is no time of an answer.
    assert other["seconds"] == {"median": 1.0, "mean": 1.0, "num": 5}
    assert report["data"] == {
        "name": "made pages",
        "hash": "0f" * 32,
        "num": 6,
        "num_documents": 3,
    }
    assert report["versions"] == {"vary": "0.1.0"}


def test_groups(two_systems):
    groups = as_json(build_report(two_systems))["systems"][1]["groups"]["language"]
    # p4 is missing, and German.
    assert groups["de"]["edit_distance"]["value"] == pytest.approx(1 / 3)
    assert groups["en"]["edit_distance"]["value"] == 0
    assert groups["en"]["edit_distance"]["num"] == 3


def test_a_prompt_in_several_groups_counts_in_each(make):
    truths = {"a": "1", "b": "2", "c": "3"}
    kinds = {"a": {"kind": ["x", "y"]}, "b": {"kind": "x"}, "c": {}}
    evaluation = make(truths, {"s": {"a": "1", "b": "-", "c": "3"}}, groups=kinds, task=QUESTIONS)
    groups = build_report(evaluation).systems[0].groups["kind"]
    assert {name: found["accuracy"].value for name, found in groups.items()} == {
        "x": 50,
        "y": 100,
        "(none)": 100,
    }


def test_groups_that_are_numbers_stand_in_their_order(make):
    truths = {str(i): "t" for i in (10, 9, 100)}
    groups = {name: {"length": int(name)} for name in truths} | {"x": {}}
    report = build_report(make(truths, {"s": truths}, groups=groups))
    assert list(report.systems[0].groups["length"]) == ["9", "10", "100"]


def test_a_mean_over_groups(make):
    truths = {f"q{i}": "yes" for i in range(8)}
    answers = {name: "yes" if i < 6 else "no" for i, name in enumerate(truths)}
    groups = {f"q{i}": {"half": "a" if i < 6 else "b"} for i in range(8)}
    report = build_report(make(truths, {"s": answers}, groups=groups, task=QUESTIONS))
    found = report.systems[0].metrics["accuracy"]
    assert (found.value, found.low, found.high) == (50, 50, 50)


def test_comparison(two_systems):
    (comparison,) = build_report(two_systems).comparisons
    found = comparison.metrics["edit_distance"]
    assert (comparison.first, comparison.other) == ("first", "other")
    assert found.difference.value == pytest.approx(
        build_report(two_systems).systems[0].metrics["edit_distance"].value - 1 / 6
    )
    assert (found.better, found.equal, found.worse) == (1, 0, 5)
    assert 0 < found.difference.p_value <= 1 and found.difference.is_exact


def test_the_worst_answers_are_there_but_not_the_missing_ones(two_systems):
    report = build_report(two_systems, num_worst=3)
    assert report.worst[0] == "p3"
    assert len(report.worst) == 3
    exchanged = replace(two_systems, systems=two_systems.systems[::-1])
    # The others are perfect, and one is missing.
    assert build_report(exchanged).worst == ()


def test_errors_by_kind(two_systems):
    first, other = build_report(two_systems).systems
    assert first.split.parts == {"cutting": 44, "characters": 5, "order": 0}
    assert first.split.errors == sum(first.split.parts.values())
    # What is missing is missing text.
    assert other.split.parts == {"cutting": 44, "characters": 0, "order": 0}
    assert other.split.shares["cutting"].value == pytest.approx(44 / other.split.length)
    assert other.split.shares["cutting"].low == 0


def test_workers_give_the_same(two_systems):
    assert build_report(two_systems, num_workers=2).to_dict() == build_report(two_systems).to_dict()


def test_the_same_evaluation_gives_the_same_report(two_systems):
    assert build_report(two_systems).to_dict() == build_report(two_systems).to_dict()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_counts_as_the_worst_and_is_told(two_systems, value):
    changed = with_scores(
        two_systems,
        lambda score: (
            replace(score, values=score.values | {"edit_distance": value})
            if score.id == "p0"
            else replace(score, values=score.values | {"edit_distance": 0.0})
        ),
    )
    report = as_json(build_report(changed))
    assert report["systems"][0]["metrics"]["edit_distance"]["value"] == pytest.approx(1 / 6)
    assert report["systems"][0]["num_not_finite"] == 1


def test_times_that_are_no_numbers_are_left_out(two_systems):
    first = two_systems.systems[0]
    for name, value in (("p0", float("inf")), ("p1", float("nan")), ("p2", 4.0)):
        first.responses[name] = replace(first.responses[name], seconds=value)
    assert as_json(build_report(two_systems))["systems"][0]["seconds"] == {
        "median": 1.0,
        "mean": 1.75,
        "num": 4,
    }


def test_weights_that_are_no_numbers(two_systems):
    changed = with_scores(two_systems, lambda score: replace(score, weights={"cer": float("nan")}))
    assert as_json(build_report(changed))["systems"][0]["num_not_finite"] == 6


def test_a_metric_that_no_answer_has(two_systems):
    changed = with_scores(two_systems, lambda score: replace(score, values={}, weights={}))
    report = as_json(build_report(changed))
    assert report["systems"][0]["metrics"]["edit_distance"] == {
        "value": None,
        "num": 0,
        "num_units": 0,
        "low": None,
        "high": None,
    }
    assert report["comparisons"][0]["metrics"]["cer"]["difference"]["value"] is None
    assert report["worst"] == []


def test_one_page(make):
    report = as_json(build_report(make({"p": "text"}, {"s": {"p": "test"}, "t": {"p": "text"}})))
    found = report["systems"][0]["metrics"]["edit_distance"]
    assert (found["value"], found["low"], found["high"]) == (0.25, None, None)
    assert report["comparisons"][0]["metrics"]["edit_distance"]["difference"]["p_value"] is None


def test_no_prompts_and_no_systems(make):
    assert as_json(build_report(make({}, {"s": {}})))["systems"][0]["num"] == 0
    assert as_json(build_report(make({"p": "t"}, {})))["systems"] == []


def test_a_prompt_without_a_score_is_named(two_systems):
    first, other = two_systems.systems
    scores = {name: score for name, score in other.scores.items() if name != "p2"}
    changed = replace(two_systems, systems=(first, replace(other, scores=scores)))
    with pytest.raises(InputError, match=r"other: no score for 1 of 6 prompts, 'p2' first"):
        build_report(changed)


class TestLengths:
    def make(self, make, lengths):
        truths = {f"p{i:03d}": "x" * length for i, length in enumerate(lengths)}
        return build_report(make(truths, {"s": {k: v + "y" for k, v in truths.items()}})).lengths

    def test_parts_are_of_about_as_many_answers(self, make):
        parts = self.make(make, range(1, 101))
        assert len(parts) == 8
        assert sum(part.num for part in parts) == 100
        assert {part.num for part in parts} <= {12, 13}
        assert [part.shortest for part in parts[1:]] == [part.longest + 1 for part in parts[:-1]]
        # One character too many costs short texts more.
        values = [part.systems["s"].value for part in parts]
        assert values == sorted(values, reverse=True)
        assert parts[0].systems["s"].low < values[0] < parts[0].systems["s"].high

    def test_truths_of_one_length_stay_together(self, make):
        parts = self.make(make, [5] * 30 + [9] * 10)
        assert [(part.shortest, part.longest, part.num) for part in parts] == [
            (5, 5, 30),
            (9, 9, 10),
        ]

    @pytest.mark.parametrize("lengths", [[], [3], [1, 2, 3] * 6, [7] * 50])
    def test_lengths_that_tell_nothing(self, make, lengths):
        assert self.make(make, lengths) == ()


def test_scores_of_other_metrics_are_left_out(two_systems):
    changed = with_scores(
        two_systems,
        lambda s: Score(s.id, s.values | {"other": 3.0}, s.weights, s.document, s.groups, s.length),
    )
    assert set(build_report(changed).systems[0].metrics) == {"edit_distance", "cer"}
