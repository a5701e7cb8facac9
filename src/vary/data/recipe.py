"""Data recipes: a set as one YAML file, strict, so that one command makes it anywhere."""

import dataclasses
import importlib
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from vary.data.degrade.engine import build_degraded
from vary.data.degrade.presets import DegradeConfig
from vary.data.engines.base import Engine
from vary.data.importers import IMPORTERS
from vary.data.shards import Run
from vary.errors import VaryError
from vary.strict import apply_overrides, build_value, check_keys, read_fields

# Engine -> module, configuration and builder in it. They are imported when a recipe asks for
# them: some need libraries that others do not.
ENGINES: dict[str, tuple[str, str, str]] = {
    "association": (
        "vary.data.engines.association.engine",
        "AssociationConfig",
        "build_association_engine",
    ),
    "blank": ("vary.data.engines.blank.engine", "BlankConfig", "build_blank_engine"),
    "chart": ("vary.data.engines.chart.engine", "ChartConfig", "build_chart_engine"),
    "latex": ("vary.data.engines.latex.engine", "LatexConfig", "build_latex_engine"),
    "natural": ("vary.data.engines.natural", "NaturalConfig", "build_natural_engine"),
    "page": ("vary.data.engines.page.engine", "PageConfig", "build_page_engine"),
    "pdf": ("vary.data.engines.pdf.engine", "PdfConfig", "build_pdf_engine"),
    **IMPORTERS,
}
# Engines over a list that has an end: an index past it gives nothing.
ENDING = frozenset({*IMPORTERS, "natural"})
# Libraries beyond Pillow and numpy that draw an engine's pictures: their versions move pixels.
DRAWN_WITH: dict[str, tuple[str, ...]] = {"chart": ("matplotlib",)}
# A shard of documents is a file of some tens of megabytes, and a stopped run loses little.
SHARD_SIZE = 128
# What an override may change in a frozen set without making another set of it.
SAME_SET = frozenset({"shard_size", "options.fonts"})


@dataclass(frozen=True)
class Origin:
    """Where a part of a set's material comes from.

    Args:
        what: the material: a book, a document, a font family.
        origin: where it is to be had, as exactly as can be.
        licence: its rights.
    """

    what: str
    origin: str
    licence: str


@dataclass(frozen=True)
class FontFile:
    """A font file that a frozen set is drawn with.

    Args:
        sha256: of the file.
        package: Debian package that brings it; empty if none does.
    """

    sha256: str
    package: str = ""


@dataclass(frozen=True)
class SetHashes:
    """What samples are known by, whatever the files that hold them.

    Args:
        samples: how many.
        text_sha256: over ids, targets and messages.
        pixels_sha256: over ids and decoded pictures; empty where nobody looked at them.
    """

    samples: int
    text_sha256: str
    pixels_sha256: str


@dataclass(frozen=True)
class Frozen:
    """What a published set is known by.

    Args:
        whole: hashes of the set.
        first: hashes of its first samples, for a quick look whether they come out alike.
        versions: libraries under which it was made; others may move pixels.
        fonts: file name -> font; no others are used.
    """

    whole: SetHashes
    first: SetHashes
    versions: dict[str, str]
    fonts: dict[str, FontFile] = field(default_factory=dict)


