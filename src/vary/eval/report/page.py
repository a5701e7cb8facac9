"""A report as one HTML file that needs nothing else: no script, no font, no picture of others."""

from pathlib import Path

from vary.eval.report.evidence import missing_section, worst_section
from vary.eval.report.numbers import counted
from vary.eval.report.results import (
    comparison_section,
    groups_section,
    lengths_section,
    results_section,
    split_section,
    systems_table,
)
from vary.eval.report.summary import Report
from vary.eval.statistics import NUM_RESAMPLES
from vary.markup import Html, document, join, tag

_METHODS = (
    "A total is the mean over all answers; for rates, the sum of errors over the sum of lengths. A "
    "missing answer counts as the worst.",
    "Intervals: 95 %, percentile bootstrap (Efron 1979) with {resamples:,} resamples. Whole "
    "documents are drawn, since pages of one document are alike. With fewer than two documents "
    "there is no interval; with fewer than about twenty it is too narrow.",
    "Comparisons: the first system less the other one, on the same resamples (paired bootstrap; "
    "Koehn 2004, Bisani and Ney 2004). p: two-sided randomisation test that exchanges the two "
    "systems' answers document by document; exact where few documents differ. It is not corrected "
    "for the number of comparisons.",
)
_MEAN_OF = (
    "The overall value is the mean over the groups of “{key}”, each group weighing the same; "
    "documents are drawn within each group."
)
_SPLIT = (
    "Errors: the edit distance in characters, white space collapsed (removed for Chinese). Order "
    "is what it falls by when pieces that stand in the wrong place are put right; cutting is what "
    "is then missing, invented or doubled in whole lines or runs; characters is the rest. A line "
    "of which less than half is right counts as cutting."
)


def write_html(report: Report, path: Path) -> None:
    """Write a report as one HTML file, beside and renamed: whole or not at all.

    Raises:
        OSError: the file cannot be written.
    """
    partial = path.with_name(path.name + ".partial")
    partial.write_text(html_page(report), encoding="utf-8", newline="\n")
    partial.replace(path)


def html_page(report: Report) -> str:
    """Return the whole HTML file."""
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    sections = [
        results_section(report),
        comparison_section(report),
        groups_section(report),
        lengths_section(report),
        split_section(report),
        missing_section(report),
        worst_section(report),
        _methods_section(report),
    ]
    body = tag("body", tag("main", _head_section(report), *sections))
    return document(f"{report.task.title}: {report.evaluation.data}", style, body)


def _head_section(report: Report) -> Html:
    evaluation = report.evaluation
    facts = [
        ("Task", tag("span", report.task.name, class_="mono")),
        ("Data", evaluation.data),
        ("Size", _size(report)),
        ("Hash", tag("span", evaluation.data_hash, class_="mono")),
        ("Versions", ", ".join(f"{name} {v}" for name, v in evaluation.versions.items())),
    ]
    return tag(
        "header",
        tag("p", "Evaluation", class_="kicker"),
        tag("h1", report.task.title),
        tag(
            "dl",
            *(join([tag("dt", name), tag("dd", value)]) for name, value in facts if value),
            class_="facts",
        ),
        systems_table(report),
    )


def _size(report: Report) -> str:
    num = len(report.evaluation.prompts)
    return f"{counted(num, 'prompt')} of {counted(report.num_units, 'document')}"


def _methods_section(report: Report) -> Html:
    task = report.task
    lines = [line.format(resamples=NUM_RESAMPLES) for line in _METHODS]
    if task.mean_of:
        lines.insert(1, _MEAN_OF.format(key=task.mean_of))
    if task.has_text:
        lines.append(_SPLIT)
    return tag(
        "section",
        tag("h2", "How to read the numbers"),
        tag("ul", *(tag("li", line) for line in (*task.notes, *lines)), class_="notes"),
        class_="methods",
    )
