"""`vary data import`: other people's data sets as sets of samples."""

import importlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vary.data.importers import IMPORTERS
from vary.errors import VaryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vary.data.engines.base import Engine

# Samples per shard: files of some tens of megabytes where each has a picture.
SHARD_SIZE = 512


KindArgument = Annotated[str, typer.Argument(help=f"What it is: {', '.join(IMPORTERS)}.")]
SourceArgument = Annotated[Path, typer.Argument(help="The data set: a file, or its folder.")]
OutOption = Annotated[Path, typer.Option(help="Folder of the set; goes on if it was begun.")]
ImagesOption = Annotated[
    list[Path] | None, typer.Option(help="Folder of its pictures (repeatable); else beside it.")
]
CountOption = Annotated[int | None, typer.Option(help="How many entries; else all.")]
SeedOption = Annotated[int, typer.Option(help="Matters to --one-caption alone.")]
LanguageOption = Annotated[str | None, typer.Option(help="Of its texts, such as en.")]
EncodingOption = Annotated[str | None, typer.Option(help="Of its text files; else UTF-8.")]
LicenceOption = Annotated[str | None, typer.Option(help="Of the data set.")]
ByPictureOption = Annotated[
    bool | None,
    typer.Option("--by-picture", help="docvqa, chartqa: a picture's questions as one sample."),
]
AnswerOption = Annotated[str | None, typer.Option(help="docvqa: first or common.")]
SplitOption = Annotated[str | None, typer.Option(help="chartqa: train, val or test.")]
HalfOption = Annotated[
    list[str] | None, typer.Option(help="chartqa: human or augmented (repeatable).")
]
CaptionOption = Annotated[str | None, typer.Option(help="pairs: column or key of captions.")]
OneCaptionOption = Annotated[
    bool | None, typer.Option("--one-caption", help="pairs: one of COCO's for a picture.")
]
RoleOption = Annotated[
    list[str] | None, typer.Option(help="llava, conversations: NAME=user|assistant|system.")
]
OddTurnsOption = Annotated[str | None, typer.Option(help="llava, conversations: reject or mend.")]
SideOption = Annotated[int | None, typer.Option(help="Longer pictures are made smaller.")]
QualityOption = Annotated[int, typer.Option(help="Of JPEG, where encoded anew.")]
WorkersOption = Annotated[int, typer.Option(help="Processes; changes nothing in the bytes.")]
ShardSizeOption = Annotated[int, typer.Option(help="Entries per shard.")]


def import_set(
    kind: KindArgument,
    source: SourceArgument,
    out: OutOption,
    images: ImagesOption = None,
    count: CountOption = None,
    seed: SeedOption = 0,
    language: LanguageOption = None,
    encoding: EncodingOption = None,
    licence: LicenceOption = None,
    by_picture: ByPictureOption = None,
    answer: AnswerOption = None,
    split: SplitOption = None,
    half: HalfOption = None,
    caption_key: CaptionOption = None,
    one_caption: OneCaptionOption = None,
    role: RoleOption = None,
    odd_turns: OddTurnsOption = None,
    max_side_px: SideOption = None,
    quality: QualityOption = 90,
    workers: WorkersOption = 1,
    shard_size: ShardSizeOption = SHARD_SIZE,
) -> None:
    """Import a data set of others: each of its entries as a sample, or named as dropped."""
    from vary.data.importers.pictures import PictureRule

    given = {
        "images": None if images is None else tuple(images),
        "language": language,
        "encoding": encoding,
        "licence": licence,
        "by_picture": by_picture,
        "answer": answer,
        "split": split,
        "halves": None if half is None else tuple(half),
        "caption_key": caption_key,
        "one_caption": one_caption,
        "roles": None if role is None else _roles(role),
        "odd_turns": odd_turns,
        "pictures": PictureRule(max_side_px=max_side_px, quality=quality),
    }
    builder = _builder(kind, source, {k: value for k, value in given.items() if value is not None})
    generate_source(builder, (out, count, seed), shard_size, workers)
    tell_summary(out)


def tell_summary(folder: Path) -> None:
    """Write what became of an imported set into its folder, and print it."""
    from vary.data.importers.summary import write_summary

    for line in write_summary(folder).lines():
        typer.echo(f"  {line}")


def generate_source(
    build_engine: "Callable[[], Engine]",
    what: tuple[Path, int | None, int],
    shard_size: int,
    workers: int,
) -> None:
    """Make a set of a source that has an end; `what` is folder, count (None: all) and seed.

    Raises:
        VaryError: more is asked for than there is.
    """
    from vary.cli.data.making import generate_with_progress, report
    from vary.data.shards import Run

    out, count, seed = what
    length = len(build_engine())  # type: ignore[arg-type] # these engines have one
    if count is not None and count > length:
        raise VaryError(f"--count {count}: the source has {length} entries; leave it out for all")
    run = Run(out, length if count is None else count, seed, shard_size, workers)
    report(generate_with_progress(build_engine, run), out)


def _builder(kind: str, source: Path, options: dict[str, Any]) -> "Callable[[], Engine]":
    """Return what makes the engine of a kind.

    Raises:
        VaryError: no such kind, or an option that it does not have.
    """
    if kind not in IMPORTERS:
        raise VaryError(f"{kind}: no importer; there are {', '.join(IMPORTERS)}")
    module_name, config_name, builder_name = IMPORTERS[kind]
    module = importlib.import_module(module_name)
    config = getattr(module, config_name)
    wrong = [name for name in options if name not in config.__dataclass_fields__]
    if wrong:
        names = ", ".join(name.replace("_", "-") for name in wrong)
        raise VaryError(f"{kind} has no option {names}; vary data import --help tells whose it is")
    return partial(getattr(module, builder_name), config(source=source, **options))


def _roles(given: list[str]) -> dict[str, str]:
    roles = {}
    for pair in given:
        name, sign, role = pair.partition("=")
        if not sign:
            raise VaryError(f"--role {pair}: write NAME=user, NAME=assistant or NAME=system")
        roles[name] = role
    return roles