@dataclass(frozen=True)
class SetRecipe:
    """A set of samples.

    Args:
        name: of the set.
        engine: a key of `ENGINES`.
        count: indices to try.
        seed: same seed, same bytes.
        shard_size: indices per shard.
        options: fields of the engine's configuration; paths are relative to the recipe's file.
        degrade: what is done to the engine's images; None: nothing.
        about: a sentence or two for the set's card.
        sources: where its material comes from, for the card.
        frozen: what the set is checked against; None: nothing.
    """

    name: str
    engine: str
    count: int
    seed: int
    shard_size: int = SHARD_SIZE
    options: dict[str, Any] = field(default_factory=dict)
    degrade: DegradeConfig | None = None
    about: str = ""
    sources: tuple[Origin, ...] = ()
    frozen: Frozen | None = None

    def __post_init__(self) -> None:
        """Refuse engines that there are not.

        Raises:
            VaryError: as told; the nearest is named.
        """
        check_keys([self.engine], ENGINES, "the list of engines")

    @property
    def config(self) -> Any:
        """The engine's configuration, built from the options; a frozen set names its fonts.

        Raises:
            VaryError: an option that the engine does not have, or a value that it refuses.
        """
        config = build_value(_engine_parts(self.engine)[0], self.options, "options")
        if self.frozen is not None and hasattr(config, "font_hashes"):
            hashes = tuple(font.sha256 for font in self.frozen.fonts.values())
            config = dataclasses.replace(config, font_hashes=hashes)
        return config

    def engine_builder(self) -> Callable[[], Engine]:
        """Return what makes the engine, picklable, so that worker processes can call it.

        Raises:
            VaryError: as `config`.
        """
        builder: Callable[[Any], Engine] = _engine_parts(self.engine)[1]
        build = partial(builder, self.config)
        return build if self.degrade is None else partial(build_degraded, build, self.degrade)

    def check_count(self) -> int | None:
        """Return how many entries the source has, None where an engine makes as many as asked for.

        Raises:
            VaryError: more are asked for than there are.
            InputError: the source cannot be read.
        """
        if self.engine not in ENDING:
            return None
        length = len(_engine_parts(self.engine)[1](self.config))  # type: ignore[arg-type]
        if self.count > length:
            raise VaryError(
                f"{self.name}: count is {self.count}, the source has {length} entries; bring what "
                f"is missing, or give count={length} for all that is there"
            )
        return length

    def run(self, folder: Path, workers: int = 1) -> Run:
        """Return what `vary.data.shards.generate` shall make.

        Raises:
            VaryError: a number below its bound.
        """
        return Run(folder, self.count, self.seed, self.shard_size, workers)


def load_set_recipe(path: Path, overrides: Sequence[str] = ()) -> SetRecipe:
    """Return a data recipe from its YAML file.

    Args:
        path: the file.
        overrides: `key=value` with dots between keys, values in YAML. Paths among them are
            relative to where the command is given, not to the file. One that makes another set of
            a frozen one takes `frozen` away.

    Raises:
        InputError: no such file, or no YAML.
        VaryError: a key that no recipe has (the nearest is named), or a value of another type.
    """
    fields = read_fields(path)
    options, engine = fields.get("options"), fields.get("engine")
    if isinstance(options, dict) and engine in ENGINES:
        fields["options"] = _anchored(options, _engine_parts(engine)[0], path.parent)
    apply_overrides(fields, overrides)
    if any(override.partition("=")[0] not in SAME_SET for override in overrides):
        fields.pop("frozen", None)
    recipe: SetRecipe = build_value(SetRecipe, fields, "recipe")
    return recipe


def _engine_parts(engine: str) -> tuple[type[Any], Callable[[Any], Engine]]:
    """Return an engine's class of configurations and its builder."""
    module_name, config, builder = ENGINES[engine]
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not module_name.startswith(error.name):
            raise
        raise VaryError(f"engine {engine} is not in this version of the package") from error
    return getattr(module, config), getattr(module, builder)


def _anchored(options: dict[str, Any], kind: type[Any], folder: Path) -> dict[str, Any]:
    """Return options whose relative paths begin at a folder.

    Args:
        options: as YAML gives them; what is wrong with them is told later.
        kind: the dataclass that they are fields of.
        folder: that of the recipe.
    """
    hints = typing.get_type_hints(kind)
    anchored = dict(options)
    for key, value in options.items():
        hint = hints.get(key)
        if isinstance(value, dict) and dataclasses.is_dataclass(hint):
            anchored[key] = _anchored(value, typing.cast("type[Any]", hint), folder)
        elif isinstance(value, str) and _holds_paths(hint):
            anchored[key] = str(folder / Path(value).expanduser())
        elif isinstance(value, list) and _holds_paths(hint):
            anchored[key] = [
                str(folder / Path(part).expanduser()) if isinstance(part, str) else part
                for part in value
            ]
    return anchored


def _holds_paths(hint: Any) -> bool:
    return hint is Path or any(_holds_paths(part) for part in typing.get_args(hint))
