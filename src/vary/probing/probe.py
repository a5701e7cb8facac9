"""`vary vocab probe`: a light reader over each frozen vocabulary, on the user's own pages."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from PIL import Image

from vary.errors import InputError, VaryError
from vary.model.sources import Source
from vary.probing.features import (
    PATCHES,
    TOKENS,
    Features,
    compute_features,
    picture_key,
    vocabulary_key,
)
from vary.probing.items import Item
from vary.probing.lines import Line, learned_alphabet, lines_of, split_lines
from vary.probing.reading import Budget, Lesson, Reading, read_lines
from vary.probing.verdicts import BLIND, CEILING, Group, Verdict, groups_of, judge
from vary.probing.views import BlindView, CeilingView, View, VocabularyView

FEWEST_OCCURRENCES = 3
"""A character that occurs less often in what is learned from is left out of the measure."""

Watch = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Probe:
    """What a probe found.

    Attributes:
        vocabularies: their names and what they are, in words.
        budget: of each reader.
        num_lines: learned from, and held out.
        num_units: documents that these are of.
        alphabet: characters that could be learned.
        left_out: why -> how many samples could not be used.
        readings: what each reader read, by its name.
        groups: the figures, by script, and by script and kind where there are several kinds.
        verdicts: what they mean.
    """

    vocabularies: dict[str, str]
    budget: Budget
    num_lines: tuple[int, int]
    num_units: tuple[int, int]
    alphabet: str
    left_out: dict[str, int]
    readings: dict[str, Reading]
    groups: tuple[Group, ...]
    verdicts: tuple[Verdict, ...] = field(default=())


@dataclass(frozen=True)
class _Pictures:
    """Pictures with lines on them."""

    lines: list[Line]
    reads: list[Callable[[], Image.Image]]
    keys: list[str]
    left_out: Counter[str]


def run_probe(
    items: Sequence[Item],
    sources: Sequence[Source],
    out: Path,
    budget: Budget | None = None,
    watch: Watch = lambda *_: None,
) -> Probe:
    """Return which vocabulary sees what; what lies in the folder is not computed again.

    Args:
        items: the user's pages, with a text and, but for strips of one line, boxes of words.
        sources: the vocabularies.
        out: folder for tokens and readings.
        budget: of each reader; None for the default.
        watch: told of the progress.

    Raises:
        VaryError: two vocabularies of one name, or nothing to learn from or to measure with.
    """
    limits = budget or Budget()
    names = [source.name for source in sources]
    if len(set(names)) < len(names):
        raise VaryError(f"a vocabulary is given twice: {', '.join(names)}")
    out.mkdir(parents=True, exist_ok=True)
    pictures = _pictures(items, watch)
    features = _features(pictures, sources, out / "features", watch)
    lines = [
        line
        for line in pictures.lines
        if all(found[TOKENS].grids[line.picture] for found in features.values())
    ]
    lesson = _lesson(lines, pictures.left_out)
    keys = {source.name: vocabulary_key(source) for source in sources}
    (out / "readers").mkdir(exist_ok=True)
    readings: dict[str, Reading] = {}
    for name, view in _views(features, lines).items():
        place = out / "readers" / _reader_key(name, keys, pictures.keys, lesson, limits)
        readings[name] = read_lines(view, lesson, limits, place, _named(watch, f"reader: {name}"))
    groups = tuple(groups_of(lines, readings, lesson.alphabet))
    learned, held = lesson.split.learned, lesson.split.held_out
    return Probe(
        {source.name: str(source) for source in sources},
        limits,
        (len(learned), len(held)),
        (len({lines[n].unit for n in learned}), len({lines[n].unit for n in held})),
        lesson.alphabet,
        dict(pictures.left_out.most_common()),
        readings,
        groups,
        _verdicts(groups, features),
    )


def _verdicts(
    groups: Sequence[Group], features: dict[str, dict[str, Features]]
) -> tuple[Verdict, ...]:
    return tuple(
        judge(group, name, name, patches_name(name) if PATCHES in found else None)
        for group in groups
        for name, found in features.items()
    )


def patches_name(vocabulary: str) -> str:
    """Return the name of the reader over a vocabulary's patch features."""
    return f"{vocabulary}, before merging"


