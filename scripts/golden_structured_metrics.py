"""Golden cases of ANLS, relaxed accuracy, chart triples and TEDS, by other ways than the package's.

Writes `tests/eval/metrics/golden/{anls,relaxed,chart,teds}.json`; with ``--check`` only tells
whether the files are what would be written. Nothing of the package computes a value here: edit
distances by the plain table, numbers as fractions, matchings by trying all, tree distances by
Zhang and Shasha's recurrence over forests, tables by the standard library's HTML parser.

    python scripts/golden_structured_metrics.py [--check]
"""

import argparse
import itertools
import json
import random
import sys
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[1] / "tests" / "eval" / "metrics" / "golden"
Case = dict[str, Any]
# A tree: label, spans, content, trees below.
Tree = tuple[str, tuple[int, int], tuple[str, ...], tuple[Any, ...]]


def levenshtein(left: Sequence[str], right: Sequence[str]) -> int:
    """Return the edit distance by the whole table."""
    table = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, j in itertools.product(range(len(left) + 1), range(len(right) + 1)):
        if i == 0 or j == 0:
            table[i][j] = i + j
        else:
            table[i][j] = min(
                table[i - 1][j] + 1,
                table[i][j - 1] + 1,
                table[i - 1][j - 1] + (left[i - 1] != right[j - 1]),
            )
    return table[-1][-1]


def anls_cases() -> list[Case]:
    """Return cases of ANLS under both rules."""
    given = [
        ("equal", "TRRF Vice President", ["TRRF Vice President"]),
        ("case does not count", "trrf vice president", ["TRRF Vice President"]),
        ("white space collapses", "a  b\n c", ["a b c"]),
        ("the longer raw text divides under the official rule", "ab    cx", ["ab cd"]),
        ("best of several", "January", ["Jan 1", "january", "1/1"]),
        ("a distance of exactly one half", "abcd", ["abxy"]),
        ("just above one half", "abcde", ["abxyz"]),
        ("just below one half", "abcde", ["abcxy"]),
        ("nothing in common", "abc", ["xyz"]),
        ("empty answer", "", ["abc"]),
        ("empty truth", "abc", [""]),
        ("both empty", "", [""]),
        ("only white space", "  ", [""]),
        ("no right answer", "abc", []),
        ("Chinese", "二零一三年", ["二零一二年"]),
        ("Chinese and Latin", "共 12 页", ["共12页"]),
        ("a letter that is two in capitals", "straße", ["strasse"]),
        ("a capital that is two small letters", "İ", ["i"]),
        ("number with sign", "$12.50", ["12.50", "$ 12.50"]),
        ("wide space", "a\u3000b", ["a b"]),
    ]
    return [
        {
            "why": why,
            "prediction": prediction,
            "answers": answers,
            "official": _anls_official(prediction, answers),
            "paper": _anls_paper(prediction, answers),
        }
        for why, prediction, answers in given
    ]


def _words(text: str) -> str:
    return " ".join(text.lower().strip().split())


def _anls_official(prediction: str, answers: list[str]) -> float:
    distances = [1.0]
    for answer in answers:
        length = max(len(answer.upper()), len(prediction.upper()))
        distance = levenshtein(_words(answer), _words(prediction))
        distances.append(distance / length if length else 0.0)
    best = 1 - min(distances)
    return 0.0 if best < 0.5 else best


def _anls_paper(prediction: str, answers: list[str]) -> float:
    best = Fraction(0)
    for answer in answers:
        length = max(len(_words(answer)), len(_words(prediction)))
        distance = (
            Fraction(levenshtein(_words(answer), _words(prediction)), length)
            if length
            else Fraction(0)
        )
        best = max(best, 1 - distance if 2 * distance < 1 else Fraction(0))
    return float(best)


