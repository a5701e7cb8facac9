"""What `vary vocab probe` tells."""

from collections.abc import Sequence
from dataclasses import asdict

from vary.eval.statistics import NUM_RESAMPLES, Estimate
from vary.probing.pages import Outcome, Sheet
from vary.probing.plots import Mark, interval_plot
from vary.probing.probe import FEWEST_OCCURRENCES, Probe, patches_name
from vary.probing.scripts import DIGITS, SIGNS
from vary.probing.verdicts import (
    FEWEST_CHARACTERS,
    FEWEST_UNITS,
    READS_AS_WELL,
    READS_IN_PART,
    READS_NEARLY,
    Group,
)


def probe_outcome(probe: Probe) -> Outcome:
    """Return what a probe tells."""
    whole = [group for group in probe.groups if not group.kind]
    return Outcome(
        "Vocabularies",
        "Which vocabulary sees these pages",
        tuple(_lines(probe)),
        (_shares(probe), _recalls(probe), *_differences(whole)),
        tuple(_notes(probe)),
        _plot(probe),
        {
            "vocabularies": probe.vocabularies,
            "budget": asdict(probe.budget),
            "lines": {"learned": probe.num_lines[0], "held_out": probe.num_lines[1]},
            "documents": {"learned": probe.num_units[0], "held_out": probe.num_units[1]},
            "alphabet": probe.alphabet,
            "left_out": probe.left_out,
            "thresholds": {
                "prompt": READS_AS_WELL,
                "LoRA": READS_NEARLY,
                "second phase": READS_IN_PART,
            },
            "verdicts": [asdict(verdict) for verdict in probe.verdicts],
            "groups": [_group_values(group) for group in probe.groups],
            "readers": {
                name: {
                    "loss": reading.loss,
                    "seconds": round(reading.seconds, 1),
                    "parameters": reading.parameters[0],
                    "of_the_first_linear": reading.parameters[1],
                }
                for name, reading in probe.readings.items()
            },
        },
    )


def _lines(probe: Probe) -> list[str]:
    """Return a sentence for each script and vocabulary; letters before digits and signs."""
    names = {group.name: group for group in probe.groups}
    verdicts = sorted(
        probe.verdicts, key=lambda verdict: names[verdict.group].script in (DIGITS, SIGNS)
    )
    return [f"{verdict.group}: {verdict.words}" for verdict in verdicts]


def _group_values(group: Group) -> dict[str, object]:
    return {
        "script": group.script,
        "kind": group.kind,
        "characters": group.num_characters,
        "too_rare": group.num_rare,
        "reason": group.reason,
        "blind": asdict(group.blind),
        "ceiling": asdict(group.ceiling),
        "readers": {
            seen.reader: {"recall": asdict(seen.recall), "share": asdict(seen.share)}
            for seen in group.readers
        },
        "differences": {
            f"{first} less {second}": asdict(found)
            for (first, second), found in group.differences.items()
        },
    }


def _shares(probe: Probe) -> Sheet:
    readers = [seen.reader for seen in probe.groups[0].readers]
    rows = [
        (group.name, f"{group.num_characters:,}", *(_figures(s.share) for s in group.readers))
        for group in probe.groups
    ]
    return Sheet(
        "Share of what can be read: 0 is blind guessing, 1 the ceiling",
        ("held out", "characters", *readers),
        tuple(rows),
    )


def _recalls(probe: Probe) -> Sheet:
    readers = [seen.reader for seen in probe.groups[0].readers]
    rows = [
        (
            group.name,
            _figures(group.blind),
            *(_figures(seen.recall) for seen in group.readers),
            _figures(group.ceiling),
        )
        for group in probe.groups
    ]
    head = ("held out", "blind", *readers, "ceiling")
    return Sheet("Share of the characters that were read", head, tuple(rows))


def _differences(groups: Sequence[Group]) -> list[Sheet]:
    rows = []
    for group in groups:
        for (first, second), found in group.differences.items():
            # What a ViTDet's own merging costs stands in the tables above.
            is_own = any(name.endswith(patches_name("")) for name in (first, second))
            if is_own or found.value is None or found.low is None or found.high is None:
                continue
            value = f"{found.value:+.2f} [{found.low:+.2f}, {found.high:+.2f}]"
            rows.append((group.name, f"{first} less {second}", value.replace("-", "\u2212")))
    if not rows:
        return []
    return [Sheet("Compared", ("held out", "", "characters read"), tuple(rows))]


def _figures(found: Estimate) -> str:
    if found.value is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{found.value:.2f}"
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def _notes(probe: Probe) -> list[str]:
    budget, (learned, held) = probe.budget, probe.num_lines
    vocabularies = probe.vocabularies.items()
    notes = [
        *(told if name in told else f"{name}: {told}" for name, told in vocabularies),
        f"Light readers of the same size learn from {learned:,} pieces of lines of "
        f"{probe.num_units[0]:,} documents, {budget.steps:,} steps of {budget.batch_size}, and "
        f"read {held:,} pieces of {probe.num_units[1]:,} other documents. Vocabularies stay as "
        "they are.",
        "Blind: the same reader on other pictures' tokens. Ceiling: the same reader on codes of "
        "the true characters at their places. Share: where between the two a vocabulary's reader "
        "stands.",
        f"Advice: prompt from {READS_AS_WELL} of what can be read on, LoRA from {READS_NEARLY}, "
        f"the second phase from {READS_IN_PART}, below it the first phase. A ViTDet whose patch "
        "features would do and whose tokens would not needs its merging convolutions trained.",
        "A script is judged on characters alone that occur at least "
        f"{FEWEST_OCCURRENCES} times in what is learned from, and from {FEWEST_CHARACTERS} "
        "held-out characters on. Intervals: 95 %, bootstrap over documents "
        f"({NUM_RESAMPLES:,} resamples).",
        "All of it is relative to this budget: with more pages and steps a reader learns more, "
        "over a vocabulary that was never trained too.",
    ]
    if probe.num_units[1] < FEWEST_UNITS:
        notes.append(
            f"Fewer than {FEWEST_UNITS} held-out documents: intervals are too narrow; give more."
        )
    notes += [f"left out: {number:,}: {reason}" for reason, number in probe.left_out.items()]
    return notes


def _plot(probe: Probe) -> dict[str, bytes]:
    marks = [
        Mark(group.name, seen.reader, seen.share.value, seen.share.low, seen.share.high)
        for group in probe.groups
        if not group.reason
        for seen in group.readers
        if seen.share.value is not None
    ]
    return interval_plot(
        marks,
        "What light readers read over each vocabulary",
        "share of what can be read (0 blind guessing, 1 ceiling), 95 % interval",
        ((READS_IN_PART, "second phase"), (READS_NEARLY, "LoRA"), (READS_AS_WELL, "prompt")),
    )