def _pictures(items: Sequence[Item], watch: Watch) -> _Pictures:
    found = _Pictures([], [], [], Counter())
    for number, item in enumerate(items, start=1):
        watch("pictures", number, len(items))
        try:
            if item.reason:
                raise InputError(item.reason)
            pictures = item.read()
            if len(pictures) != 1:
                raise InputError(f"{len(pictures)} pictures; lines are looked for on one")
            lines = lines_of(item, len(found.keys), pictures[0].size)
        except InputError as error:
            found.left_out[str(error)] += 1
            continue
        found.lines.extend(lines)
        found.keys.append(picture_key(pictures[0]))
        found.reads.append(_first_of(item))
    return found


def _features(
    pictures: _Pictures, sources: Sequence[Source], folder: Path, watch: Watch
) -> dict[str, dict[str, Features]]:
    """Return the tokens of each vocabulary, and count what it could not take."""
    features = {}
    for source in sources:
        found, reasons = compute_features(source, pictures.reads, pictures.keys, folder, watch)
        pictures.left_out.update(f"{source.name}: {reason}" for reason in reasons if reason)
        features[source.name] = found
    return features


def _first_of(item: Item) -> Callable[[], Image.Image]:
    return lambda: item.read()[0]


def _named(watch: Watch, stage: str) -> Watch:
    return lambda _, done, total: watch(stage, done, total)


def _lesson(lines: Sequence[Line], left_out: Counter[str]) -> Lesson:
    """Return what is learned and measured.

    Raises:
        InputError: there are no lines, or too few to learn from.
    """
    if not lines:
        why = "; ".join(f"{reason} ({number})" for reason, number in left_out.most_common(3))
        raise InputError(
            f"no line of text can be read: {why or 'no samples'}. Give pages with the boxes of "
            "their words (vary data page, vary data pdf), or pictures of one line each"
        )
    split = split_lines(lines)
    alphabet = learned_alphabet([lines[number] for number in split.learned], FEWEST_OCCURRENCES)
    if len(alphabet) < 2:
        raise InputError(
            f"no character occurs {FEWEST_OCCURRENCES} times in the {len(split.learned)} lines to "
            "learn from; give more pages"
        )
    return Lesson(lines, split, alphabet)


def _views(features: dict[str, dict[str, Features]], lines: Sequence[Line]) -> dict[str, View]:
    views: dict[str, View] = {}
    for name, found in features.items():
        views[name] = VocabularyView(found[TOKENS], lines)
        if PATCHES in found:
            views[patches_name(name)] = VocabularyView(found[PATCHES], lines)
    first = next(iter(features.values()))
    views[BLIND] = BlindView(first[TOKENS], lines)
    views[CEILING] = CeilingView(lines)
    return views


def _reader_key(
    name: str,
    vocabularies: dict[str, str],
    pictures: Sequence[str],
    lesson: Lesson,
    budget: Budget,
) -> str:
    """Return the file name of a reader: a hash of all that it comes from."""
    own = name.removesuffix(patches_name(""))
    # What is guessed hangs on the first vocabulary's grid, the ceiling on none.
    vocabulary = vocabularies.get(own) or (
        "" if name == CEILING else next(iter(vocabularies.values()))
    )
    kind = "patches" if own != name else name if own in (BLIND, CEILING) else "tokens"
    facts = [kind, vocabulary, asdict(budget), lesson.alphabet, list(lesson.split.held_out)]
    digest = hashlib.sha256(json.dumps(facts).encode())
    for line in lesson.lines:
        digest.update(json.dumps([pictures[line.picture], line.box, line.text]).encode())
    return digest.hexdigest()[:24]
