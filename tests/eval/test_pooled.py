import os
import signal

import pytest

from vary.errors import MissingExtraError
from vary.eval.metrics import text_metrics
from vary.eval.pooled import CHUNK, Failure, score_all


def double(number):
    if number < 0:
        raise ArithmeticError(f"{number} is too small\nfor this")
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def score_pair(pair):
    return text_metrics(*pair)


def needs_more(number):
    raise MissingExtraError("nothing is installed")


@pytest.mark.parametrize("workers", [1, 2])
def test_results_keep_their_order(workers):
    numbers = list(range(20, 20 + 5 * CHUNK + 3))
    done = {}
    results = score_all(double, iter(numbers), workers, on_done=done.__setitem__)
    assert results == [2 * number for number in numbers]
    assert [done[index] for index in range(len(numbers))] == results


@pytest.mark.parametrize("workers", [1, 2])
def test_one_bad_item_has_its_reason(workers):
    results = score_all(double, [1, -5, 3], workers)
    assert results == [2, Failure("ArithmeticError: -5 is too small"), 6]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_an_item_that_kills_its_process_stops_no_other():
    numbers = [*range(60, 60 + 6 * CHUNK), 13, *range(100, 100 + 6 * CHUNK)]
    done = []
    results = score_all(double, numbers, 2, on_done=lambda index, outcome: done.append(index))
    assert isinstance(results[6 * CHUNK], Failure)
    assert "died" in results[6 * CHUNK].reason
    del results[6 * CHUNK], numbers[6 * CHUNK]
    assert results == [2 * number for number in numbers]
    assert sorted(done) == list(range(len(numbers) + 1))


def test_nothing_to_do():
    assert score_all(double, [], 2) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_what_all_items_miss_stops_the_run(workers):
    with pytest.raises(MissingExtraError, match="nothing is installed"):
        score_all(needs_more, range(100), workers)


def test_no_workers():
    with pytest.raises(ValueError, match="1 or more"):
        score_all(double, [1], 0)


def test_texts_are_scored_as_without_a_pool():
    pairs = [("a b c d", "a b c e"), ("视觉词表", "视觉 词汇表"), ("\ud800", "a"), ("", "")]
    assert score_all(score_pair, pairs, 2) == [text_metrics(*pair) for pair in pairs]
