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
from vary.data.engines.chart.layouts import roomier_layouts
from vary.data.engines.chart.sheet import Crowded
from vary.data.engines.chart.spec import ChartSpec
from vary.extras import require


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
        whole = Image.frombuffer("RGBA", (width, height), pixels, "raw", "RGBA", 0, 1)
        image = whole.convert("RGB")
        # The same pixels without a copy: asking Pillow for them costs as much as converting.
        drawn = np.frombuffer(pixels, np.uint8).reshape(height, width, 4)[..., :3]
        words = ink_words(report.boxes(), drawn)
        meta: dict[str, Any] = {"layout": layout, "width_px": width, "height_px": height}
        return DrawnChart(image, shown, words, meta)


def _layouts(spec: ChartSpec) -> Iterator[ChartSpec]:
    """Yield a chart as it was drawn by lot, then with more and more room."""
    yield spec
    for roomier in roomier_layouts(spec):
        style = roomier.style
        if not spec.stacked:
            style = replace(style, text=replace(style.text, label_place="end"))
        yield replace(roomier, style=style)
