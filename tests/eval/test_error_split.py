import random
import time
from itertools import pairwise

import pytest
from rapidfuzz.distance import Levenshtein

from vary.eval.error_split import segments_in_order, split_errors
from vary.eval.segments import holds_chinese

ENGLISH = """The harbour at dusk
Boats lay side by side along the quay, and their ropes
creaked whenever the tide pulled at them. A keeper went
from lamp to lamp with a long pole, lighting every wick.
Nobody spoke, since the wind was carrying each word far
across the black water to the warehouses beyond.
17
On Thursday morning the grain ships had finally arrived.
Merchants quarrelled over prices; clerks counted sacks,
scribbled figures into ledgers, and sent boys running to
fetch more chalk. By noon eleven hundred sacks were sold.
An old map hung in the office of the harbour master: its
islands had names that no living sailor could pronounce.""".splitlines()
CHINESE = """港口的黄昏
船只沿着码头并排停靠，缆绳随潮水
吱呀作响。看守人提着长杆逐一点灯，
谁也没有说话，因为风会把每个词语
吹过漆黑的水面，一直送到仓库那边。
星期四早晨运粮的货轮终于抵达，
商贩争论价格，书记员清点麻袋，
把数字草草写入账簿，又派少年
去取更多粉笔。中午卖掉一千余袋。
办公室挂着旧地图，岛屿名称古怪。""".splitlines()
INVENTED = """Seventeen violins were tuned before breakfast, which pleased
the conductor and annoyed all of his upstairs neighbours.""".splitlines()
INVENTED_CHINESE = ["早饭前调好十七把提琴，令指挥欢喜，", "却使楼上邻居十分恼怒。"]
PAGES = [
    pytest.param(ENGLISH, " ".join, INVENTED, id="en"),
    pytest.param(CHINESE, "".join, INVENTED_CHINESE, id="zh"),
]
JOINED = pytest.mark.parametrize("is_joined", [False, True])


def typos(text, rate, seed=1):
    rng = random.Random(seed)
    found = []
    for character in text:
        kind = rng.random() / rate
        if character == "\n" or kind >= 1:
            found.append(character)
        elif kind < 0.7:
            found.append(rng.choice("qxzQXZ#%"))
        elif kind < 0.85:
            found.append(character + rng.choice("qxz"))
    return "".join(found)


def split(answer, truth, join="\n".join):
    """The parts, and the edit distance that they must add up to."""
    truth = "\n".join(truth)
    found = split_errors(join(answer), truth)
    tidy = "".join if holds_chinese(truth) else " ".join
    errors = Levenshtein.distance(tidy(join(answer).split()), tidy(truth.split()))
    assert found.errors == errors
    assert min(found.cutting, found.characters, found.order) >= 0
    return found


@pytest.mark.parametrize(("page", "join", "invented"), PAGES)
class TestKinds:
    def test_a_right_answer_has_no_errors(self, page, join, invented):
        assert split(page, page, join).errors == 0

    @JOINED
    def test_shuffled_lines_are_order(self, page, join, invented, is_joined):
        lines = page[:]
        random.Random(2).shuffle(lines)
        found = split(lines, page, join if is_joined else "\n".join)
        assert found.errors > 60
        assert found.order >= 0.96 * found.errors

    @JOINED
    def test_swapped_columns_are_order(self, page, join, invented, is_joined):
        half = len(page) // 2
        lines = page[half:] + page[:half]
        found = split(lines, page, join if is_joined else "\n".join)
        assert (found.cutting, found.characters) == (0, 0)

    def test_columns_read_across_are_order(self, page, join, invented):
        half = len(page) // 2
        across = [
            line for pair in zip(page[:half], page[half : 2 * half], strict=True) for line in pair
        ]
        across += page[2 * half :]
        found = split(across, page, join)
        assert found.order >= 0.95 * found.errors

    @JOINED
    @pytest.mark.parametrize("missing", [slice(0, 1), slice(2, 3), slice(4, 7), slice(5, None)])
    def test_missing_lines_are_cutting(self, page, join, invented, missing, is_joined):
        lines = [line for line in page if line not in page[missing]]
        found = split(lines, page, join if is_joined else "\n".join)
        assert found.cutting == found.errors > 0

    @JOINED
    @pytest.mark.parametrize("place", [0, 3, 20])
    def test_invented_lines_are_cutting(self, page, join, invented, place, is_joined):
        lines = page[:place] + invented + page[place:]
        found = split(lines, page, join if is_joined else "\n".join)
        assert found.cutting == found.errors > 20

    def test_doubled_lines_are_cutting(self, page, join, invented):
        found = split(page[:5] + page[3:], page, join)
        assert found.cutting == found.errors > 20

    def test_a_loop_is_cutting(self, page, join, invented):
        found = split(page[:4] + [page[3]] * 30, page, join)
        assert found.cutting == found.errors

    def test_a_page_read_twice_is_cutting(self, page, join, invented):
        found = split(page + page, page, join)
        assert found.cutting == found.errors

    @JOINED
    @pytest.mark.parametrize("rate", [0.02, 0.05, 0.1])
    def test_typos_are_characters(self, page, join, invented, rate, is_joined):
        read = typos((join if is_joined else "\n".join)(page), rate)
        found = split([read], page, join)
        assert found.characters == found.errors > 0

    def test_an_unrelated_text_is_cutting(self, page, join, invented):
        found = split(invented * 4, page, join)
        assert found.cutting >= 0.95 * found.errors

    def test_no_answer_is_cutting(self, page, join, invented):
        found = split([], page, join)
        assert found.cutting == found.errors == found.length

    def test_a_mixture_splits_about_right(self, page, join, invented):
        # Halves swapped, one line out, typos: what each costs alone is known.
        half = len(page) // 2
        lines = page[half:] + page[1:half]
        read = typos(join(lines), 0.05)
        num_typos = Levenshtein.distance(read, join(lines))
        found = split([read], page, join)
        assert found.characters == pytest.approx(num_typos, abs=8)
        assert found.cutting == pytest.approx(len(page[0]), abs=6)
        assert found.order >= 0.6 * (found.errors - num_typos - len(page[0]))


