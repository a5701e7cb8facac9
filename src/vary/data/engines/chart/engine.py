"""The `chart` engine: charts with the dict of their values, from text and fonts."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from vary.data.corpus import TextCorpus
from vary.data.engines.base import Reject
from vary.data.engines.chart.compose import KINDS, ChartChoices, ChartComposer, chart_shape
from vary.data.engines.chart.drawn import DrawnChart, Renderer
from vary.data.engines.chart.either import Library, build_renderer
from vary.data.engines.chart.matplotlib_renderer import can_use_collections
from vary.data.engines.chart.reading import squeeze
from vary.data.engines.chart.spec import ChartSpec, Kind
from vary.data.engines.chart.target import chart_dict_text, parse_chart_dict
from vary.data.engines.chart.texts import ChartTexts
from vary.data.engines.page.draw import encode_png
from vary.data.fonts import FontLibrary
from vary.data.schema import Sample
from vary.errors import InputError, VaryError

Language = Literal["en", "zh"]
Target = Literal["paper", "compact"]
# Faces that lack some of these are of no use for a chart in the language.
_PROBES = {"en": "AZaz09.,%-()&", "zh": "AZaz09.,%-的一是年月中文数学國"}
# Characters of a target: in all, per value, per named series, and more per value of such series.
# Least squares over 300 charts of each language.
LENGTHS: dict[tuple[str, str], tuple[float, float, float, float]] = {
    ("en", "paper"): (109.0, 24.8, 38.7, 3.6),
    ("en", "compact"): (67.0, 16.8, 20.7, 0.0),
    ("zh", "paper"): (94.0, 22.8, 35.4, 4.2),
    ("zh", "compact"): (52.0, 14.8, 17.4, 0.0),
}


@dataclass(frozen=True)
class ChartConfig:
    """What the chart engine makes, and from what.

    Attributes:
        text: a folder of ``*.txt`` files, one paragraph per line; names are cut from it.
        fonts: font folders; None: the system's.
        language: of the texts; en or zh.
        kinds: of charts.
        target: ``paper``: with the paper's first sentence, indented by 4; ``compact``: the dict
            alone, on one line.
        labelled: share of charts whose values are written beside the marks; in the others they
            can be read from the ticks. Pies are always labelled, crowded lines never.
        dpi: least and greatest resolution.
        library: what draws: matplotlib, echarts, or both, half of the charts each.
        node_modules: folder of ECharts' npm packages; None: where they are looked for by default.
        include_text, exclude_text: patterns of file names in `text`.
        include_fonts, exclude_fonts: patterns of families or file names.
        font_hashes: sha256 of the font files to take; none: all that fit the patterns.
    """

    text: Path
    fonts: tuple[Path, ...] | None = None
    language: str = "en"
    kinds: tuple[Kind, ...] = KINDS
    target: Target = "paper"
    labelled: float = 0.6
    dpi: tuple[int, int] = (72, 160)
    library: Library = "matplotlib"
    node_modules: Path | None = None
    include_text: tuple[str, ...] = ()
    exclude_text: tuple[str, ...] = ()
    include_fonts: tuple[str, ...] = ()
    exclude_fonts: tuple[str, ...] = ()
    font_hashes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no chart can be made of.

        Raises:
            VaryError: as told; allowed values are named.
        """
        _check_choice("language", [self.language], get_args(Language))
        _check_choice("kinds", self.kinds, KINDS)
        _check_choice("target", [self.target], get_args(Target))
        _check_choice("library", [self.library], get_args(Library))
        low, high = self.dpi
        if not 50 <= low <= high <= 400:
            raise VaryError(f"dpi {low}-{high}: give two numbers from 50 to 400, the lower first")
        if not 0 <= self.labelled <= 1:
            raise VaryError(f"labelled {self.labelled}: give a share from 0 to 1")


