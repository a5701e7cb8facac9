"""Where samples of training come from: engines that draw them, and sets on disk."""

import dataclasses
import io
import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from vary.data.caches import WithCaches
from vary.data.engines.base import Reject, sample_id, sample_rng
from vary.data.engines.page.alphabets import find_alphabet
from vary.data.engines.page.engine import PageConfig, PageEngine
from vary.data.engines.page.line import LineRenderer
from vary.data.engines.page.line_text import fold_text
from vary.data.engines.page.lines_of import line_texts, paragraphs_in
from vary.data.questions import question_for, questions_of
from vary.data.shard_rows import ShardRows
from vary.data.text_lines import TextLine, text_lines
from vary.errors import VaryError
from vary.strict import build_value, check_keys
from vary.train.conversations import Turns, ask, turns_of
from vary.train.recipe import DataRecipe, Recipe, SourceRecipe, StageRecipe
from vary.train.splits import FontSplit, TextSplit, split_fonts, split_text

Picture = Image.Image | np.ndarray
_LINE_TRIES = 1000
_HINT_BLOCK = 1024
_HELD_OUT_SHARE = 0.02
# Fields of `PageConfig` that the recipe has a place of its own for.
_NO_OPTIONS = {
    "text", "fonts", "kind", "language",
    "include_text", "exclude_text", "include_fonts", "exclude_fonts",
}  # fmt: skip


@dataclass(frozen=True)
class Example:
    """Pictures and what stands on them.

    Args:
        id: makes the example again, alone.
        pictures: (H, W) or (H, W, 3) uint8, or images; one, unless it is a conversation.
        text: the answer.
        lines: the lines of the text with their boxes, where they are known and the picture is not
            a strip of one.
        turns: the conversation, for models that are asked in words; the last one is the answer.
    """

    id: str
    pictures: tuple[Picture, ...]
    text: str
    lines: tuple[TextLine, ...] = ()
    turns: Turns = ()

    @property
    def picture(self) -> Picture:
        """The only picture."""
        (picture,) = self.pictures
        return picture


class Source(Protocol):
    """Examples by index.

    Attributes:
        name: the recipe's.
        num_examples: how many there are; None where any index gives another one.
    """

    name: str
    num_examples: int | None

    def length_hint(self, index: int) -> int:
        """Return about how much an example costs, in the source's unit, without making it."""
        ...

    def example(self, index: int) -> Example:
        """Return the example of an index, a function of the index alone.

        Raises:
            Reject: this index gives none.
        """
        ...


