"""Charts of the engine, drawn with the fonts that matplotlib brings, and a reader that knows."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vary.data.engines.base import Reject, make_sample
from vary.data.engines.chart.engine import ChartConfig, build_chart_engine
from vary.data.engines.chart.target import parse_chart_dict
from vary.read.charts.seen import SeenChart
from vary.read.charts.texts import Reading

matplotlib = pytest.importorskip("matplotlib")

TEXT = (
    "The harbour lies open to the north and the ships wait there for the tide to turn.",
    "A winter market sells bread and apples beside the river while children skate.",
    "Every engine needs water, and every town along the railway keeps a tower for it.",
    "The old surveyor measured fields with a chain and wrote the numbers in a book.",
    "Light travels slowly through glass, which is why a lens can gather it in a point.",
)


@dataclass(frozen=True)
class DrawnSample:
    """A chart with its dict and the words that stand on it: text, x0, y0, x1, y1."""

    image: Image.Image
    truth: dict[str, Any]
    words: tuple[tuple[str, float, float, float, float], ...]
    meta: dict[str, Any]

    def readings(self, seen: SeenChart) -> list[Reading]:
        """Return what stands on each piece that was found, without fault."""
        return [Reading(self._text(piece.box, piece.angle_deg), 1.0) for piece in seen.pieces]

    def _text(self, box: tuple[int, int, int, int], angle_deg: float) -> str:
        inside = [
            word
            for word in self.words
            if box[0] - 2 <= (word[1] + word[3]) / 2 <= box[2] + 2
            and box[1] - 2 <= (word[2] + word[4]) / 2 <= box[3] + 2
        ]
        order = sorted(inside, key=lambda word: -word[4] if angle_deg == 90 else word[1])
        return " ".join(word[0] for word in order)


@pytest.fixture(scope="session")
def charts(tmp_path_factory: pytest.TempPathFactory) -> list[DrawnSample]:
    """Bars, lines and pies with their values written, some with a legend."""
    folder = tmp_path_factory.mktemp("text")
    (folder / "one.txt").write_text("\n".join(TEXT * 12), encoding="utf-8")
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    engine = build_chart_engine(
        ChartConfig(
            folder,
            (fonts,),
            kinds=("bar", "bar-horizontal", "line", "pie", "donut"),
            labelled=1.0,
            dpi=(80, 100),
            include_fonts=("DejaVu Sans",),
        )
    )
    return [sample for index in range(20) if (sample := _sample(engine, index)) is not None]


def _sample(engine: Any, index: int) -> DrawnSample | None:
    try:
        sample = make_sample(engine, 7, index)
    except Reject:
        return None
    words = tuple((word.text, word.x0, word.y0, word.x1, word.y1) for word in sample.words)
    image = Image.open(io.BytesIO(sample.images[0].bytes)).convert("RGB")
    return DrawnSample(image, parse_chart_dict(sample.text), words, json.loads(sample.meta))
