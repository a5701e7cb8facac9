"""Which library draws a chart: matplotlib, ECharts, or by lot one of them."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

from vary.data.engines.chart.drawn import DrawnChart, Renderer
from vary.data.engines.chart.echarts_renderer import EchartsRenderer
from vary.data.engines.chart.matplotlib_renderer import MatplotlibRenderer
from vary.data.engines.chart.spec import ChartSpec

Library = Literal["matplotlib", "echarts", "both"]


def build_renderer(library: Library, node_modules: Path | None = None) -> Renderer:
    """Return what draws.

    Args:
        library: one of them, or both.
        node_modules: folder of ECharts' npm packages; None: where they are looked for by default.
    """
    renderers: dict[str, Renderer] = {}
    if library in {"matplotlib", "both"}:
        renderers["matplotlib"] = MatplotlibRenderer()
    if library in {"echarts", "both"}:
        renderers["echarts"] = EchartsRenderer(node_modules)
    return AnyRenderer(renderers)


class AnyRenderer:
    """Draws by one of several libraries; the same chart always by the same one.

    Args:
        renderers: at least one, by name.
    """

    def __init__(self, renderers: dict[str, Renderer]) -> None:
        self.renderers = renderers

    def draw(self, spec: ChartSpec) -> DrawnChart:
        """Return the chart as a picture; `meta` says what drew it.

        Raises:
            Reject: it cannot be drawn so that all of it can be read.
        """
        name = self.library_of(spec)
        drawn = self.renderers[name].draw(spec)
        return replace(drawn, meta=drawn.meta | {"renderer": name})

    def library_of(self, spec: ChartSpec) -> str:
        """Return which of them draws a chart: it hangs on what is shown and how large it is."""
        told = json.dumps([spec.chart_dict(), spec.style.width_px, spec.style.height_px])
        number = int.from_bytes(hashlib.sha256(told.encode()).digest()[:8], "big")
        return tuple(self.renderers)[number % len(self.renderers)]

    def versions(self) -> dict[str, str]:
        """Return the versions of all that decides the pixels."""
        return {
            name: version
            for renderer in self.renderers.values()
            for name, version in renderer.versions().items()
        }