def relaxed_cases() -> list[Case]:
    """Return cases of relaxed accuracy under both rules; the wanted values are worked out by hand.

    `pix2struct` stands for its published function: float, a percent sign divides by 100.
    """
    # why, prediction, truth, by our rule
    given: list[tuple[str, str, str, int]] = [
        ("equal texts", "Yes", "Yes", 1),
        ("case does not count", "yes", "Yes", 1),
        ("other text", "No", "Yes", 0),
        ("within 5 percent", "103", "100", 1),
        ("exactly 5 percent", "105", "100", 1),
        ("exactly 5 percent of a fraction", "1.05", "1", 1),
        ("exactly 5 percent below", "0.95", "1", 1),
        ("beyond 5 percent", "105.1", "100", 0),
        ("a year counts as a number", "2012", "2013", 1),
        ("percent on one side", "15%", "15", 1),
        ("percent on the other side", "15", "15%", 1),
        ("percent on both sides", "15.2%", "15%", 1),
        ("percent is no fraction", "15%", "0.15", 0),
        ("thousands separators", "1,234", "1234", 1),
        ("thousands separators in the truth", "1234567", "1,234,567", 1),
        ("a comma that separates no thousands", "1,23", "123", 0),
        ("truth 0", "0.0", "0", 1),
        ("near a truth of 0", "0.001", "0", 0),
        ("negative", "-98", "-100", 1),
        ("wrong sign", "100", "-100", 0),
        ("a real minus", "\u2212100", "-100", 1),
        ("unit in the answer", "5 million", "5", 0),
        ("unit on both sides", "5 million", "5 Million", 1),
        ("white space around", " 5 ", "5", 1),
        ("white space in a text", "New  York", "New York", 1),
        ("nan is a text", "nan", "5", 0),
        ("nan is a text on both sides", "nan", "NaN", 1),
        ("inf is a text", "inf", "5", 0),
        ("exponent", "1e3", "1000", 1),
        ("point first", ".5", "0.5", 1),
        ("a list is a text", "[a, b]", "[A, B]", 1),
        ("empty answer", "", "5", 0),
        ("both empty", "", "", 1),
        ("Chinese", "北京", "北京", 1),
        ("Chinese number and unit", "5万", "50000", 0),
        ("full-width digits", "１５％", "15", 1),
    ]
    return [
        {
            "why": why,
            "prediction": prediction,
            "truth": truth,
            "stripped": right,
            "pix2struct": _relaxed_pix2struct(prediction, truth),
        }
        for why, prediction, truth, right in given
    ]


def _relaxed_pix2struct(prediction: str, truth: str) -> int:
    numbers: list[float | None] = []
    for text in (prediction, truth):
        try:
            numbers.append(float(text[:-1]) / 100 if text[-1:] == "%" else float(text))
        except ValueError:
            numbers.append(None)
    read, right = numbers
    if read is None or right is None or right == 0:
        return int(prediction.lower() == truth.lower())
    return int(abs((read - right) / right) <= 0.05)


Table = dict[str, Any]
Triple = tuple[str, str, str]
LEVELS: dict[str, tuple[int, Fraction]] = {
    "strict": (0, Fraction(0)),
    "slight": (2, Fraction(1, 20)),
    "high": (5, Fraction(1, 10)),
}


