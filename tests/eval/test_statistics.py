import itertools

import numpy as np
import pytest

from vary.eval import statistics
from vary.eval.statistics import Row, Sums, randomisation_test

ALL = ("",)


def sums(values, *, units=None, groups=None, weights=None):
    """Sums of one column ``m``, a row for each value."""
    rows = [
        Row(
            units[i] if units else str(i),
            groups[i] if groups else ALL,
            {"m": (value, weights[i] if weights else 1.0)},
        )
        for i, value in enumerate(values)
    ]
    return Sums(rows, ["m"])


def paired(first, other, *, units=None, groups=None, weights=None):
    rows = [
        Row(
            units[i] if units else str(i),
            groups[i] if groups else ALL,
            {
                "a": (one, weights[i] if weights else 1.0),
                "b": (two, weights[i] if weights else 1.0),
            },
        )
        for i, (one, two) in enumerate(zip(first, other, strict=True))
    ]
    return Sums(rows, ["a", "b"])


def test_a_total_is_the_mean():
    found = sums([0.1, 0.2, 0.6]).estimate("m")
    assert found.value == pytest.approx(0.3)
    assert (found.num, found.num_units) == (3, 3)


def test_a_rate_is_taken_over_all_answers_together():
    assert sums([1, 5], weights=[10, 90]).estimate("m").value == pytest.approx(0.06)


def test_a_mean_over_groups_weighs_them_alike():
    found = sums([1, 1, 1, 0, 0], groups=[("a",), ("a",), ("a",), ("b",), ("b",)]).estimate("m")
    assert found.value == pytest.approx(0.5)
    # Each group has its own value at every page: drawn within groups, nothing varies.
    assert (found.low, found.high) == pytest.approx((0.5, 0.5))


def test_an_answer_in_two_groups_counts_in_both():
    rows = [Row("1", ("x", "y"), {"m": (1, 1)}), Row("2", ("x",), {"m": (0, 1)})]
    assert Sums(rows, ["m"]).estimate("m").value == pytest.approx(0.75)


def test_the_interval_of_two_documents_goes_from_one_to_the_other():
    # Resamples: 0.2 with a quarter, the mean with a half, 0.8 with a quarter.
    found = sums([0.2, 0.8]).estimate("m")
    assert (found.low, found.high) == pytest.approx((0.2, 0.8))


def test_the_interval_is_that_of_resampling_one_by_one():
    values, weights = [3.0, 0.0, 9.0, 1.0, 4.0], [10.0, 20.0, 30.0, 5.0, 40.0]
    found = sums(values, weights=weights).estimate("m")
    every = [
        sum(values[i] for i in picks) / sum(weights[i] for i in picks)
        for picks in itertools.product(range(5), repeat=5)
    ]
    low, high = np.percentile(every, [2.5, 97.5])
    assert found.low == pytest.approx(low, abs=0.01)
    assert found.high == pytest.approx(high, abs=0.01)


def test_pages_of_a_document_are_drawn_together():
    values = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    together = sums(values, units=["a"] * 3 + ["b"] * 3).estimate("m")
    assert together.num_units == 2
    assert (together.low, together.high) == (0.0, 1.0)
    alone = sums(values).estimate("m")
    assert alone.high - alone.low < 1.0


@pytest.mark.parametrize("values", [[], [0.5], [0.5, 0.7]])
def test_fewer_than_two_documents_give_no_interval(values):
    found = sums(values, units=["one"] * len(values)).estimate("m")
    assert (found.low, found.high) == (None, None)
    assert found.value == (pytest.approx(np.mean(values)) if values else None)


def test_a_group_of_one_document_gives_no_interval():
    found = sums([0, 1, 1], groups=[("a",), ("a",), ("b",)]).estimate("m")
    assert found.value == pytest.approx(0.75)
    assert found.low is None


def test_no_denominator_gives_no_value():
    found = sums([3.0, 4.0], weights=[0.0, 0.0]).estimate("m")
    assert found.value is None and found.low is None


def test_a_metric_that_few_answers_have():
    rows = [Row(str(i), ALL, {"m": (i % 2, 1)} if i < 4 else {}) for i in range(40)]
    found = Sums(rows, ["m"]).estimate("m")
    assert (found.value, found.num, found.num_units) == (0.5, 4, 4)
    assert 0 <= found.low < found.high <= 1


def test_the_same_rows_give_the_same_interval():
    values = list(np.random.default_rng(1).random(50))
    assert sums(values).estimate("m") == sums(values).estimate("m")


