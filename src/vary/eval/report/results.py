"""The sections of the HTML report that hold numbers and figures."""

from vary.eval.report.figures import (
    interval_bar,
    kind_swatch,
    legend_mark,
    length_figure,
    split_figure,
    value_range,
)
from vary.eval.report.numbers import (
    ARROWS,
    NO_VALUE,
    interval,
    num_digits,
    number,
    p_value,
    percent,
    seconds,
)
from vary.eval.report.summary import KINDS, Comparison, MetricComparison, Report
from vary.eval.report.table import best_value, shown_metrics
from vary.eval.statistics import Estimate
from vary.eval.tasks.base import Metric
from vary.markup import Html, join, tag

MAX_GROUPS, MAX_GROUP_METRICS = 60, 5
# A difference is told as one where its interval leaves out 0 and its p-value is below this.
MAX_P = 0.05
_BETTER = {"lower": "lower is better", "higher": "higher is better"}
_KIND_TITLES = {
    "cutting": "lines or runs missing, invented, doubled",
    "characters": "wrong characters in text that is there",
    "order": "right text in the wrong place",
}


def results_section(report: Report) -> Html:
    """Return the totals: for each metric the systems below one another, their bars on one axis."""
    num = len(report.evaluation.prompts)
    told = (
        "Values with their 95 % intervals; ↑ higher is better, ↓ lower is better; "
        f"n is {num:,} where no other is given."
    )
    return tag(
        "section",
        tag("h2", "Results"),
        tag("p", told, class_="lead"),
        tag("div", *(_metric_table(report, m) for m in shown_metrics(report)), class_="cards"),
        tag("p", tag("b", "In the paper, on its own data: "), report.task.paper)
        if report.task.paper
        else None,
    )


def _metric_table(report: Report, metric: Metric) -> Html:
    found = [system.metrics[metric.name] for system in report.systems]
    ends = value_range(metric, found)
    best = best_value(metric, found)
    digits = num_digits(metric)
    nums = sorted({one.num for one in found})
    hints = [ARROWS[metric.better]]
    if metric.paper and metric.paper.casefold() != metric.title.casefold():
        hints.append(f"paper: {metric.paper}")
    if nums != [len(report.evaluation.prompts)]:
        hints.append("n " + ", ".join(f"{num:,}" for num in nums))
    head = tag(
        "tr",
        tag(
            "th",
            tag("span", metric.title, class_="metric"),
            *(tag("span", hint, class_="hint") for hint in hints),
            colspan=3,
            scope="colgroup",
        ),
        tag(
            "td",
            tag("span", _end(ends[0], digits)),
            tag("span", _end(ends[1], digits)),
            class_="ends",
        ),
    )
    rows = [
        _system_row(system.name, one, (ends, best, digits), colour)
        for colour, (system, one) in enumerate(zip(report.systems, found, strict=True))
    ]
    return tag("table", tag("thead", head), tag("tbody", *rows), class_="results")


def _end(value: float, digits: int) -> str:
    shown = number(value, digits)
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _system_row(
    name: str,
    found: Estimate,
    style: tuple[tuple[float, float], float | None, int],
    colour: int,
) -> Html:
    ends, best, digits = style
    is_best = found.value is not None and found.value == best
    return tag(
        "tr",
        tag("th", legend_mark(colour), tag("span", name, class_="name"), scope="row"),
        tag("td", number(found.value, digits), class_="num best" if is_best else "num"),
        tag("td", interval(found, digits), class_="num range"),
        tag("td", interval_bar(found, ends, colour), class_="bars"),
    )


