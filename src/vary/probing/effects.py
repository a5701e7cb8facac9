"""What a model loses without a vocabulary, by kind of data, and what that means in words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from vary.eval.statistics import Difference, Estimate, Row, Sums
from vary.probing.ablation import Variant, variants_of
from vary.probing.answers import CTC, CTC_TEXT, GENERATED, LM
from vary.probing.report import Measured

ALL = "all"
"""The group of all samples."""
FEWEST_UNITS = 20
"""Documents, below which an interval is said to be too narrow."""
FEWEST_TO_JUDGE = 5
"""Documents, below which nothing is said."""
# What a difference must be to count at all: 0.02 nats are 2 % in a token's probability.
_LEAST = {LM: 0.02, CTC: 0.02, CTC_TEXT: 0.01, GENERATED: 0.01}
_NATS = (LM, CTC)

Use = Literal["exactly nothing", "uses", "needs its place", "does not use", "harms", "unsure"]
_SAYS: dict[Use, str] = {
    "exactly nothing": "not one bit of the answers changes",
    "uses": "read through it",
    "needs its place": "need that something stands there, not what it sees",
    "does not use": "do not use it",
    "harms": "are read better without it: it harms",
    "unsure": "not sure, the interval allows both: give more samples",
}


@dataclass(frozen=True)
class Effect:
    """A score without a vocabulary, beside that of the whole model on the same samples.

    Attributes:
        vocabulary: from 0.
        how: zeroed or shuffled.
        score: name of it.
        group: kind and language, or `ALL`.
        num: samples.
        num_units: documents.
        whole: of the model as it is.
        value: of the spoiled one.
        difference: spoiled less whole; above 0 it is worse without the vocabulary.
        is_identical: whether every sample's score is the same to the last bit.
    """

    vocabulary: int
    how: str
    score: str
    group: str
    num: int
    num_units: int
    whole: Estimate
    value: Estimate
    difference: Difference
    is_identical: bool

    @property
    def worse(self) -> bool | None:
        """Whether it is worse without the vocabulary; False if it is not, None if nobody knows."""
        low, high = self._ends()
        if low > 0 and (self.difference.value or 0.0) >= _LEAST[self.score]:
            return True
        return False if high < _LEAST[self.score] else None

    @property
    def better(self) -> bool:
        """Whether it is better without the vocabulary."""
        _, high = self._ends()
        return high < 0 and (self.difference.value or 0.0) <= -_LEAST[self.score]

    def _ends(self) -> tuple[float, float]:
        found = self.difference
        if self.is_identical:
            return 0.0, 0.0
        if found.low is None or found.high is None:
            return float("-inf"), float("inf")
        return found.low, found.high


@dataclass(frozen=True)
class Finding:
    """What is said of a vocabulary and a group.

    Attributes:
        vocabulary: from 0.
        group: kind and language, or `ALL`.
        score: by which it is said.
        use: the verdict.
        words: half a sentence, with the figures that it rests on.
    """

    vocabulary: int
    group: str
    score: str
    use: Use
    words: str


def effects_of(found: Sequence[Measured], num_vocabularies: int) -> list[Effect]:
    """Return all effects: by vocabulary, group, score and way.

    Args:
        found: of each sample.
        num_vocabularies: of the model.
    """
    groups = sorted({one.group for one in found})
    members = {group: [one for one in found if one.group == group] for group in groups}
    if len(groups) > 1:
        members = {ALL: list(found), **members}
    effects = []
    for variant in variants_of(num_vocabularies)[1:]:
        for group, ones in members.items():
            for score in (LM, CTC, CTC_TEXT, GENERATED):
                effect = _effect(variant, group, score, ones)
                if effect is not None:
                    effects.append(effect)
    return effects


def _effect(variant: Variant, group: str, score: str, ones: Iterable[Measured]) -> Effect | None:
    rows = []
    for one in ones:
        whole, spoiled = one.cells.get("whole", {}), one.cells.get(variant.name, {})
        if score in whole and score in spoiled:
            rows.append(Row(one.unit, ("",), {"whole": whole[score], "spoiled": spoiled[score]}))
    if not rows:
        return None
    sums = Sums(rows, ["whole", "spoiled"])
    whole_total = sums.estimate("whole")
    assert variant.vocabulary is not None
    return Effect(
        variant.vocabulary,
        variant.how,
        score,
        group,
        len(rows),
        whole_total.num_units,
        whole_total,
        sums.estimate("spoiled"),
        sums.compare("spoiled", "whole"),
        all(row.cells["whole"] == row.cells["spoiled"] for row in rows),
    )


def findings_of(effects: Sequence[Effect], score: str) -> list[Finding]:
    """Return what the effects on a score say in words."""
    found = {(e.vocabulary, e.group, e.how): e for e in effects if e.score == score}
    # The language model's loss is there for every sample; the CTC head cannot write all texts.
    totals = {e.group: e.num for e in effects if e.score == LM and e.how == "zeroed"}
    findings = []
    for vocabulary, group in dict.fromkeys((key[0], key[1]) for key in found):
        zeroed = found.get((vocabulary, group, "zeroed"))
        shuffled = found.get((vocabulary, group, "shuffled"))
        if zeroed is None:
            continue
        use = _use(zeroed, shuffled)
        too_few = zeroed.num_units < FEWEST_TO_JUDGE and use != "exactly nothing"
        use = "unsure" if too_few else use
        words = f"{group} {figures(zeroed)}: {_SAYS[use]}"
        if use == "uses" and shuffled is not None and not zeroed.worse:
            words = f"{group} {figures(zeroed)}, shuffled {figures(shuffled)}: {_SAYS[use]}"
        if too_few:
            words = (
                f"{group} {figures(zeroed)}: too few documents to say anything "
                f"({zeroed.num_units}; {FEWEST_TO_JUDGE} are needed)"
            )
        if zeroed.num < totals.get(group, 0):
            words += f" ({zeroed.num} of {totals[group]} samples)"
        findings.append(Finding(vocabulary, group, score, use, words))
    return findings


def _use(zeroed: Effect, shuffled: Effect | None) -> Use:
    if zeroed.is_identical and (shuffled is None or shuffled.is_identical):
        return "exactly nothing"
    if zeroed.better:
        return "harms"
    if shuffled is not None and shuffled.worse:
        return "uses"
    if zeroed.worse:
        return "needs its place" if shuffled is not None and shuffled.worse is False else "uses"
    if zeroed.worse is False and (shuffled is None or shuffled.worse is False):
        return "does not use"
    return "unsure"


def figures(effect: Effect) -> str:
    """Return a difference with its interval and unit."""
    found = effect.difference
    unit = " nats" if effect.score in _NATS else ""
    if found.value is None:
        return "no value"
    if effect.is_identical:
        return f"+0{unit}, exactly"
    value = _signed(found.value)
    if found.low is None or found.high is None:
        return f"{value}{unit} [no interval]"
    return f"{value}{unit} [{_signed(found.low)}, {_signed(found.high)}]"


def _signed(value: float) -> str:
    shown = f"{value:+.2f}"
    return "+0.00" if float(shown) == 0 else shown.replace("-", "\u2212")
