import itertools
import random

import pytest

from vary.eval import segments
from vary.eval.segments import holds_chinese, segments_of, tidy_text


def test_lines_are_known_under_the_policy():
    spaced = tidy_text(" one  two\n\n\tthree \r\n", is_chinese=False)
    assert spaced.text == "one two three"
    assert [spaced.text[start:end] for start, end in spaced.lines] == ["one two", "three"]
    chinese = tidy_text("港口 的\n黄昏 a b", is_chinese=True)
    assert chinese.text == "港口的黄昏ab"
    assert [chinese.text[start:end] for start, end in chinese.lines] == ["港口的", "黄昏ab"]


def test_chinese_is_told_by_one_character():
    assert holds_chinese("page 1 港") and not holds_chinese("ページ naïve ελ")


def test_lines_in_a_span():
    text = tidy_text("ab\ncd\nef", is_chinese=False)
    assert list(text.lines_in(0, 8)) == [(0, 2), (3, 5), (6, 8)]
    assert list(text.lines_in(2, 4)) == [(3, 5)]
    assert list(text.lines_in(4, 7)) == [(3, 5), (6, 8)]
    assert list(text.lines_in(2, 3)) == list(text.lines_in(9, 12)) == []


def test_the_heaviest_rise_is_that_of_trying_all():
    rng = random.Random(0)
    for num in (0, 1, 2, 5, 8):
        for _ in range(20):
            values = rng.sample(range(num), num)
            weights = dict(zip(values, rng.choices(range(1, 9), k=num), strict=True))
            every = (
                chosen
                for size in range(num + 1)
                for chosen in itertools.combinations(values, size)
                if list(chosen) == sorted(chosen)
            )
            best = max(sum(weights[value] for value in chosen) for chosen in every)
            found = segments._heaviest_rise(values, [weights[value] for value in values])
            kept = [value for value in values if value in found]
            assert kept == sorted(kept)
            assert sum(weights[value] for value in kept) == best


@pytest.mark.parametrize("swapped", [False, True])
def test_places_of_segments(swapped):
    first = "the grain ships had finally arrived on thursday"
    second = "merchants quarrelled over every single price"
    read = tidy_text(f"{second} {first}" if swapped else f"{first} {second}", is_chinese=False)
    right = tidy_text(f"{first}\n{second}", is_chinese=False)
    found = segments_of(read, right, is_chinese=False)
    assert [segment.is_moved for segment in found] == ([False, True] if swapped else [False])
    texts = [read.text[segment.start : segment.end].strip() for segment in found]
    assert " ".join(texts) == right.text