def systems_table(report: Report) -> Html | None:
    """Return what was asked, how many answers are missing, and how long one took."""
    if not report.systems:
        return None
    rows = [
        tag(
            "tr",
            tag("th", legend_mark(colour), tag("span", system.name, class_="name"), scope="row"),
            tag("td", system.description or NO_VALUE, class_="mono told"),
            tag(
                "td",
                tag("b", f"{system.num_missing:,}") if system.num_missing else "0",
                f" of {system.num:,}",
                class_="num",
            ),
            *(
                tag(
                    "td",
                    seconds(system.seconds[kind]) if system.seconds else NO_VALUE,
                    class_="num",
                )
                for kind in ("median", "mean")
            ),
        )
        for colour, system in enumerate(report.systems)
    ]
    head = _row("th", "System", "What was asked", "Missing", "Time, median", "Mean")
    return _wide(tag("table", tag("thead", head), tag("tbody", *rows), class_="systems"))


def comparison_section(report: Report) -> Html | None:
    """Return the first system less each other one, by all metrics."""
    if not report.comparisons:
        return None
    titles = ("Metric", "Difference", "95 % interval", "p", "Better", "Equal", "Worse", "Finding")
    bodies = [
        tag(
            "tbody",
            tag(
                "tr",
                tag(
                    "th",
                    tag("span", comparison.first, class_="metric"),
                    tag("span", "less", class_="hint"),
                    tag("span", comparison.other, class_="metric"),
                    colspan=len(titles),
                    scope="rowgroup",
                ),
            ),
            *(
                _comparison_row(m, comparison.metrics[m.name], comparison)
                for m in shown_metrics(report)
            ),
        )
        for comparison in report.comparisons
    ]
    return tag(
        "section",
        tag("h2", "Paired comparison"),
        _wide(tag("table", tag("thead", _row("th", *titles)), *bodies, class_="comparison")),
    )


def _comparison_row(metric: Metric, found: MetricComparison, comparison: Comparison) -> Html:
    digits = num_digits(metric)
    difference = found.difference
    between = "no interval"
    if difference.low is not None:
        low = number(difference.low, digits, is_signed=True)
        between = f"[{low}, {number(difference.high, digits, is_signed=True)}]"
    return tag(
        "tr",
        tag("th", f"{metric.title}\u00a0{ARROWS[metric.better]}", scope="row"),
        tag("td", number(difference.value, digits, is_signed=True), class_="num"),
        tag("td", between, class_="num range"),
        tag("td", p_value(difference.p_value), class_="num"),
        *(tag("td", f"{n:,}", class_="num") for n in (found.better, found.equal, found.worse)),
        tag("td", finding(metric, found, (comparison.first, comparison.other))),
    )


def finding(metric: Metric, found: MetricComparison, names: tuple[str, str]) -> str:
    """Return in words what the interval and the p-value of a difference say together."""
    low, high, p = found.difference.low, found.difference.high, found.difference.p_value
    if low is None or high is None or p is None:
        return "too few documents to tell"
    if low <= 0 <= high or p >= MAX_P:
        return "no clear difference"
    first_is_better = (high < 0) == (metric.better == "lower")
    return f"{names[0] if first_is_better else names[1]} is better"


def groups_section(report: Report) -> Html | None:
    """Return a table for each grouping: of the main metric, or of all for a single system."""
    found = dict.fromkeys(key for system in report.systems for key in system.groups)
    # A grouping with one group says what the totals say.
    keys = [key for key in found if any(len(s.groups.get(key, {})) > 1 for s in report.systems)]
    if not keys:
        return None
    return tag(
        "section", tag("h2", "By group"), *(_wide(_group_table(report, key)) for key in keys)
    )


