"""The sections of the HTML report that show answers: those that are missing, and the worst ones."""

from collections.abc import Sequence
from pathlib import Path

from vary.eval.evaluation import SystemRun
from vary.eval.records import Prompt
from vary.eval.report.collect import value_of
from vary.eval.report.diff import shortened, side_by_side
from vary.eval.report.figures import legend_mark
from vary.eval.report.numbers import counted, num_digits, number
from vary.eval.report.pictures import data_uri
from vary.eval.report.summary import Report, SystemSummary
from vary.markup import Html, join, tag

MAX_REASONS, MAX_IDS, MAX_VALUES = 12, 100, 6
_LEGEND = tag(
    "p",
    tag("span", tag("del", "missing"), ": only in the truth", class_="key"),
    tag("span", tag("ins", "added"), ": only in the answer", class_="key"),
    tag("span", tag("span", "moved", class_="moved"), ": right, but elsewhere", class_="key"),
    class_="keys",
)


def missing_section(report: Report) -> Html | None:
    """Return what is missing, and why; None where nothing is."""
    if not any(system.num_missing or system.num_not_finite for system in report.systems):
        return None
    runs = {system.name: system for system in report.evaluation.systems}
    parts = [_missing(system, runs[system.name]) for system in report.systems]
    return tag("section", tag("h2", "Missing answers"), *parts)


def _missing(system: SystemSummary, run: SystemRun) -> Html | None:
    if not (system.num_missing or system.num_not_finite):
        return None
    counts = list(system.missing.items())
    reasons = [
        tag("li", tag("b", f"{num:,}"), " × ", tag("span", _cut(reason, 400), class_="reason"))
        for reason, num in counts[:MAX_REASONS]
    ]
    if len(counts) > MAX_REASONS:
        rest = sum(num for _, num in counts[MAX_REASONS:])
        more = counted(len(counts) - MAX_REASONS, "more reason")
        reasons.append(tag("li", f"{rest:,} for {more}"))
    if system.num_not_finite:
        told = f"{system.num_not_finite:,} × a value that is no number; it counts as the worst"
        reasons.append(tag("li", told))
    names = [name for name, score in run.scores.items() if score.reason]
    shown = ", ".join(_cut(name, 80) for name in names[:MAX_IDS])
    if len(names) > MAX_IDS:
        shown += f", … {len(names) - MAX_IDS:,} more"
    return join(
        [
            tag("h3", system.name, ": ", f"{system.num_missing:,} of {system.num:,}"),
            tag("ul", *reasons, class_="reasons"),
            tag("details", tag("summary", "Which"), tag("p", shown, class_="mono ids"))
            if names
            else None,
        ]
    )


def worst_section(report: Report) -> Html | None:
    """Return the first system's worst answers, the others' answers beside them."""
    if not report.systems:
        return None
    metric = report.task.metrics[0]
    first = report.systems[0]
    told = f"Those of {first.name} by {metric.title}, the worst first."
    if not report.worst:
        told = "None: no answer could be scored." if first.num_missing else "None: all are perfect."
    elif first.num_missing:
        told += " Missing answers are listed above."
    return tag(
        "section",
        tag("h2", "Worst answers"),
        tag("p", told, class_="lead"),
        _LEGEND if report.worst and report.task.has_text else None,
        *(_page(report, name, rank) for rank, name in enumerate(report.worst, start=1)),
        class_="worst",
    )


def _page(report: Report, name: str, rank: int) -> Html:
    evaluation = report.evaluation
    prompt = evaluation.prompts[name]
    picture = _picture(evaluation.picture(prompt), prompt, len(report.worst))
    return tag(
        "article",
        tag("h3", tag("span", f"{rank}", class_="rank"), " ", _cut(name, 160)),
        _values(report, name),
        tag("p", tag("b", "Asked: "), _cut(prompt.prompt, 1000), class_="question")
        if prompt.prompt and not report.task.has_text
        else None,
        *(_compared if report.task.has_text else _listed)(report, name, picture),
    )


