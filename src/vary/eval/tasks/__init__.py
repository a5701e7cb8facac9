"""The tasks of evaluation, one file each."""

from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from typing import Any

from vary.errors import VaryError
from vary.eval.tasks.base import Task

# name -> module:class
TASKS = {
    "ocr": "vary.eval.tasks.ocr:OcrTask",
    "markdown": "vary.eval.tasks.markdown:MarkdownTask",
    "chart": "vary.eval.tasks.chart:ChartTask",
    "docvqa": "vary.eval.tasks.docvqa:DocVqaTask",
    "chartqa": "vary.eval.tasks.chartqa:ChartQaTask",
    "mmvet": "vary.eval.tasks.mmvet:MmVetTask",
}


def build_task(name: str, options: Mapping[str, Any]) -> Task:
    """Return a task by its name.

    Args:
        name: a key of `TASKS`.
        options: those that were given.

    Raises:
        VaryError: no such task, or an option that it has not.
    """
    if name not in TASKS:
        raise VaryError(f"--task {name!r} is not known; choose among {', '.join(TASKS)}")
    module, _, attribute = TASKS[name].partition(":")
    kind = getattr(import_module(module), attribute)
    known = {field.name for field in fields(kind)}
    unknown = [f"--{key.replace('_', '-')}" for key in options if key not in known]
    if unknown:
        raise VaryError(f"task {name} has no {', '.join(unknown)}; leave it out")
    return kind(**options)
