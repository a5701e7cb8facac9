"""A report on the terminal."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vary.eval.report.numbers import (
    ARROWS,
    NO_VALUE,
    counted,
    interval,
    num_digits,
    number,
    p_value,
    percent,
    seconds,
)
from vary.eval.report.summary import KINDS, Report, SystemSummary
from vary.eval.statistics import Estimate
from vary.eval.tasks.base import Metric
from vary.markup import plain

# Systems side by side: with three, a table is 100 columns wide.
PER_TABLE = 3
_TITLE_WIDTH = 24
_NAME_WIDTH = 21


def print_table(report: Report, console: Console) -> None:
    """Print the totals of all systems, how they compare, and what is missing."""
    task = report.task
    evaluation = report.evaluation
    console.print(
        Text.assemble((plain(task.title), "bold"), f"  {plain(evaluation.data)}, ", _counts(report))
    )
    for start in range(0, len(report.systems), PER_TABLE):
        console.print(_totals(report, report.systems[start : start + PER_TABLE]))
    if report.comparisons:
        console.print(_compared(report))
    for system in report.systems:
        for line in _missing(system):
            console.print(line)
    console.print(
        Text("95 % bootstrap intervals by document; arrows show which way is better", "dim")
    )


def _counts(report: Report) -> str:
    num = len(report.evaluation.prompts)
    return f"{counted(num, 'prompt')} of {counted(report.num_units, 'document')}"


def _totals(report: Report, systems: Sequence[SystemSummary]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", max_width=_TITLE_WIDTH, overflow="fold")
    for system in systems:
        table.add_column(_short(system.name), justify="right", no_wrap=True)
    for metric in shown_metrics(report):
        title = Text.assemble((f"{ARROWS[metric.better]} ", "dim"), plain(metric.title))
        found = [system.metrics[metric.name] for system in systems]
        best = best_value(metric, [s.metrics[metric.name] for s in report.systems])
        table.add_row(title, *(_cell(one, metric, best) for one in found))
        if any(one.num != system.num for one, system in zip(found, systems, strict=True)):
            table.add_row(Text("  n", "dim"), *(Text(f"{one.num:,}", "dim") for one in found))
    for kind in KINDS if report.task.has_text else ():
        cells = [s.split.shares[kind].value if s.split else None for s in systems]
        table.add_row(Text(f"errors: {kind}", "dim"), *(Text(percent(v), "dim") for v in cells))
    if any(system.seconds for system in systems):
        cells_s = [seconds(s.seconds["median"]) if s.seconds else NO_VALUE for s in systems]
        table.add_row(Text("seconds, median", "dim"), *(Text(cell, "dim") for cell in cells_s))
    table.add_row(Text("n", "dim"), *(Text(f"{s.num:,}", "dim") for s in systems))
    table.add_row(
        Text("missing", "dim"),
        *(Text(f"{s.num_missing:,}", "bold red" if s.num_missing else "dim") for s in systems),
    )
    return table


def shown_metrics(report: Report) -> tuple[Metric, ...]:
    """Return the metrics that some answer has, and the main one."""
    main, *others = report.task.metrics
    return (
        main,
        *(
            metric
            for metric in others
            if any(system.metrics[metric.name].num for system in report.systems)
        ),
    )


def best_value(metric: Metric, found: Sequence[Estimate]) -> float | None:
    """Return the best of several systems' totals, None with fewer than two."""
    values = [one.value for one in found if one.value is not None]
    if len(values) < 2:
        return None
    return min(values) if metric.better == "lower" else max(values)


def _cell(found: Estimate, metric: Metric, best: float | None) -> Text:
    digits = num_digits(metric)
    style = "bold" if found.value is not None and found.value == best else ""
    return Text.assemble(
        (number(found.value, digits), style),
        (f" {interval(found, min(digits, 3))}".rstrip(), "dim"),
    )


def _compared(report: Report) -> Table:
    """Return the first system less each other one, by the main metric."""
    metric = report.task.metrics[0]
    digits = num_digits(metric)
    first = _short(report.systems[0].name)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column(f"{first} less")
    for title in (plain(metric.title), "95 % interval", "p", "better", "equal", "worse"):
        table.add_column(title, justify="right", max_width=_TITLE_WIDTH, overflow="fold")
    for comparison in report.comparisons:
        found = comparison.metrics[metric.name]
        difference = found.difference
        between = "no interval"
        if difference.low is not None:
            low = number(difference.low, digits, is_signed=True)
            between = f"[{low}, {number(difference.high, digits, is_signed=True)}]"
        table.add_row(
            Text(_short(comparison.other)),
            number(difference.value, digits, is_signed=True),
            Text(between, "dim"),
            p_value(difference.p_value),
            *(f"{num:,}" for num in (found.better, found.equal, found.worse)),
        )
    return table


def _missing(system: SystemSummary) -> list[Text]:
    lines = [
        Text(f"{_short(system.name)}: {num:,} missing: {plain(reason)[:200]}", "red")
        for reason, num in list(system.missing.items())[:3]
    ]
    if len(system.missing) > 3:
        lines.append(Text(f"... {len(system.missing) - 3} more reasons", "red"))
    if system.num_not_finite:
        lines.append(
            Text(f"{_short(system.name)}: {system.num_not_finite} with a value that is no number")
        )
    return lines


def _short(name: str) -> str:
    name = plain(name).replace("\n", " ")
    return name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 1] + "…"