def test_a_short_line_that_is_missing_is_cutting():
    page = ENGLISH[:]
    page.remove("17")
    assert split(page, ENGLISH).cutting == 3


def test_a_short_line_that_is_added_is_cutting():
    assert split([*ENGLISH[:3], "~*", *ENGLISH[3:]], ENGLISH).cutting == 3


def test_a_short_line_that_is_misread_is_characters():
    found = split([line.replace("17", "l7") for line in ENGLISH], ENGLISH)
    assert (found.cutting, found.characters, found.order) == (0, 1, 0)


def test_short_lines_that_are_swapped_are_order():
    cells = ["Year", "Sales", "Cost", "2019", "41.5", "7.25", "2020", "38.9", "6.80"]
    by_column = [cells[3 * row + column] for column in range(3) for row in range(3)]
    found = split(by_column, cells)
    assert found.order == found.errors > 10


def test_line_breaks_are_no_errors():
    assert split([" ".join(ENGLISH)], ENGLISH).errors == 0
    assert split("".join(CHINESE), CHINESE).errors == 0
    assert split(list("".join(CHINESE)), CHINESE).errors == 0


def test_errors_at_breaks_of_words_are_characters():
    truth = ["a long-expected exami-", "nation of the evidence"]
    found = split(["a long-expected examination of the evidence"], truth)
    assert (found.cutting, found.characters) == (0, 2)


def test_chance_finds_are_not_order():
    # A line is lost, and elsewhere a line is invented that holds some words of it.
    page = [*ENGLISH[:4], *ENGLISH[5:], "He was across the street, carrying a bucket of paint."]
    found = split(page, ENGLISH)
    assert found.order == 0
    assert found.cutting >= 0.9 * found.errors


@pytest.mark.parametrize(
    ("answer", "truth", "parts"),
    [
        ("", "", (0, 0, 0)),
        (" \n\t ", "\n", (0, 0, 0)),
        ("abc def", "", (7, 0, 0)),
        ("", "abc def", (7, 0, 0)),
        ("a", "b", (0, 1, 0)),
        ("\x00\ud800", "\x00", (0, 1, 0)),
    ],
)
def test_small_texts(answer, truth, parts):
    found = split_errors(answer, truth)
    assert (found.cutting, found.characters, found.order) == parts


def test_random_texts_always_add_up():
    rng = random.Random(7)
    for _ in range(300):
        words = [
            rng.choice(["ab", "ba c", "aab\n", "港口", "\n", "abcabc", "x"]) for _ in range(40)
        ]
        truth = " ".join(words)
        rng.shuffle(words)
        split([" ".join(words[: rng.randrange(41)])], truth.split("\n"))


def test_segments_hold_the_whole_answer():
    half = len(ENGLISH) // 2
    answer, truth = " ".join(ENGLISH[half:] + ENGLISH[:half]), "\n".join(ENGLISH)
    found = segments_in_order(answer, truth)
    assert [s.is_moved for s in found].count(True) == 1
    spans = sorted((s.start, s.end) for s in found)
    assert spans[0][0] == 0 and spans[-1][1] == len(answer)
    assert all(a[1] == b[0] for a, b in pairwise(spans))
    ordered = " ".join(answer[s.start : s.end].strip() for s in found)
    assert ordered == " ".join(truth.split())


def test_segments_of_a_right_order_are_one():
    (found,) = segments_in_order("\n".join(ENGLISH[2:]), "\n".join(ENGLISH))
    assert (found.start, found.is_moved) == (0, False)


def test_an_endless_answer_is_split_soon():
    start = time.process_time()
    found = split_errors("the keeper lit a lamp " * 50_000, "\n".join(ENGLISH))
    assert time.process_time() - start < 5
    assert found.characters + found.order < 100
    # What lies beyond the limit is invented.
    assert found.cutting > 1_000_000


def test_a_long_page_is_split_soon():
    rng = random.Random(1)
    lines = [" ".join(str(rng.randrange(10**6)) for _ in range(8)) for _ in range(200)]
    shuffled = rng.sample(lines, len(lines))
    start = time.process_time()
    found = split(shuffled, lines, " ".join)
    assert time.process_time() - start < 2
    assert found.order >= 0.97 * found.errors