class LineSource(WithCaches):
    """Strips of one line; the hint is the strip's width in pixels.

    Args:
        name: the recipe's.
        renderer: draws the lines.
        widths_px: one of them is drawn for each index, narrow ones more often, so that each width
            has the same share of all pixels.
        seed: of the run.
        stage: part of the seed, so that stages see other lines.
        language: of the text.
    """

    num_examples: int | None = None

    def __init__(
        self,
        name: str,
        renderer: LineRenderer,
        widths_px: Sequence[int],
        seed: int,
        stage: str,
        *,
        language: str = "",
    ) -> None:
        self.name = name
        self.language = language
        self.renderer = renderer
        self.widths_px = tuple(widths_px)
        self.seed = seed
        self.stream = f"{name}/{stage}"
        self._begin_caches()

    def _begin_caches(self) -> None:
        self._widths = lru_cache(maxsize=16)(self._draw_widths)

    def length_hint(self, index: int) -> int:
        """Return the strip's width in pixels."""
        return self.widths_px[self._widths(index // _HINT_BLOCK)[index % _HINT_BLOCK]]

    def _draw_widths(self, block: int) -> list[int]:
        rng = sample_rng(self.seed, f"widths/{self.stream}", block)
        shares = 1 / np.array(self.widths_px)
        drawn = rng.choice(len(self.widths_px), size=_HINT_BLOCK, p=shares / shares.sum())
        return list(map(int, drawn))

    def example(self, index: int) -> Example:
        """Return a line, padded with white to the width of its hint.

        Raises:
            Reject: no line could be drawn, however often it was tried.
        """
        width = self.length_hint(index)
        rng = sample_rng(self.seed, self.stream, index)
        line = self.renderer.draw_whole(rng, width, _LINE_TRIES)
        padded = np.full((line.strip.shape[0], width), 255, np.uint8)
        padded[:, : line.strip.shape[1]] = line.strip
        name = f"{self.stream}/{self.seed}/{index}"
        return Example(
            name, (padded,), line.text, turns=_reading_turns(name, line.text, self.language)
        )


class EngineSource:
    """Samples of an engine, drawn as they are asked for.

    Args:
        name: the recipe's.
        engine: makes them.
        seed: of the run and the stage.
        language: of the text.
    """

    num_examples: int | None = None

    def __init__(self, name: str, engine: PageEngine, seed: int, language: str = "") -> None:
        self.name = name
        self.engine = engine
        self.language = language
        self.seed = seed

    def length_hint(self, index: int) -> int:
        """Return about how many characters the sample has."""
        return self.engine.length_hint(index)

    def example(self, index: int) -> Example:
        """Return what the engine draws for an index, not encoded.

        Raises:
            Reject: the engine gives none.
        """
        drawn = self.engine.draw(index, sample_rng(self.seed, self.engine.name, index))
        name = sample_id(self.engine.name, self.seed, index)
        lines = text_lines(drawn.text, drawn.words)
        turns = _reading_turns(name, drawn.text, self.language)
        return Example(name, (drawn.image,), drawn.text, lines, turns)


class ShardSource:
    """Samples of a set on disk; the hint is how long text and turns are.

    Args:
        name: the recipe's.
        rows: the set.
        members: which of its rows.
    """

    def __init__(self, name: str, rows: ShardRows, members: np.ndarray) -> None:
        self.name = name
        self.rows = rows
        self.members = members
        self.num_examples: int | None = len(members)

    def length_hint(self, index: int) -> int:
        """Return how many characters the text and the turns have."""
        return self.rows.text_length(int(self.members[index]))

    def example(self, index: int) -> Example:
        """Return a sample.

        Raises:
            Reject: an image cannot be read.
        """
        sample = self.rows.sample(int(self.members[index]))
        images = []
        for encoded in sample.images:
            try:
                images.append(Image.open(io.BytesIO(encoded.bytes)))
                images[-1].load()
            except (OSError, ValueError, Image.DecompressionBombError) as error:
                raise Reject("image cannot be read", f"{sample.id}: {error}") from error
        lines = text_lines(sample.text, sample.words or ()) if len(images) == 1 else ()
        return Example(sample.id, tuple(images), sample.text, lines, turns_of(sample))


def _reading_turns(name: str, text: str, language: str) -> Turns:
    questions = questions_of("document", "text", language)
    return ask(question_for(name, questions), text)


class Materials:
    """What all stages of a run draw from: texts, fonts and sets, each with a part held out.

    Each is read when it is asked for.

    Args:
        recipe: of the run.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.data: DataRecipe = recipe.data
        self._shards: dict[str, ShardRows] = {}
        self._splits: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    @property
    def draws(self) -> bool:
        """Whether any source draws text with fonts."""
        return any(source.kind != "shards" for source in self.data.sources)

    @cached_property
    def texts(self) -> TextSplit:
        """The run's texts."""
        return split_text(self.data)

    @cached_property
    def fonts(self) -> FontSplit:
        """The run's fonts."""
        return split_fonts(self.data)

    def told(self) -> list[str]:
        """Return lines that say what is held out."""
        return [self.texts.told, self.fonts.told] if self.draws else []

    def shards(self, source: SourceRecipe) -> ShardRows:
        """Return a source's set.

        Raises:
            VaryError: the recipe names no folder for it.
            InputError: there is no set, or it is not whole.
        """
        if not source.path:
            raise VaryError(
                f"source {source.name} has no set; give data.sources.{source.name}.path=FOLDER, or "
                f"data.sources.{source.name}.weight=0 to go without it"
            )
        if source.name not in self._shards:
            self._shards[source.name] = ShardRows(Path(source.path))
        return self._shards[source.name]

    def _split(self, source: SourceRecipe) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of a set to learn from, and those held out."""
        if source.name not in self._splits:
            self._splits[source.name] = self.shards(source).split(_HELD_OUT_SHARE)
        return self._splits[source.name]

    @property
    def alphabet(self) -> str:
        """Characters that are a piece each: the line engine's, or those of the texts."""
        if any(source.kind == "line" for source in self.data.sources):
            return find_alphabet(self.data.alphabet)
        counts: dict[str, int] = {}
        for text in self.plain_texts():
            for character in text:
                counts[character] = counts.get(character, 0) + 1
        most = self.recipe.model.tokenizer.vocabulary_size // 2
        return "".join(sorted(sorted(counts, key=lambda c: (-counts[c], c))[:most]))

    @property
    def _line_languages(self) -> set[str]:
        return {source.language for source in self.data.sources if source.kind == "line"}

    def plain_texts(self) -> Iterator[str]:
        """Yield the texts that are learned from, as they are drawn."""
        if self.data.text:
            yield from (fold_text(paragraph.text) for paragraph in self.texts.learned.paragraphs)
            return
        for source in self.data.sources:
            if source.kind == "shards" and source.path:
                rows = self.shards(source)
                yield from rows.texts(self._split(source)[0])

    def sources(self, stage: StageRecipe, *, held_out: bool = False) -> dict[str, Source]:
        """Return a stage's sources by name, or their held-out parts.

        Raises:
            VaryError: a source without its folder, or with options that do not fit.
            InputError: text, fonts or a set are missing.
        """
        wanted = self.recipe.weights(stage)
        return {
            source.name: self._source(source, stage, held_out=held_out)
            for source in self.data.sources
            if source.name in wanted
        }

    def _source(self, source: SourceRecipe, stage: StageRecipe, *, held_out: bool) -> Source:
        if source.kind == "shards":
            members = self._split(source)[int(held_out)]
            return ShardSource(source.name, self.shards(source), members)
        corpus = self.texts.held_out if held_out else self.texts.learned
        library = self.fonts.held_out if held_out else self.fonts.learned
        where = f"data.sources.{source.name}.options"
        seed = self.recipe.seed + int(held_out)
        if source.kind == "line":
            config = replace_typed(self.data.line, source.options, where)
            if len(self._line_languages) > 1:
                corpus = paragraphs_in(corpus, source.language)
            texts = line_texts(corpus, source.language, find_alphabet(self.data.alphabet))
            renderer = LineRenderer(texts, library, config)
            return LineSource(
                source.name, renderer, stage.widths_px, seed, stage.name, language=source.language
            )
        check_keys(source.options, _option_names(PageConfig) - _NO_OPTIONS, where)
        fields: dict[str, Any] = {"kind": source.kind, "language": source.language}
        made = PageConfig(Path(self.data.text), **fields)
        engine = PageEngine(replace_typed(made, source.options, where), corpus, library)
        # Of its own for each source, or words and pages would be drawn from the same dice.
        stream = f"stage/{stage.name}/{source.name}"
        stage_seed = int(sample_rng(seed, stream, 0).integers(2**31))
        return EngineSource(source.name, engine, stage_seed, source.language)


def _option_names(kind: type[Any]) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def replace_typed(config: Any, options: dict[str, Any], where: str) -> Any:
    """Return a dataclass with options from a recipe in the place of its own values.

    Raises:
        VaryError: an unknown name, or a value of another type.
    """
    hints = typing.get_type_hints(type(config))
    check_keys(options, hints, where)
    typed = {k: build_value(hints[k], value, f"{where}.{k}") for k, value in options.items()}
    return dataclasses.replace(config, **typed)
