"""What a light reader's figures mean: which vocabulary sees what, and what to do about it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from vary.eval.statistics import Difference, Estimate, Row, Sums
from vary.extras import require
from vary.probing.lines import Line
from vary.probing.reading import Reading
from vary.probing.scripts import SPACE, script_of

Advice = Literal["prompt", "LoRA", "second phase", "first phase", "unknown"]

READS_AS_WELL, READS_NEARLY, READS_IN_PART = 0.95, 0.8, 0.4
"""Shares of what can be read, from which on a vocabulary is taken as it is, with adapters, or with
its linear and the language model trained; below the last one it cannot see the script."""
FEWEST_CHARACTERS = 100
"""Held-out characters of a script, without which nothing is said of it."""
LEAST_ROOM = 0.2
"""What the ceiling must be above blind guessing for a script to be judged at all."""
FEWEST_UNITS = 10
"""Documents, below which an interval is said to be too narrow."""

BLIND, CEILING = "blind", "ceiling"
_NUM_ENDS = (2.5, 97.5)


@dataclass(frozen=True)
class Seen:
    """How much of a script a reader reads over a vocabulary.

    Attributes:
        reader: name of the vocabulary and of what is read: its tokens or its patches.
        recall: share of the held-out characters that it reads.
        share: recall above blind guessing, over the ceiling's above blind guessing.
    """

    reader: str
    recall: Estimate
    share: Estimate


@dataclass(frozen=True)
class Group:
    """A script, on one kind of data or on all.

    Attributes:
        script: Latin, Han, ...; digits and signs are groups of their own.
        kind: of the samples; empty for all.
        num_characters: held out, without those too rare to be learned.
        num_rare: left out because they were too rare.
        blind: recall without seeing.
        ceiling: recall over the truth.
        readers: in the order in which they were given.
        differences: (reader, other) -> recall of the first less that of the other.
    """

    script: str
    kind: str
    num_characters: int
    num_rare: int
    blind: Estimate
    ceiling: Estimate
    readers: tuple[Seen, ...]
    differences: Mapping[tuple[str, str], Difference]

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.script}, {self.kind}" if self.kind else self.script

    @property
    def reason(self) -> str:
        """Why nothing can be said of it; empty where something can."""
        if self.num_characters < FEWEST_CHARACTERS:
            return f"{self.num_characters} held-out characters; {FEWEST_CHARACTERS} are needed"
        ceiling, blind = self.ceiling.value or 0.0, self.blind.value or 0.0
        if ceiling - blind < LEAST_ROOM:
            return (
                f"the ceiling ({ceiling:.2f}) is hardly above guessing ({blind:.2f}): more lines, "
                "or a larger --budget"
            )
        return ""

    def seen(self, reader: str) -> Seen:
        """Return what a reader sees."""
        return next(seen for seen in self.readers if seen.reader == reader)


def groups_of(lines: Sequence[Line], readings: Mapping[str, Reading], alphabet: str) -> list[Group]:
    """Return what each reader read, by script over all kinds, and by script and kind.

    Args:
        lines: all.
        readings: by name, `BLIND` and `CEILING` among them.
        alphabet: characters that could be learned; others are counted, and left out.
    """
    counts: dict[tuple[str, str], list[_LineCount]] = defaultdict(list)
    kinds = {line.group for line in lines}
    for number in next(iter(readings.values())).texts:
        line = lines[number]
        found = {
            name: _matched(reading.texts[number], line.text) for name, reading in readings.items()
        }
        for script, places in _places(line.text).items():
            known = [place for place in places if line.text[place] in alphabet]
            hits = {name: len(found[name].intersection(known)) for name in readings}
            count = _LineCount(line.unit, len(known), len(places) - len(known), hits)
            counts[script, ""].append(count)
            if len(kinds) > 1:
                counts[script, line.group].append(count)
    names = [name for name in readings if name not in (BLIND, CEILING)]
    order = sorted(counts, key=lambda key: (-sum(c.known for c in counts[key[0], ""]), *key))
    return [_group(script, kind, counts[script, kind], names) for script, kind in order]


@dataclass(frozen=True)
class _LineCount:
    unit: str
    known: int
    rare: int
    hits: Mapping[str, int]


def _places(text: str) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, character in enumerate(text):
        script = script_of(character)
        if script != SPACE:
            places[script].append(place)
    return places


def _matched(text: str, truth: str) -> set[int]:
    """Return the places of the truth whose characters were read, by a shortest alignment."""
    levenshtein = require("rapidfuzz.distance", extra="eval").Levenshtein
    missed = {step.dest_pos for step in levenshtein.editops(text, truth) if step.tag != "delete"}
    return set(range(len(truth))) - missed


def _group(script: str, kind: str, counts: Sequence[_LineCount], names: Sequence[str]) -> Group:
    rows = [
        Row(
            count.unit,
            ("",),
            {name: (float(hits), float(count.known)) for name, hits in count.hits.items()},
        )
        for count in counts
        if count.known
    ]
    sums = Sums(rows, [*names, BLIND, CEILING])
    readers = tuple(Seen(name, sums.estimate(name), _share(sums, name)) for name in names)
    return Group(
        script,
        kind,
        sum(count.known for count in counts),
        sum(count.rare for count in counts),
        sums.estimate(BLIND),
        sums.estimate(CEILING),
        readers,
        {
            (name, other): sums.compare(name, other)
            for place, name in enumerate(names)
            for other in names[place + 1 :]
        },
    )


def _share(sums: Sums, name: str) -> Estimate:
    """Return (recall - blind) / (ceiling - blind), on the same resamples."""
    value, blind, ceiling = (sums.estimate(column) for column in (name, BLIND, CEILING))
    if value.value is None or blind.value is None or ceiling.value is None:
        return Estimate(None, value.num, value.num_units)
    room = ceiling.value - blind.value
    if room <= 0:
        return Estimate(None, value.num, value.num_units)
    columns = [sums.columns[column] for column in (name, BLIND, CEILING)]
    drawn, low, high = (sums.samples[:, column] for column in columns)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = (drawn - low) / (high - low)
    shares = shares[np.isfinite(shares)]
    share = (value.value - blind.value) / room
    if value.low is None or not len(shares):
        return Estimate(share, value.num, value.num_units)
    ends = np.percentile(shares, _NUM_ENDS)
    return Estimate(share, value.num, value.num_units, float(ends[0]), float(ends[1]))


def advice_for(share: float | None) -> Advice:
    """Return what a share of what can be read asks for."""
    if share is None:
        return "unknown"
    if share >= READS_AS_WELL:
        return "prompt"
    if share >= READS_NEARLY:
        return "LoRA"
    return "second phase" if share >= READS_IN_PART else "first phase"


@dataclass(frozen=True)
class Verdict:
    """What is said of a vocabulary and a group.

    Attributes:
        vocabulary: its name.
        group: the script, and the kind.
        advice: what to do.
        is_sure: whether both ends of the interval ask for the same.
        words: one sentence, with the figures that it rests on.
    """

    vocabulary: str
    group: str
    advice: Advice
    is_sure: bool
    words: str


def judge(group: Group, vocabulary: str, tokens: str, patches: str | None) -> Verdict:
    """Return what is said of a vocabulary.

    Args:
        group: a script.
        vocabulary: its name.
        tokens: name of the reader over its tokens.
        patches: name of the reader over its patch features; None without them.
    """
    if group.reason:
        words = f"{vocabulary}: nothing can be said ({group.reason})"
        return Verdict(vocabulary, group.name, "unknown", False, words)
    share = group.seen(tokens).share
    advice = advice_for(share.value)
    ends = {advice_for(end) for end in (share.low, share.high)}
    is_sure = ends == {advice}
    words = f"{vocabulary} {_SEES[advice]}: {_figures(share)} of what can be read. {_TODO[advice]}"
    before = group.seen(patches).share if patches else None
    seen_before = advice_for(before.value) if before else "unknown"
    order: tuple[Advice, ...] = ("first phase", "second phase", "LoRA", "prompt")
    if before and advice in order[:2] and seen_before in order[order.index(advice) + 1 :]:
        advice = "second phase"
        sees = _SEES[seen_before]
        words = (
            f"{vocabulary} {sees}, but its tokens do not hand them on: {_figures(before)} "
            f"before its merging convolutions, {_figures(share)} behind. Second phase, with the "
            "merging convolutions trained too"
        )
        is_sure = ends <= {"second phase", "first phase"}
    if not is_sure:
        words += _unsure(share, ends)
    return Verdict(vocabulary, group.name, advice, is_sure, words)


def _unsure(share: Estimate, ends: Iterable[Advice]) -> str:
    if share.low is None:
        return " (one document: no interval, take this as a hint)"
    between = " and ".join(sorted(map(str, ends)))
    return f" (not sure: the interval allows {between}; give more pages)"


def _figures(share: Estimate) -> str:
    if share.value is None:
        return "no figure"
    if share.low is None or share.high is None:
        return f"{share.value:.2f} [no interval]"
    return f"{share.value:.2f} [{share.low:.2f}, {share.high:.2f}]"


_SEES: dict[Advice, str] = {
    "prompt": "sees them",
    "LoRA": "sees nearly all",
    "second phase": "sees them in part",
    "first phase": "cannot see them",
    "unknown": "could not be measured",
}
_TODO: dict[Advice, str] = {
    "prompt": "Prompt: nothing has to be trained for it",
    "LoRA": "LoRA: adapt the language model a little",
    "second phase": "Second phase: train the linears and the language model",
    "first phase": "First phase: write a new vocabulary for them",
    "unknown": "Give more pages",
}