def _listed(report: Report, name: str, picture: Html) -> Sequence[Html]:
    """Return the picture, and beside it the truth and all answers one below the other."""
    truth = report.evaluation.truths.get(name, "") or ""
    answers = [_answer(report, system, name) for system in report.evaluation.systems]
    beside = tag("div", _plain_text("Truth", truth), *answers, class_="list")
    return [tag("div", picture, beside, class_="listed")]


def _compared(report: Report, name: str, picture: Html) -> Sequence[Html]:
    """Return the picture, truth and answer side by side; the others' answers open on demand."""
    first, *others = report.evaluation.systems
    return [
        tag("div", picture, *_texts(report, first, name), class_="triple"),
        *(
            tag(
                "details",
                tag("summary", _system_value(report, other, name)),
                tag("div", *_texts(report, other, name), class_="pair"),
            )
            for other in others
        ),
    ]


def _values(report: Report, name: str) -> Html:
    """Return all metrics of the first system, and what the prompt belongs to."""
    first = report.evaluation.systems[0]
    score = first.scores[name]
    parts = [
        tag("span", metric.title, " ", tag("b", number(value, num_digits(metric))))
        for metric in report.task.metrics[:MAX_VALUES]
        if (value := value_of(score, report.task, metric.name)) is not None
    ]
    if score.document and score.document != name:
        parts.append(tag("span", "document ", _cut(score.document, 80)))
    parts += [
        tag("span", key, " ", _cut(_group(group), 80))
        for key, group in sorted(score.groups.items())
    ]
    return tag("p", *parts, class_="values")


def _group(group: object) -> str:
    return ", ".join(map(str, group)) if isinstance(group, list | tuple) else str(group)


def _system_value(report: Report, system: SystemRun, name: str) -> Html:
    metric = report.task.metrics[0]
    score = system.scores[name]
    colour = [run.name for run in report.evaluation.systems].index(system.name)
    value = number(value_of(score, report.task, metric.name), num_digits(metric))
    told = "missing" if score.reason else value
    return join([legend_mark(colour), tag("span", system.name, class_="name"), " ", tag("b", told)])


def _texts(report: Report, system: SystemRun, name: str) -> Sequence[Html]:
    """Return truth and answer, marked where they differ."""
    truth = report.evaluation.truths.get(name, "") or ""
    response = system.responses.get(name)
    if system.scores[name].reason or response is None or response.answer is None:
        return _plain_text("Truth", truth), _answer(report, system, name)
    found = side_by_side(response.answer, truth)
    return (
        _text("Truth", found.truth, found.hidden_truth),
        _text(_system_value(report, system, name), found.answer, found.hidden_answer),
    )


def _answer(report: Report, system: SystemRun, name: str) -> Html:
    """Return an answer as it came, or why there is none."""
    heading = _system_value(report, system, name)
    score, response = system.scores[name], system.responses.get(name)
    if score.reason or response is None or response.answer is None:
        reason = tag("p", "No answer: ", _cut(score.reason, 400), class_="none")
        return tag("div", tag("h4", heading), reason, class_="text")
    return _plain_text(heading, response.answer)


def _plain_text(heading: object, source: str) -> Html:
    shown, hidden = shortened(source)
    return _text(heading, join([shown]), hidden)


def _text(heading: object, content: Html, num_hidden: int) -> Html:
    return tag(
        "div",
        tag("h4", heading),
        tag("pre", content, tabindex="0") if content else tag("p", "Empty.", class_="none"),
        tag("p", f"… {counted(num_hidden, 'more character')}", class_="more")
        if num_hidden
        else None,
        class_="text",
    )


def _picture(path: Path | None, prompt: Prompt, num_pictures: int) -> Html:
    uri, problem = data_uri(path, num_pictures)
    if problem:
        return tag("div", tag("p", f"No picture shown: {problem}.", class_="none"), class_="image")
    more = len(prompt.images) - 1
    return tag(
        "div",
        tag("img", src=uri, alt="What was to be read", loading="lazy"),
        tag("p", f"… {counted(more, 'more picture')}", class_="more") if more else None,
        class_="image",
    )


def _cut(source: str, length: int) -> str:
    return source if len(source) <= length else f"{source[:length]}… {len(source) - length:,} more"
