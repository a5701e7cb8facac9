"""Charts by ECharts: options by pyecharts, drawn without a window by a Node process."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vary.data.engines.chart.boxes import ink_words
from vary.data.engines.chart.drawn import DrawnChart
from vary.data.engines.chart.echarts_look import EchartsLook, draw_look
from vary.data.engines.chart.echarts_options import chart_request
from vary.data.engines.chart.echarts_process import TIMEOUT_S, NodeWorker, default_modules
from vary.data.engines.chart.echarts_reading import EchartsReport
from vary.data.engines.chart.sheet import Crowded
from vary.data.engines.chart.spec import ChartSpec
from vary.extras import require

# Sides of a picture over the em size: seen at 1024 px, its letters are still 9 px large.
LARGEST_EM = 112.0


class EchartsRenderer:
    """Draws charts by ECharts; where something does not fit, it tries roomier layouts.

    Args:
        modules: folder that holds the npm packages; None: where they are looked for by default.
        timeout_s: how long one chart may take.
    """

    name = "echarts"

    def __init__(self, modules: Path | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self.worker = NodeWorker(modules or default_modules(), timeout_s)

    def draw(self, spec: ChartSpec) -> DrawnChart:
        """Return the chart as a picture, in the first layout in which nothing overlaps.

        Raises:
            Reject: there is none, what was drawn cannot be read, or the worker failed.
        """
        look = draw_look(spec)
        crowded: Crowded | None = None
        for layout, roomier in enumerate(_layouts(spec)):
            try:
                return self._draw(roomier, look, layout)
            except Crowded as error:
                crowded = error
        assert crowded is not None
        raise crowded

    def versions(self) -> dict[str, str]:
        """Return the versions of pyecharts, Node, ECharts and its canvas.

        Raises:
            MissingExtraError: pyecharts is not installed.
            VaryError: Node or the npm packages are not.
        """
        python = {"pyecharts": str(require("pyecharts", extra="data").__version__)}
        return python | self.worker.versions()

    def _draw(self, spec: ChartSpec, look: EchartsLook, layout: int) -> DrawnChart:
        answer, pixels = self.worker.ask(chart_request(spec, look))
        report = EchartsReport(spec, look, answer)
        report.check_places()
        shown = report.read()
        height, width = spec.style.height_px, spec.style.width_px
        image = Image.frombuffer("RGBA", (width, height), pixels, "raw", "RGBA", 0, 1).convert(
            "RGB"
        )
        words = ink_words(report.boxes(), np.asarray(image))
        meta: dict[str, Any] = {"layout": layout, "width_px": width, "height_px": height}
        return DrawnChart(image, shown, words, meta)


def _layouts(spec: ChartSpec) -> Iterator[ChartSpec]:
    """Yield a chart as it was drawn by lot, then with more and more room."""
    text_px = spec.style.text.size_px
    yield spec
    turned = spec.style.text.category_rotation or 30
    for factor, rotation in ((1.2, turned), (1.45, 45), (1.75, 90)):
        roomier = _roomier(spec, factor, rotation)
        if max(roomier.style.width_px, roomier.style.height_px) <= LARGEST_EM * text_px:
            yield roomier


def _roomier(spec: ChartSpec, factor: float, rotation: int) -> ChartSpec:
    style = spec.style
    marks, text = style.marks, style.text
    if spec.round and factor > 1.4:
        marks = replace(marks, pie_names="legend", pie_values="inside", pie_apart=0.0)
    if not spec.stacked:
        text = replace(text, label_place="end")
    rotated = rotation if not spec.horizontal and not spec.round else 0
    return replace(
        spec,
        style=replace(
            style,
            width_px=round(style.width_px * factor),
            height_px=round(style.height_px * factor),
            text=replace(text, category_rotation=rotated),
            marks=marks,
        ),
    )
