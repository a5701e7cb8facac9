"""A chart as the paper's python-dict, and back."""

import ast
import json
from collections.abc import Mapping
from typing import Any

from vary.errors import InputError

PREFIX = "The dict of the chart is: "
INDENT = 4


def chart_dict_text(
    chart: Mapping[str, Any], *, prefix: bool = True, indent: int | None = INDENT
) -> str:
    """Return a chart's dict as text; it is valid Python and valid JSON.

    Args:
        chart: ``title`` and ``data``; data is category -> value, or series -> category -> value;
            values are texts, as they are shown.
        prefix: begin with the paper's sentence.
        indent: spaces per level; None: all on one line.

    Source: the figures of the Vary paper.
    """
    text = json.dumps(chart, ensure_ascii=False, indent=indent)
    return PREFIX + text if prefix else text


def parse_chart_dict(text: str) -> dict[str, Any]:
    """Return the dict that `chart_dict_text` wrote, with or without the prefix.

    Nothing is mended and nothing is run: this is for targets, not for a model's answers.

    Raises:
        InputError: no such dict, a name twice on one level, or a value that is no text.
    """
    try:
        tree = ast.parse(text.removeprefix(PREFIX).strip(), mode="eval")
        _check_keys(tree)
        chart = ast.literal_eval(tree)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError) as error:
        raise InputError(f"no dict of a chart ({error}): {text[:80]!r}") from error
    if not isinstance(chart, dict) or list(chart) != ["title", "data"]:
        raise InputError(f"no dict with title and data: {text[:80]!r}")
    if not isinstance(chart["title"], str) or not _is_data(chart["data"]):
        raise InputError(
            "a chart's title and values are texts, its data category -> value or "
            f"series -> category -> value: {text[:80]!r}"
        )
    return chart


def _check_keys(tree: ast.AST) -> None:
    """Refuse names that stand twice on one level, where a dict would keep the last alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            names = [key.value for key in node.keys if isinstance(key, ast.Constant)]
            if len(set(names)) < len(names):
                raise InputError(f"a name stands twice among {names[:8]}")


def _is_data(data: Any) -> bool:
    if not isinstance(data, dict) or not data:
        return False
    if all(isinstance(inner, dict) for inner in data.values()):
        return all(inner and _is_flat(inner) for inner in data.values())
    return _is_flat(data)


def _is_flat(data: dict[Any, Any]) -> bool:
    return all(isinstance(text, str) for item in data.items() for text in item)
