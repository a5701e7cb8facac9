"""What a renderer gives back: a picture, what it shows by its own account, and its texts."""

from dataclasses import dataclass
from typing import Any, Protocol

from PIL import Image

from vary.data.engines.chart.spec import ChartSpec
from vary.data.schema import Word


@dataclass(frozen=True)
class DrawnChart:
    """A chart as a picture.

    Attributes:
        image: ``RGB``.
        shown: title and data as read back from what was drawn, in the form of the target.
        words: every text that was drawn, with its ink's box.
        meta: what only the renderer knows, JSON values.
    """

    image: Image.Image
    shown: dict[str, Any]
    words: tuple[Word, ...]
    meta: dict[str, Any]


class Renderer(Protocol):
    """Draws specifications; the same one gives the same pixels."""

    def draw(self, spec: ChartSpec) -> DrawnChart:
        """Return the chart as a picture.

        Raises:
            Reject: it cannot be drawn so that all of it can be read.
        """
        ...

    def versions(self) -> dict[str, str]:
        """Return the versions of all that decides its pixels."""
        ...