def chart_cases() -> list[Case]:
    """Return cases of chart triples and cells; `cells` is counted by hand."""
    flat: Table = {"2013": "12.94%", "2014": "16.67%", "2015": "20%"}
    nested: Table = {
        "North": {"Apples": "1,200", "Pears": "800"},
        "South": {"Apples": "300", "Pears": "$55.5"},
    }
    turned = {key: {name: nested[name][key] for name in nested} for key in nested["North"]}
    misread = {"Nort": nested["North"], "South": {"Aples": "300", "Pears": "55.5"}}
    four = {"a": "1", "b": "2", "c": "3", "d": "4"}
    given: list[tuple[str, Table, Table, float]] = [
        ("equal", flat, flat, 1.0),
        ("other order", dict(reversed(flat.items())), flat, 1.0),
        ("without percent signs", {"2013": "12.94", "2014": "16.67", "2015": "20"}, flat, 1.0),
        ("4 percent off", {**flat, "2015": "20.8"}, flat, 1.0),
        ("5 percent off exactly", {**flat, "2015": "21"}, flat, 1.0),
        ("8 percent off", {**flat, "2015": "21.6"}, flat, 2 / 3),
        ("one missing", {"2013": "12.94", "2014": "16.67"}, flat, 2 / 3),
        ("two too many", {**flat, "2016": "1", "2017": "2"}, flat, 1.0),
        ("a digit of a name", {"2018": "12.94", "2014": "16.67", "2015": "20"}, flat, 2 / 3),
        ("one named series", {"Share": flat}, flat, 1.0),
        ("nested equal", nested, nested, 1.0),
        ("turned", turned, nested, 1.0),
        ("one letter of two names", misread, nested, 1.0),
        ("series mixed up", {"North": nested["South"], "South": nested["North"]}, nested, 0.0),
        ("nothing of it", {"x": "1"}, flat, 0.0),
        ("no cells", {}, flat, 0.0),
        ("texts as values", {"a": "high", "b": "Low"}, {"a": "high", "b": "low"}, 1.0),
        ("a text for a number", {"a": "n/a", "b": "2"}, {"a": "1", "b": "2"}, 0.5),
        ("0 for 0", {"a": "0.0", "b": "2"}, {"a": "0", "b": "2"}, 1.0),
        ("near 0", {"a": "0.01", "b": "2"}, {"a": "0", "b": "2"}, 0.5),
        ("negative", {"a": "-9.8", "b": "2"}, {"a": "-10", "b": "2"}, 1.0),
        ("Chinese", {"一月": "3.1", "二月": "5"}, {"一月": "3", "二月": "5"}, 1.0),
        ("three of five: the bar of 0.60", {"a": "1", "b": "2", "c": "3", "e": "9"}, four, 3 / 4),
        ("two answers for one truth", {"ab": "1", "abc": "1"}, {"abcd": "1"}, 0.0),
    ]
    return [
        {
            "why": why,
            "prediction": {"title": "T", "data": read},
            "truth": {"title": "T", "data": right},
            "structchart": {
                level: _precision(_triples(read, right), _triples(right, read), *bounds)
                for level, bounds in LEVELS.items()
            },
            "cells": cells,
        }
        for why, read, right, cells in given
    ]


def _triples(table: Table, other: Table) -> list[Triple]:
    sides = [
        {name for name, value in side.items() if isinstance(value, dict)} or {""}
        for side in (table, other)
    ]
    is_single = all(len(names) == 1 for names in sides)
    found: set[Triple] = set()
    for name, value in table.items():
        for key, number in value.items() if isinstance(value, dict) else [(name, value)]:
            series = name if isinstance(value, dict) and not is_single else ""
            first, second = sorted([series.lower(), key.lower()])
            found.add((first, second, number.lower()))
    return sorted(found)


def _fraction(text: str) -> Fraction | None:
    try:
        return Fraction("".join(letter for letter in text if letter not in "%$,"))
    except ValueError:
        return None


def _fits(read: Triple, right: Triple, letters: int, share: Fraction) -> bool:
    numbers = _fraction(read[2]), _fraction(right[2])
    if numbers[0] is not None and numbers[1] is not None:
        is_near = abs(numbers[0] - numbers[1]) <= share * abs(numbers[1])
        return is_near and levenshtein("".join(read[:2]), "".join(right[:2])) <= letters
    if numbers != (None, None):
        return False
    return levenshtein("".join(read), "".join(right)) <= letters


def _precision(read: list[Triple], right: list[Triple], letters: int, share: Fraction) -> float:
    """Return the share of the ten bars that the overlap reaches, the best of all matchings."""
    fits = {(one, two) for one in read for two in right if _fits(one, two, letters, share)}
    common = _best_matching(read, right, fits)
    overlap = Fraction(common, len(read) + len(right) - common)
    return sum(overlap >= Fraction(bar, 100) for bar in range(50, 100, 5)) / 10


