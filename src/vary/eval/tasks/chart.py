"""Reading charts: the table behind a chart, as a dict.

Data:    a generated set of charts (kind ``chart``, format ``dict``), or a folder of pictures with
         a .json or .txt of the same name each: the paper's dict {"title", "data"}, OneChart's
         {"title", "source", "x_title", "y_title", "values"}, or a pipe table.
Split:   none; the paper measured no charts.
Prompt:  "Convert this chart to python-dict" (the paper's).
Metric:  share of the cells that are right; precision of the triples with strict, slight and high
         tolerance (SCRM of StructChart and OneChart); nearness of title, axes and source; share
         of the answers that are a dict.
Paper:   none.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar, Literal

from vary.data.manifest import MANIFEST_NAME
from vary.data.questions import questions_of
from vary.data.schema import Sample
from vary.errors import InputError, VaryError
from vary.eval.data import shard_prompts
from vary.eval.metrics.chart_dict import ChartDict, cell_accuracy, parse_chart, title_similarity
from vary.eval.metrics.chart_literals import parse_dict
from vary.eval.metrics.scrm import SCRM_RULES, ScrmRule, scrm
from vary.eval.metrics.table_trees import pipe_rows
from vary.eval.records import Prompt, clean_text
from vary.eval.tasks.base import Measured, Metric, Task, TaskInfo
from vary.extras import require

PROMPT = questions_of("chart", "dict", "")[0]
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
TRUTHS = (".json", ".txt")
# Files about a folder rather than about a chart of it.
_NOTES = {"README", "LICENSE", "SOURCES", "NOTICE", "META", "MANIFEST"}
# Columns of a report, and the titles that each is the mean of.
_TITLES = {"title": ("title",), "axes": ("x_title", "y_title"), "source": ("source",)}
METRICS = (
    Metric("cells", "cells right", "higher", 0.0, 1.0),
    Metric("ap_strict", "triples, strict", "higher", 0.0, 1.0),
    Metric("ap_slight", "triples, slight", "higher", 0.0, 1.0),
    Metric("ap_high", "triples, high", "higher", 0.0, 1.0),
    Metric("title", "title", "higher", 0.0, 1.0),
    Metric("axes", "axes", "higher", 0.0, 1.0),
    Metric("source", "source", "higher", 0.0, 1.0),
    Metric("parsed", "answers that are a dict", "higher", 0.0, 1.0),
)


@dataclass(frozen=True)
class ChartTask(Task):
    """The table behind a chart.

    Args:
        rule: ``structchart`` counts triples by their definition, ``onechart`` as OneChart's script.
    """

    rule: ScrmRule = "structchart"
    name: ClassVar[str] = "chart"
    truth_types: ClassVar[tuple[type, ...]] = (dict, str)
    reads: ClassVar[Literal["ocr", "markdown", "chart", "ask"]] = "chart"

    @property
    def info(self) -> TaskInfo:
        """What a report says of it."""
        rules = {
            "structchart": "Triples by StructChart's definition, mean over the bars 0.50 to 0.95.",
            "onechart": "Triples as OneChart's script counts them; it drops answers that are no "
            "dict and multiplies by their share, which is the 0 that they get here.",
        }
        return TaskInfo(
            name=self.name,
            title="Charts as dicts",
            metrics=METRICS,
            notes=(
                rules[self.rule],
                "A cell is right within 5 % of its number. An answer without a whole dict, such as "
                "one that breaks off, gets 0 in all metrics and is counted under `parsed`.",
            ),
        )

    def check(self) -> None:
        """Refuse an unknown rule, and to begin without rapidfuzz."""
        if self.rule not in SCRM_RULES:
            raise VaryError(f"--rule {self.rule!r}: choose among {', '.join(SCRM_RULES)}")
        require("rapidfuzz", extra="eval")

    def prompts(self, data: Path) -> Iterator[Prompt]:
        """Yield a prompt for each chart."""
        if (data / MANIFEST_NAME).is_file():
            yield from shard_prompts(_sample_prompt, data)
        elif data.is_dir():
            yield from _folder_prompts(data)
        else:
            raise InputError(f"{data}: there is no such folder; check --data")

    def score(self, prompt: Prompt, answer: str) -> Mapping[str, Measured]:
        """Return how much of the chart an answer gives."""
        truth = _truth_chart(prompt)
        read = parse_chart(answer)
        titles = title_similarity(read, truth)
        measured: dict[str, Measured] = {
            "cells": cell_accuracy(read, truth),
            **{f"ap_{level}": value for level, value in scrm(read, truth, self.rule).items()},
        }
        for name, parts in _TITLES.items():
            if found := [titles[part] for part in parts if part in titles]:
                measured[name] = fmean(found)
        return {**measured, "parsed": float(read is not None)}

    def worst(self, prompt: Prompt) -> Mapping[str, Measured]:
        """Return what a missing answer gets, also where the truth itself cannot be read."""
        if not isinstance(prompt.truth, dict) and _parse_truth(str(prompt.truth)) is None:
            return {metric.name: metric.worst for metric in METRICS if metric.name not in _TITLES}
        return super().worst(prompt)

    def length(self, prompt: Prompt) -> int:
        """Return how many characters the dict has."""
        return len(self.text_of(prompt))

    def text_of(self, prompt: Prompt) -> str:
        """Return the dict, indented as in the paper's figures."""
        if not isinstance(prompt.truth, dict):
            return str(prompt.truth)
        return json.dumps(prompt.truth, ensure_ascii=False, indent=4)