def brute_force_p(first, other, weights):
    def total(values):
        return sum(values) / sum(weights)

    observed = abs(total(first) - total(other))
    hits = ways = 0
    for swaps in itertools.product([False, True], repeat=len(first)):
        pairs = list(zip(first, other, swaps, strict=True))
        left = [b if swap else a for a, b, swap in pairs]
        right = [a if swap else b for a, b, swap in pairs]
        hits += abs(total(left) - total(right)) >= observed - 1e-12
        ways += 1
    return hits / ways


def test_p_is_exact_for_few_documents():
    first, other = [0.1, 0.2, 0.3, 0.4, 0.5], [0.3, 0.3, 0.5, 0.5, 0.9]
    found = paired(first, other).compare("a", "b")
    assert found.value == pytest.approx(-0.2)
    # All differences have one sign: only all or none exchanged is as far apart.
    assert found.p_value == pytest.approx(2 / 2**5)
    assert found.is_exact
    assert found.low < -0.2 < found.high < 0


def test_p_is_that_of_trying_all_ways():
    first, other = [1, 7, 3, 0, 9, 2], [2, 4, 4, 5, 1, 8]
    weights = [10, 20, 30, 40, 15, 5]
    found = paired(first, other, weights=weights).compare("a", "b")
    assert found.p_value == pytest.approx(brute_force_p(first, other, weights))


def test_p_of_many_documents_is_near_the_exact_one(monkeypatch):
    rng = np.random.default_rng(5)
    first, other = rng.random(12), rng.random(12) + 0.15
    exact = paired(first, other).compare("a", "b")
    monkeypatch.setattr(statistics, "MAX_EXACT_UNITS", 3)
    drawn = paired(first, other).compare("a", "b")
    assert exact.is_exact and not drawn.is_exact
    assert drawn.p_value == pytest.approx(exact.p_value, abs=0.02)


def test_equal_systems_do_not_differ():
    found = paired([0.5] * 30, [0.5] * 30).compare("a", "b")
    assert (found.value, found.low, found.high, found.p_value) == (0, 0, 0, 1)


def test_documents_that_are_equal_do_not_change_p():
    one, two = np.zeros((2, 3, 1)), np.zeros((2, 3, 1))
    one[0, :, 0], two[0, :, 0] = [1, 2, 3], [2, 3, 5]
    one[1], two[1] = 1, 1
    more = [np.concatenate([side, np.ones((2, 50, 1))], axis=1) for side in (one, two)]
    assert randomisation_test(*more) == randomisation_test(one, two) == (0.25, True)


def test_one_document_cannot_be_compared():
    found = paired([0.5], [0.7]).compare("a", "b")
    assert found.value == pytest.approx(-0.2)
    assert (found.low, found.p_value) == (None, None)


def test_a_pair_is_surer_than_its_sides():
    rng = np.random.default_rng(2)
    first = rng.random(60)
    table = paired(first, first + 0.02 + 0.01 * rng.random(60))
    side = table.estimate("a")
    difference = table.compare("a", "b")
    assert difference.high - difference.low < (side.high - side.low) / 10
    assert difference.high < 0 and difference.p_value < 0.001


def covered(rng, by_document):
    """Whether the interval of 40 documents of 5 like pages holds the true mean."""
    means = rng.normal(0.5, 0.1, size=40)
    pages = means[:, None] + rng.normal(0, 0.03, size=(40, 5))
    units = [str(i if by_document else (i, j)) for i in range(40) for j in range(5)]
    found = sums(pages.reshape(-1).tolist(), units=units).estimate("m")
    return found.low <= 0.5 <= found.high


def test_intervals_cover_the_truth_as_often_as_they_say(monkeypatch):
    monkeypatch.setattr(statistics, "NUM_RESAMPLES", 500)
    rng = np.random.default_rng(3)
    by_document = np.mean([covered(rng, by_document=True) for _ in range(300)])
    by_page = np.mean([covered(rng, by_document=False) for _ in range(300)])
    assert 0.90 <= by_document <= 0.98
    assert by_page < 0.75


def test_alike_systems_rarely_seem_to_differ(monkeypatch):
    monkeypatch.setattr(statistics, "NUM_RESAMPLES", 400)
    rng = np.random.default_rng(4)
    found = [paired(rng.random(25), rng.random(25)).compare("a", "b").p_value for _ in range(300)]
    assert 0.01 <= np.mean([p < 0.05 for p in found]) <= 0.09
