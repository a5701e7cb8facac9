"""The `association` engine: charts of stories, each with the dict of its values."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from vary.data.engines.association.compose import compose_story
from vary.data.engines.association.story import Story, read_stories
from vary.data.engines.base import Reject
from vary.data.engines.chart.drawn import Renderer
from vary.data.engines.chart.either import Library, build_renderer
from vary.data.engines.chart.matplotlib_renderer import can_use_collections
from vary.data.engines.chart.reading import squeeze
from vary.data.engines.chart.spec import ChartSpec
from vary.data.engines.chart.target import chart_dict_text, parse_chart_dict
from vary.data.engines.page.draw import encode_png
from vary.data.fonts import FontLibrary
from vary.data.schema import Sample
from vary.errors import VaryError

Target = Literal["paper", "compact"]


@dataclass(frozen=True)
class AssociationConfig:
    """What the association engine makes, and from what.

    Attributes:
        stories: a file of stories, as ``vary data stories`` writes it.
        fonts: font folders; None: the system's.
        language: of the stories.
        library: matplotlib, echarts, or both (half of the charts each).
        target: ``paper``: with the paper's first sentence, indented by 4; ``compact``: the dict
            alone, on one line.
        dpi: least and greatest resolution.
        node_modules: folder of ECharts' npm packages; None: where they are looked for by default.
        include_fonts, exclude_fonts: patterns of families or file names.
        font_hashes: sha256 of the font files to take; none: all that fit the patterns.
    """

    stories: Path
    fonts: tuple[Path, ...] | None = None
    language: str = "en"
    library: Library = "both"
    target: Target = "paper"
    dpi: tuple[int, int] = (72, 160)
    node_modules: Path | None = None
    include_fonts: tuple[str, ...] = ()
    exclude_fonts: tuple[str, ...] = ()
    font_hashes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no chart can be made of.

        Raises:
            VaryError: as told; allowed values are named.
        """
        for name, allowed in (("library", get_args(Library)), ("target", get_args(Target))):
            if getattr(self, name) not in allowed:
                raise VaryError(
                    f"{name} {getattr(self, name)}: allowed are {', '.join(map(str, allowed))}"
                )
        low, high = self.dpi
        if not 50 <= low <= high <= 400:
            raise VaryError(f"dpi {low}-{high}: give two numbers from 50 to 400, the lower first")


class AssociationEngine:
    """Makes charts of stories; pickles, so that workers can have it.

    Args:
        config: what to make.
        stories: at least one; the story of an index is that at its rest, in another look.
        fonts: the faces.
        renderer: what draws.
    """

    name = "association"

    def __init__(
        self,
        config: AssociationConfig,
        stories: tuple[Story, ...],
        fonts: FontLibrary,
        renderer: Renderer,
    ) -> None:
        self.options = config
        self.stories = stories
        self.fonts = fonts
        self.renderer = renderer

    def __len__(self) -> int:
        """Return how many stories there are."""
        return len(self.stories)

    def config(self) -> dict[str, Any]:
        """Return the options, stories and fonts by their hashes, and the renderers' versions."""
        places = {"stories", "fonts", "font_hashes", "node_modules"}
        options = {name: v for name, v in asdict(self.options).items() if name not in places}
        told = json.dumps([asdict(story) for story in self.stories], ensure_ascii=False)
        return {
            **options,
            "stories": {
                "count": len(self.stories),
                "sha256": hashlib.sha256(told.encode()).hexdigest(),
            },
            "fonts": self.fonts.hashes(),
            "renderer": self.renderer.versions(),
        }

    def length_hint(self, index: int) -> int:
        """Return about how many characters a sample's target has."""
        story = self.stories[index % len(self.stories)]
        names = sum(map(len, story.categories)) + 14 * len(story.categories)
        return len(story.title) + 60 + len(story.series) * (names + 16)

    def sample(self, index: int, rng: np.random.Generator) -> Sample:
        """Return a chart of the index' story, its look drawn at random.

        Raises:
            Reject: it cannot be drawn so that it can be read, or does not show its target.
        """
        story = self.stories[index % len(self.stories)]
        spec = compose_story(story, rng, self.fonts, self.options.language, self.options.dpi)
        drawn = self.renderer.draw(spec)
        return Sample(
            id="",
            images=(encode_png(drawn.image, f"{self.name}-{index}.png"),),
            kind="chart",
            language=self.options.language,
            format="dict",
            text=self._target(spec, drawn.shown),
            words=drawn.words,
            source=story.source,
            meta=json.dumps(
                {
                    **drawn.meta,
                    "chart": spec.kind,
                    "story": index % len(self.stories),
                    "category_title": spec.category_title,
                    "value_titles": [axis.title for axis in spec.axes],
                    "font": f"{spec.style.text.face.family} {spec.style.text.face.style}",
                },
                sort_keys=True,
                ensure_ascii=False,
            ),
        )

    def _target(self, spec: ChartSpec, drawn: dict[str, Any]) -> str:
        """Return the target, after a look whether the picture shows just that, in that order.

        Raises:
            Reject: names or numbers differ.
        """
        paper = self.options.target == "paper"
        text = chart_dict_text(spec.chart_dict(), prefix=paper, indent=4 if paper else None)
        parsed, shown = squeeze(parse_chart_dict(text)), squeeze(drawn)
        if json.dumps(parsed) != json.dumps(shown):  # texts: dicts are equal in any order
            raise Reject("target and picture differ", f"{parsed} and {shown}"[:400])
        return text


def build_association_engine(config: AssociationConfig) -> AssociationEngine:
    """Return the engine of a configuration, with its stories and fonts loaded.

    Raises:
        VaryError: there is no story or no font, or a library is not installed.
    """
    stories = read_stories(config.stories)
    renderer = build_renderer(config.library, config.node_modules)
    renderer.versions()  # tells what to install before anything is made
    fonts = FontLibrary.discover(
        config.fonts, config.include_fonts, config.exclude_fonts, config.font_hashes
    )
    if config.library != "echarts" and not can_use_collections():
        fonts = FontLibrary([face for face in fonts.faces if face.index == 0])
    return AssociationEngine(config, stories, fonts, renderer)