class ChartEngine:
    """Makes charts; pickles, so that workers can have it.

    Args:
        config: what to make.
        corpus: where names come from.
        fonts: the faces; those that lack the language's characters are left out.
        renderer: what draws.

    Raises:
        InputError: no face has the language's characters.
    """

    name = "chart"

    def __init__(
        self, config: ChartConfig, corpus: TextCorpus, fonts: FontLibrary, renderer: Renderer
    ) -> None:
        self.options = config
        self.corpus = corpus
        self.fonts = _able(fonts, config.language)
        self.renderer = renderer

    def config(self) -> dict[str, Any]:
        """Return the options, text and fonts by their hashes, and the renderer's versions."""
        places = {"text", "fonts", "font_hashes", "node_modules"}
        options = {name: v for name, v in asdict(self.options).items() if name not in places}
        digest = hashlib.sha256()
        for paragraph in self.corpus.paragraphs:
            digest.update(f"{paragraph.source}\0{paragraph.text}\n".encode())
        return {
            **options,
            "text": {"paragraphs": len(self.corpus.paragraphs), "sha256": digest.hexdigest()},
            "fonts": self.fonts.hashes(),
            "renderer": self.renderer.versions(),
        }

    def length_hint(self, index: int) -> int:
        """Return about how many characters a sample's target has: kind and size go by the index."""
        shape = chart_shape(index, self.options.kinds)
        base, row, nested, deeper = LENGTHS[self.options.language, self.options.target]
        values = shape.num_series * shape.num_points
        if shape.num_series == 1:
            return round(base + values * row)
        return round(base + values * (row + deeper) + shape.num_series * nested)

    def sample(self, index: int, rng: np.random.Generator) -> Sample:
        """Return a chart; its kind and size follow from the index, all else from the generator.

        Raises:
            Reject: it cannot be drawn so that it can be read, or does not show its target.
        """
        texts = ChartTexts(self.corpus, self.options.language, rng)
        spec = self.compose(index, rng, texts)
        drawn = self.renderer.draw(spec)
        text = self.target_of(spec, drawn)
        return Sample(
            id="",
            images=(encode_png(drawn.image, f"{self.name}-{index}.png"),),
            kind="chart",
            language=self.options.language,
            format="dict",
            text=text,
            words=drawn.words,
            source=texts.sources,
            meta=json.dumps(_describe(spec) | drawn.meta, sort_keys=True, ensure_ascii=False),
        )

    def compose(self, index: int, rng: np.random.Generator, texts: ChartTexts) -> ChartSpec:
        """Return what a sample shows, without drawing it.

        Raises:
            Reject: no phrase for a name, or no face with its characters.
        """
        choices = ChartChoices(self.options.language, self.options.labelled, self.options.dpi)
        shape = chart_shape(index, self.options.kinds)
        return ChartComposer(shape, texts, self.fonts, choices, rng=rng).compose()

    def target_of(self, spec: ChartSpec, drawn: DrawnChart) -> str:
        """Return the target of a drawn chart, after a look whether the picture shows just that.

        Raises:
            Reject: names or numbers differ.
        """
        paper = self.options.target == "paper"
        text = chart_dict_text(spec.chart_dict(), prefix=paper, indent=4 if paper else None)
        parsed = squeeze(parse_chart_dict(text))
        shown = squeeze(drawn.shown)
        if parsed != shown or not _same_order(parsed["data"], shown["data"]):
            raise Reject("target and picture differ", f"{parsed} and {shown}"[:400])
        return text


def build_chart_engine(config: ChartConfig) -> ChartEngine:
    """Return the engine of a configuration, with its text and fonts loaded.

    Raises:
        VaryError: there is no text or no font, or what draws is not installed.
    """
    renderer = build_renderer(config.library, config.node_modules)
    renderer.versions()  # tells what to install before anything is made
    corpus = TextCorpus.from_folder(config.text, config.include_text, config.exclude_text)
    fonts = FontLibrary.discover(
        config.fonts, config.include_fonts, config.exclude_fonts, config.font_hashes
    )
    if config.library != "echarts" and not can_use_collections():
        fonts = FontLibrary([face for face in fonts.faces if face.index == 0])
    return ChartEngine(config, corpus, fonts, renderer)


def _able(fonts: FontLibrary, language: str) -> FontLibrary:
    probe = _PROBES[language]
    able = [face for face in fonts.faces if not fonts.missing(face, probe)]
    if not able:
        raise InputError(
            f"none of {len(fonts.faces)} fonts has the characters of language {language} "
            f"({probe}); give others with --fonts or --include-fonts"
        )
    return FontLibrary(able)


def _same_order(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether names stand in the same order: dicts are equal in any."""
    if list(one) != list(other):
        return False
    return all(
        not isinstance(inner, dict) or _same_order(inner, other[name])
        for name, inner in one.items()
    )


def _describe(spec: ChartSpec) -> dict[str, Any]:
    face = spec.style.text.face
    return {
        "chart": spec.kind,
        "series": len(spec.series),
        "categories": len(spec.categories),
        "labels": spec.labels,
        "resolution": list(spec.resolution),
        "category_title": spec.category_title,
        "value_titles": [axis.title for axis in spec.axes],
        "font": f"{face.family} {face.style}",
        "font_px": round(spec.style.text.size_px, 2),
    }


def _check_choice(name: str, given: Sequence[Any], allowed: Sequence[Any]) -> None:
    wrong = [value for value in given if value not in allowed]
    if wrong or not given:
        shown = ", ".join(map(str, allowed))
        raise VaryError(f"{name} {', '.join(map(str, wrong)) or 'is empty'}: allowed are {shown}")