def _group_table(report: Report, key: str) -> Html:
    systems, metrics = report.systems, shown_metrics(report)[:MAX_GROUP_METRICS]
    if len(systems) > 1:
        columns = [(system, metrics[0]) for system in systems]
        titles = [system.name for system in systems]
        caption = f"{key}: {metrics[0].title} {ARROWS[metrics[0].better]}"
    else:
        columns = [(systems[0], metric) for metric in metrics]
        titles = [f"{metric.title} {ARROWS[metric.better]}" for metric in metrics]
        caption = key
    groups = list(dict.fromkeys(group for s in systems for group in s.groups.get(key, {})))
    rows = []
    for group in groups[:MAX_GROUPS]:
        found = [(s.groups.get(key, {}).get(group, {}).get(m.name), m) for s, m in columns]
        num = max((one.num for one, _ in found if one), default=0)
        cells = [_group_cell(one, metric) for one, metric in found]
        rows.append(
            tag("tr", tag("th", group, scope="row"), tag("td", f"{num:,}", class_="num"), *cells)
        )
    if len(groups) > MAX_GROUPS:
        more = f"… {len(groups) - MAX_GROUPS:,} more groups: see the JSON report"
        rows.append(tag("tr", tag("td", more, colspan=2 + len(columns))))
    head = tag("thead", _row("th", "Group", "n", *titles))
    return tag("table", tag("caption", caption), head, tag("tbody", *rows), class_="groups")


def _group_cell(found: Estimate | None, metric: Metric) -> Html:
    if found is None:
        return tag("td", NO_VALUE, class_="num")
    digits = num_digits(metric)
    return tag(
        "td",
        tag("span", number(found.value, digits), class_="value"),
        " ",
        tag("span", interval(found, digits), class_="range"),
        class_="num",
    )


def lengths_section(report: Report) -> Html | None:
    """Return the figure of the main metric by length of the truth."""
    if not report.lengths:
        return None
    metric = report.task.metrics[0]
    names = [system.name for system in report.systems]
    low, high = (f(part.num for part in report.lengths) for f in (min, max))
    caption = (
        f"{metric.title} ({_BETTER[metric.better]}) of answers grouped by the length of their "
        f"truth, {low if low == high else f'{low} to {high}'} answers each; bars: 95 % intervals."
    )
    legend = [tag("span", legend_mark(i), name, class_="key") for i, name in enumerate(names)]
    return tag(
        "section",
        tag("h2", "Score by length of the text"),
        tag(
            "figure",
            tag("div", *legend, class_="keys"),
            _wide(length_figure(report.lengths, metric, names, num_digits(metric))),
            tag("figcaption", caption),
        ),
    )


def split_section(report: Report) -> Html | None:
    """Return the errors by kind: bars, and a table with intervals."""
    splits = [(system.name, system.split) for system in report.systems if system.split]
    if not splits:
        return None
    legend = [
        tag("span", kind_swatch(kind), tag("b", kind), f": {_KIND_TITLES[kind]}", class_="key")
        for kind in KINDS
    ]
    rows = [
        tag(
            "tr",
            tag("th", name, scope="row"),
            tag("td", f"{split.errors:,}", class_="num"),
            *(_share_cell(split.shares[kind]) for kind in KINDS),
        )
        for name, split in splits
    ]
    return tag(
        "section",
        tag("h2", "Kinds of errors"),
        tag(
            "figure",
            _wide(split_figure(splits)),
            tag("div", *legend, class_="keys"),
            tag(
                "figcaption", f"Errors per 100 characters of the truths ({splits[0][1].length:,})."
            ),
        ),
        _wide(
            tag(
                "table",
                tag("thead", _row("th", "System", "Errors", *(kind.title() for kind in KINDS))),
                tag("tbody", *rows),
                class_="groups",
            )
        ),
    )


def _share_cell(share: Estimate) -> Html:
    between = ""
    if share.low is not None and share.high is not None:
        between = f"[{100 * share.low:.2f}, {100 * share.high:.2f}]"
    return tag(
        "td",
        tag("span", percent(share.value), class_="value"),
        " ",
        tag("span", between, class_="range"),
        class_="num",
    )


def _row(name: str, *cells: object) -> Html:
    return tag("tr", *(tag(name, cell, scope="col") for cell in cells))


def _wide(content: Html) -> Html:
    """Return what may be wider than a narrow page: it scrolls by itself."""
    return tag("div", join([content]), class_="wide", tabindex="0")