def _best_matching(
    read: list[Triple], right: list[Triple], fits: set[tuple[Triple, Triple]]
) -> int:
    if not read:
        return 0
    best = _best_matching(read[1:], right, fits)
    for goal in right:
        if (read[0], goal) in fits:
            remaining = [other for other in right if other != goal]
            best = max(best, 1 + _best_matching(read[1:], remaining, fits))
    return best


class _TableParser(HTMLParser):
    """Builds the two trees of a table that is written with all its end tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[list[Any]] = [["root", {}, [], []]]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open a node."""
        node: list[Any] = [tag, dict(attrs), [], []]
        self.stack[-1][3].append(node)
        self.stack[-1][2].append(node)
        self.stack.append(node)

    def handle_endtag(self, tag: str) -> None:
        """Close the node that is open."""
        assert self.stack.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        """Add text to the node that is open."""
        self.stack[-1][2].append(data)


def _parsed(html: str) -> list[Any]:
    parser = _TableParser()
    parser.feed(html)
    parser.close()
    return parser.stack[0][3][0]


def _content(node: list[Any], with_tags: bool) -> list[str]:
    pieces: list[str] = []
    for part in node[2]:
        if isinstance(part, str):
            pieces += list(part)
        else:
            inner = _content(part, with_tags)
            pieces += [f"<{part[0]}>", *inner, f"</{part[0]}>"] if with_tags else inner
    return pieces


def _spans(node: list[Any]) -> tuple[int, int]:
    return int(node[1].get("colspan", 1)), int(node[1].get("rowspan", 1))


def _published_tree(node: list[Any]) -> Tree:
    if node[0] == "td":
        return "td", _spans(node), tuple(_content(node, True)), ()
    return node[0], (0, 0), (), tuple(_published_tree(child) for child in node[3])


def _plain_tree(table: list[Any]) -> Tree:
    rows = [
        row
        for part in table[3]
        for row in (part[3] if part[0] in {"thead", "tbody", "tfoot"} else [part])
    ]
    below = tuple(("tr", (0, 0), (), tuple(_plain_cell(cell) for cell in row[3])) for row in rows)
    return "table", (0, 0), (), below


def _plain_cell(cell: list[Any]) -> Tree:
    return "td", _spans(cell), tuple(" ".join("".join(_content(cell, False)).split())), ()


def _size(tree: Tree) -> int:
    return 1 + sum(_size(child) for child in tree[3])


def _num_elements(node: list[Any]) -> int:
    return sum(1 + _num_elements(child) for child in node[3])


def zhang_shasha(left: Tree, right: Tree, structure_only: bool) -> float:
    """Return the tree edit distance by the recurrence over the right-most roots of forests."""

    def rename(one: Tree, two: Tree) -> float:
        if one[:2] != two[:2]:
            return 1.0
        longer = max(len(one[2]), len(two[2]))
        if structure_only or not longer:
            return 0.0
        return levenshtein(one[2], two[2]) / longer

    @cache
    def distance(first: tuple[Tree, ...], second: tuple[Tree, ...]) -> float:
        if not first:
            return float(sum(map(_size, second)))
        if not second:
            return float(sum(map(_size, first)))
        one, two = first[-1], second[-1]
        return min(
            distance(first[:-1] + one[3], second) + 1,
            distance(first, second[:-1] + two[3]) + 1,
            distance(first[:-1], second[:-1]) + distance(one[3], two[3]) + rename(one, two),
        )

    return distance((left,), (right,))


