"""Pictures of what a set holds: a histogram for each number, bars for each property."""

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vary.data.distributions import Distribution, SetStats
from vary.data.making import cannot_write
from vary.extras import require
from vary.markup import Html, document, join, plain, tag

_MOST_BARS = 20
_LABEL_CHARS = 48
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
figure { display: inline-block; margin: 0 1rem 1rem 0; vertical-align: top; }
img { width: 34rem; max-width: 100%; background: #fff; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .15rem 1rem .15rem 0; }
"""


def write_plots(stats: SetStats, folder: Path) -> Path:
    """Write a PNG for each distribution and property, and a page that shows all; return its path.

    Raises:
        MissingExtraError: matplotlib is not installed.
        VaryError: the folder cannot be written.
    """
    pictures = {name: _png(figure) for name, figure in _figures(stats)}
    page = folder / "index.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, picture in pictures.items():
            (folder / f"{_file_name(name)}.png").write_bytes(picture)
        page.write_text(_page(stats, pictures), encoding="utf-8", newline="\n")
    except OSError as error:
        raise cannot_write(folder, error) from error
    return page


def _figures(stats: SetStats) -> Iterator[tuple[str, Any]]:
    if stats.rejects:
        yield "reasons of drops", _bars(stats.rejects, "indices", len(stats.rejects))
    for name, spread in stats.distributions.items():
        if spread.bins:
            yield name, _histogram(name, spread)
    for name, counts in stats.counts.items():
        if stats.distinct[name] > 1:
            yield f"{name} of samples", _bars(counts, "samples", stats.distinct[name])


def _histogram(name: str, spread: Distribution) -> Any:
    figure, axes = _axes(3.2)
    axes.stairs(spread.bins, spread.edges, fill=True)
    axes.axvline(spread.median, color="black", linewidth=1)
    axes.set_xlabel(f"{_label(name)}; line: median {spread.median:,.4g}")
    axes.set_ylabel("values")
    return figure


def _bars(counts: dict[str, int], what: str, distinct: int) -> Any:
    shown = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_BARS]
    figure, axes = _axes(0.9 + 0.25 * len(shown))
    axes.barh(range(len(shown)), [number for _, number in shown])
    axes.set_yticks(range(len(shown)), [_label(value) or "(empty)" for value, _ in shown])
    axes.invert_yaxis()
    more = f"; {distinct - len(shown)} values more" if distinct > len(shown) else ""
    axes.set_xlabel(what + more)
    return figure


def _axes(height_in: float) -> tuple[Any, Any]:
    require("matplotlib", extra="data")
    from matplotlib.figure import Figure  # noqa: PLC0415 - optional

    figure = Figure(figsize=(6, height_in), layout="constrained")
    return figure, figure.subplots()


def _label(value: str) -> str:
    """Return a text that matplotlib takes as it is: no formula, no control characters, short."""
    short = value if len(value) <= _LABEL_CHARS else value[: _LABEL_CHARS - 1] + "…"
    return plain(" ".join(short.split())).replace("$", r"\$")


def _png(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return file.getvalue()


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.]+", "-", name).strip("-")[:80]


def _page(stats: SetStats, pictures: dict[str, bytes]) -> str:
    facts = [("samples", stats.samples), ("images", stats.images), ("characters", stats.characters)]
    rows = [
        tag("tr", tag("th", reason), tag("td", f"{number:,}"))
        for reason, number in stats.rejects.items()
    ]
    figures = [_figure(name, picture) for name, picture in pictures.items()]
    body = tag(
        "body",
        tag("h1", f"{stats.engine}, seed {stats.seed}"),
        tag("p", ", ".join(f"{number:,} {name}" for name, number in facts)),
        tag("h2", "Dropped") if rows else None,
        tag("table", *rows) if rows else None,
        *figures,
    )
    return document(f"{stats.engine}: what the set holds", _STYLE, body)


def _figure(name: str, picture: bytes) -> Html:
    encoded = base64.b64encode(picture).decode("ascii")
    image = tag("img", src=f"data:image/png;base64,{encoded}", alt=name)
    return join([tag("figure", tag("h3", name), image)])
