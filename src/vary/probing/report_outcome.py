"""What `vary vocab report` tells."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from vary.eval.statistics import NUM_RESAMPLES
from vary.model import VaryConfig
from vary.probing.answers import CTC, CTC_TEXT, LM, TITLES
from vary.probing.effects import (
    FEWEST_UNITS,
    Effect,
    Finding,
    effects_of,
    figures,
    findings_of,
)
from vary.probing.pages import Outcome, Sheet
from vary.probing.plots import Mark, interval_plot
from vary.probing.report import Measured

_NOTES = (
    "Zeroed: the vocabulary's share of the fused tokens is zero, the bias of its linear too. "
    "Shuffled: each image gets this vocabulary's tokens of another image with as many tokens, by a "
    "fixed lot; all else stays its own.",
    "Differences are spoiled less whole: above 0 the model is worse off without the vocabulary. "
    f"95 % intervals by paired bootstrap over documents ({NUM_RESAMPLES:,} resamples); p by a "
    "randomisation test, not corrected for the number of comparisons.",
    "Something is used if the interval lies above 0 and the difference is at least 0.02 nats (0.01 "
    "of an error); it is not used if the interval ends below that, and it harms if the interval "
    "lies below 0.",
)
_LM_NOTE = (
    "Nats per token: the loss of the true answer's next token, given the true ones before it. A "
    "language model guesses much of a text without seeing; what counts is the difference."
)
_CTC_NOTE = (
    "This model reads strips by its first vocabulary's CTC head, whose nats per character and text "
    "are scored beside the language model. Zeroed, the head is given patch features of zero; other "
    "vocabularies do not reach it. Texts with characters outside of its alphabet have no loss."
)
_ERROR_NOTE = (
    "Errors go from 0 to 1: edit distance of text, Markdown and LaTeX; of dicts 1 less the share "
    "of right cells, of captions and answers 1 less ROUGE-L."
)


def report_outcome(
    name: str,
    config: VaryConfig,
    found: Sequence[Measured],
    left_out: Mapping[str, int],
) -> Outcome:
    """Return what a report tells.

    Args:
        name: of the model, as the user gave it.
        config: the model's.
        found: what was measured.
        left_out: why -> how many samples were not.
    """
    names = vocabulary_names(config)
    effects = effects_of(found, len(names))
    scores = [score for score in TITLES if any(effect.score == score for effect in effects)]
    main = CTC if config.strip_decoder == "ctc" and CTC in scores else LM
    order = [main, *(score for score in scores if score != main)]
    findings = [one for score in order for one in findings_of(effects, score)]
    lines = _lines(names, findings, main, scores)
    notes = [*_NOTES, _LM_NOTE]
    notes += [_CTC_NOTE] if CTC in scores or CTC_TEXT in scores else []
    notes += [_ERROR_NOTE] if len(scores) > len({LM, CTC} & set(scores)) else []
    notes += _warnings(found, left_out)
    return Outcome(
        "Vocabularies",
        f"What {name} loses without each vocabulary",
        tuple(lines),
        tuple(_sheet(score, effects) for score in order),
        tuple(notes),
        _plot(main, names, effects),
        {
            "model": name,
            "vocabularies": names,
            "main_score": main,
            "num_samples": len(found),
            "left_out": dict(left_out),
            "findings": [asdict(finding) for finding in findings],
            "effects": [asdict(effect) for effect in effects],
        },
    )


def vocabulary_names(config: VaryConfig) -> list[str]:
    """Return what each vocabulary is called in a report: its place, from 1, and its network."""
    return [
        f"vocabulary {number} ({getattr(part, 'network', part).model_type})"
        for number, part in enumerate(config.vocabularies, start=1)
    ]


def _lines(
    names: Sequence[str], findings: Sequence[Finding], main: str, scores: Sequence[str]
) -> list[str]:
    """Return a sentence for each vocabulary, by the main score; then by the language model's."""
    lines = []
    for score in dict.fromkeys((main, *([LM] if LM in scores else []))):
        for number, name in enumerate(names):
            parts = [f.words for f in findings if f.vocabulary == number and f.score == score]
            if parts:
                via = "" if score == main else f" ({TITLES[score]})"
                lines.append(f"without {name}{via}: {'; '.join(parts)}")
    return lines


def _warnings(found: Sequence[Measured], left_out: Mapping[str, int]) -> list[str]:
    units = len({one.unit for one in found})
    notes = [f"{len(found):,} samples of {units:,} documents were measured."]
    if units < FEWEST_UNITS:
        notes.append(
            f"With fewer than {FEWEST_UNITS} documents intervals are too narrow, with one there is "
            "none: give more samples."
        )
    notes += [f"left out: {number:,}: {reason}" for reason, number in left_out.items()]
    return notes


def _sheet(score: str, effects: Sequence[Effect]) -> Sheet:
    head = ("vocabulary", "data", "n", "whole", "spoiled", "difference", "p")
    rows = []
    for effect in effects:
        if effect.score != score:
            continue
        rows.append(
            (
                f"{effect.vocabulary + 1} {effect.how}",
                effect.group,
                f"{effect.num:,}",
                _value(effect.whole.value),
                _value(effect.value.value),
                figures(effect),
                _p_value(effect.difference.p_value),
            )
        )
    return Sheet(TITLES[score], head, tuple(rows))


def _value(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _p_value(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _plot(main: str, names: Sequence[str], effects: Sequence[Effect]) -> dict[str, bytes]:
    marks = [
        Mark(
            effect.group,
            f"{names[effect.vocabulary]}, {effect.how}",
            effect.difference.value,
            effect.difference.low,
            effect.difference.high,
        )
        for effect in effects
        if effect.score == main and effect.difference.value is not None
    ]
    return interval_plot(
        marks,
        "Worse without the vocabulary: right of 0",
        f"{TITLES[main]}: spoiled less whole, 95 % interval",
    )