def teds_cases() -> list[Case]:
    """Return cases of TEDS: tables written by hand, and random ones with random faults."""
    base = (
        "<table><thead><tr><td>Year</td><td>Share</td></tr></thead>"
        "<tbody><tr><td>2013</td><td><b>12.9</b></td></tr><tr><td>2014</td><td>16.7</td></tr>"
        "</tbody></table>"
    )
    span = (
        '<table><tr><td rowspan="2">a</td><td colspan="2">b &amp; c</td></tr>'
        "<tr><td>d</td><td> e  f </td></tr></table>"
    )
    given = [
        ("equal", base, base),
        ("one letter", base.replace("Share", "Shore"), base),
        ("no mark of weight", base.replace("<b>", "").replace("</b>", ""), base),
        ("one row less", base.replace("<tr><td>2014</td><td>16.7</td></tr>", ""), base),
        ("one cell less", base.replace("<td>16.7</td>", ""), base),
        (
            "no sections",
            base.replace("<thead>", "")
            .replace("</thead>", "")
            .replace("<tbody>", "")
            .replace("</tbody>", ""),
            base,
        ),
        ("spans equal", span, span),
        ("span lost", span.replace(' rowspan="2"', ""), span),
        ("wider span", span.replace('"2">b', '"3">b'), span),
        ("white space in a cell", span.replace(" e  f ", "e f"), span),
        ("Chinese", base.replace("Share", "占比"), base.replace("Share", "份额")),
        ("empty cells", base.replace("2013", ""), base),
        (
            "rows joined",
            "<table><tr><td>1</td><td>2</td><td>3</td><td>4</td></tr></table>",
            "<table><tr><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table>",
        ),
        (
            "head cells",
            base.replace("<td>Year</td><td>Share</td>", "<th>Year</th><th>Share</th>"),
            base,
        ),
    ]
    rng = random.Random(20)
    for number in range(12):
        rows = _random_rows(rng)
        given.append((f"random {number}", _html(_with_faults(rows, rng)), _html(rows)))
    return [_teds_case(*case) for case in given]


def _random_rows(rng: random.Random) -> list[list[str]]:
    words = ["12.5", "7", "alpha", "beta gamma", "总计", "", "x < y"]
    columns = rng.randint(1, 3)
    return [[rng.choice(words) for _ in range(columns)] for _ in range(rng.randint(1, 4))]


def _with_faults(rows: list[list[str]], rng: random.Random) -> list[list[str]]:
    read = [list(row) for row in rows if rng.random() > 0.2]
    for row in read:
        if rng.random() < 0.3:
            row.insert(rng.randint(0, len(row)), "new")
        if row and rng.random() < 0.3:
            row.pop(rng.randrange(len(row)))
        if row and rng.random() < 0.5:
            row[rng.randrange(len(row))] += "1"
    return read


def _html(rows: list[list[str]]) -> str:
    cells = ["".join(f"<td>{text.replace('<', '&lt;')}</td>" for text in row) for row in rows]
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in cells) + "</table>"


def _teds_case(why: str, prediction: str, truth: str) -> Case:
    read, right = _parsed(prediction), _parsed(truth)
    case: Case = {"why": why, "prediction": prediction, "truth": truth}
    for rule, grow in (("plain", _plain_tree), ("pubtabnet", _published_tree)):
        trees = grow(read), grow(right)
        if rule == "plain":
            larger = max(_size(tree) - 1 for tree in trees)
        else:
            larger = max(_num_elements(read), _num_elements(right))
        for name, structure_only in ((rule, False), (f"{rule}_structure", True)):
            distance = zhang_shasha(*trees, structure_only)
            case[name] = round(1 - distance / larger, 12) if larger else 1.0
    return case


def main() -> int:
    """Write the files, or compare them with what would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 on a difference")
    check = parser.parse_args().check
    cases = [anls_cases(), relaxed_cases(), chart_cases(), teds_cases()]
    differs = False
    for name, found in zip(("anls", "relaxed", "chart", "teds"), cases, strict=True):
        path = GOLDEN / f"{name}.json"
        text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
        if check:
            differs |= not path.is_file() or path.read_text(encoding="utf-8") != text
        else:
            path.write_text(text, encoding="utf-8", newline="\n")
    print(f"{GOLDEN}: {'differs' if differs else 'same' if check else 'written'}")
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