def _truth_chart(prompt: Prompt) -> ChartDict:
    truth = prompt.truth if isinstance(prompt.truth, dict) else _parse_truth(str(prompt.truth))
    if truth is None:
        raise InputError(f"{prompt.id}: its truth is no dict")
    return ChartDict.from_dict(truth)


def _parse_truth(text: str) -> dict[str, Any] | None:
    """Return the dict that a truth is, or that its pipe table says; None for all else.

    Rows of a table that share a name are several series of which one cannot tell which is which.
    """
    found = parse_dict(text)
    if found is not None or "{" in text:
        return found
    head, *rows = [[cell.text for cell in row] for row in pipe_rows(text)] or [[]]
    is_even = all(len(row) == len(head) for row in rows)
    if len(head) < 2 or not rows or not is_even or len({row[0] for row in rows}) < len(rows):
        return None
    return {"data": _table(head[1:], rows)}


def _table(series: Sequence[str], rows: Sequence[Sequence[str]]) -> dict[str, Any]:
    columns = {
        f"{name} ({number})" if list(series).count(name) > 1 else name: {
            row[0]: row[number] for row in rows
        }
        for number, name in enumerate(series, start=1)
    }
    return next(iter(columns.values())) if len(columns) == 1 else columns


def _sample_prompt(sample: Sample) -> Prompt:
    if sample.kind != "chart" or sample.format != "dict":
        raise InputError(
            f"sample {sample.id}: is a {sample.kind} written as {sample.format}; this task takes "
            "charts written as dict: choose another task, or give a set of charts"
        )
    document = str(json.loads(sample.meta).get("document", ""))
    groups = {"language": sample.language} if sample.language else {}
    return _prompt(sample.id, clean_text(sample.text), document, groups)


def _folder_prompts(folder: Path) -> Iterator[Prompt]:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    pictures = {path.stem: path for path in files if path.suffix.lower() in PICTURES}
    truths = {
        path.stem: path
        for suffix in reversed(TRUTHS)
        for path in files
        if path.suffix.lower() == suffix
    }
    if not pictures or not truths.keys() & pictures.keys():
        raise InputError(
            f"{folder}: holds no pictures with a .json or .txt of the same name; check --data"
        )
    for name in sorted(pictures.keys() | truths.keys()):
        images = (str(pictures[name].resolve()),) if name in pictures else ()
        if name not in truths:
            reason = f"no {name}.json or {name}.txt lies beside it"
            yield Prompt(name, images, PROMPT, "", name, reason=reason)
            continue
        prompt = _prompt(name, _read_text(truths[name]), name, {})
        if images:
            yield replace(prompt, images=images)
        elif not prompt.reason and name.upper() not in _NOTES:
            yield replace(prompt, reason=f"no picture lies beside {truths[name].name}")


def _prompt(name: str, text: str, document: str, groups: dict[str, Any]) -> Prompt:
    truth = _parse_truth(text)
    reason = "its truth is no dict and no table whose rows have names" if truth is None else ""
    return Prompt(name, (), PROMPT, text if truth is None else truth, document, groups, reason)


def _read_text(path: Path) -> str:
    try:
        return clean_text(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); allow it") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 ({error.reason}); convert it") from error
