"""Confidences that keep what they promise: of words of 0.9, nine in ten are right.

A CTC head is mostly surer than it should be, or less sure. Where that was measured, the
checkpoint's folder holds a calibration: a map of the probabilities of characters that keeps their
order, one for wide characters (ideographs, kana and their marks) and one for all others.
`benchmarks/reliability.py` measures and fits it.
"""

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vary.errors import VaryError

CALIBRATION_FILE = "calibration.json"
WEIGHTS_FILE = "model.safetensors"
WIDE = "\u2e80-\u312f\u3190-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\U00020000-\U0003ffff"
_WIDE = re.compile(f"[{WIDE}]")
# Nothing is certain, and nothing impossible: logarithms stay finite.
_LEAST = 1e-6
# A fit to fewer characters of a kind would follow chance.
_LEAST_CHARACTERS = 500
# How far from the truth a probability may be in a fit: an alignment errs too.
_FLOOR = 1e-3


class OddsMap(NamedTuple):
    """A map of probabilities: their log-odds times `slope`, plus `offset` nats.

    A slope above 1 makes sure ones surer; it is positive, so that the order stays.
    """

    slope: float = 1.0
    offset: float = 0.0

    def __call__(self, probability: float) -> float:
        """Return the probability as it should be."""
        if self == UNCHANGED:
            return probability
        chance = min(max(probability, _LEAST), 1 - _LEAST)
        odds = self.slope * (math.log(chance) - math.log1p(-chance)) + self.offset
        return 1 / (1 + math.exp(-max(-700.0, min(700.0, odds))))


UNCHANGED = OddsMap()


@dataclass(frozen=True)
class Calibration:
    """The maps of a checkpoint.

    Args:
        wide: of ideographs, kana and wide marks.
        other: of all other characters.
        weights_sha256: of the weights that they were measured on.
        measured_on: which pages, in words.

    Raises:
        VaryError: a map keeps no order.
    """

    wide: OddsMap = UNCHANGED
    other: OddsMap = UNCHANGED
    weights_sha256: str = ""
    measured_on: str = ""

    def __post_init__(self) -> None:
        for slope, offset in (self.wide, self.other):
            if not (0 < slope < math.inf and math.isfinite(offset)):
                raise VaryError(
                    f"a calibration of slope {slope} and offset {offset} keeps no order; fit it "
                    "anew with benchmarks/reliability.py --fit"
                )

    def characters(self, text: str, certainties: Sequence[float]) -> list[float]:
        """Return the probability of each character of a text as it should be."""
        return [
            (self.wide if _WIDE.match(character) else self.other)(certainty)
            for character, certainty in zip(text, certainties, strict=True)
        ]

    def save(self, folder: Path) -> None:
        """Write it into the folder of a checkpoint."""
        raw = asdict(self) | {"wide": self.wide._asdict(), "other": self.other._asdict()}
        path = folder / CALIBRATION_FILE
        path.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")


def load_calibration(folder: Path) -> Calibration:
    """Return the calibration of a checkpoint; of one without, what changes nothing.

    Raises:
        VaryError: the file is damaged, or belongs to other weights.
    """
    path = folder / CALIBRATION_FILE
    if not path.is_file():
        return Calibration()
    way_out = "fit it anew with benchmarks/reliability.py --fit, or remove it"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        wide, other = (OddsMap(**raw.pop(name)) for name in ("wide", "other"))
        calibration = Calibration(wide, other, **raw)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise VaryError(f"{path} is no calibration ({error}); {way_out}") from error
    if calibration.weights_sha256 != weights_digest(folder):
        raise VaryError(f"{path} was measured on other weights than {WEIGHTS_FILE}; {way_out}")
    return calibration


def carry_calibration(source: Path, target: Path) -> bool:
    """Give a checkpoint the calibration of another with the same first vocabulary, bit for bit.

    A vocabulary that is merged into a model leaves the CTC head as it is, and with it what was
    measured on it.

    Returns: whether there was one, and the target's weights are in one file to tell them by.

    Raises:
        VaryError: the source's is damaged, or belongs to other weights.
    """
    digest = weights_digest(target)
    if not digest or not (source / CALIBRATION_FILE).is_file():
        return False
    replace(load_calibration(source), weights_sha256=digest).save(target)
    return True


def weights_digest(folder: Path) -> str:
    """Return the hash of a checkpoint's weights, empty if they are not in one file."""
    path = folder / WEIGHTS_FILE
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class SeenWord(NamedTuple):
    """A word, the probabilities of its characters as they came, and whether it is right."""

    text: str
    certainties: Sequence[float]
    is_right: bool


def fit_calibration(words: Sequence[SeenWord]) -> tuple[OddsMap, OddsMap]:
    """Return the maps, of wide and of other characters, that make words as sure as they are right.

    A word is as probable as all of its characters together. The maps have the least log loss
    (Platt scaling of characters, by words). A kind of few characters keeps its probabilities.

    Raises:
        ValueError: there are no words.
    """
    if not words:
        raise ValueError("a calibration is fitted to words; got none")
    chances = np.clip(np.concatenate([word.certainties for word in words]), _LEAST, 1 - _LEAST)
    odds = np.log(chances) - np.log1p(-chances)
    wide = np.array([bool(_WIDE.match(c)) for word in words for c in word.text])
    starts = np.cumsum([0, *(len(word.text) for word in words[:-1])])
    right = np.array([word.is_right for word in words], float)
    maps = [UNCHANGED, UNCHANGED]  # of wide, of other characters

    def loss(tried: Sequence[OddsMap]) -> float:
        slope = np.where(wide, tried[0].slope, tried[1].slope)
        offset = np.where(wide, tried[0].offset, tried[1].offset)
        logs = -np.logaddexp(0, -(slope * odds + offset))
        sure = np.clip(np.exp(np.add.reduceat(logs, starts)), _FLOOR, 1 - _FLOOR)
        return float(-(right * np.log(sure) + (1 - right) * np.log1p(-sure)).mean())

    kinds = [kind for kind, own in ((0, wide), (1, ~wide)) if own.sum() >= _LEAST_CHARACTERS]
    # Words of both kinds hang on both maps, so each is looked at once more after the other.
    for kind in kinds * 2:
        reach = np.array([1.5, 3.0])
        for _ in range(7):
            grid = [
                OddsMap(
                    max(0.05, maps[kind].slope + reach[0] * x), maps[kind].offset + reach[1] * y
                )
                for x in np.linspace(-1, 1, 9)
                for y in np.linspace(-1, 1, 9)
            ]
            tried = [[*maps[:kind], one, *maps[kind + 1 :]] for one in grid]
            maps = min(tried, key=loss)
            reach /= 2.5
    wide_map, other_map = (
        OddsMap(round(float(m.slope), 3), round(float(m.offset), 3)) for m in maps
    )
    return wide_map, other_map
