"""Options that several commands of `vary data` have, and how their values are read."""

from pathlib import Path
from typing import Annotated

import typer

from vary.errors import VaryError

TextOption = Annotated[Path, typer.Option(help="Folder of *.txt files, one paragraph per line.")]
OutOption = Annotated[Path, typer.Option(help="Folder of the set; goes on if it was begun.")]
CountOption = Annotated[int, typer.Option(help="How many indices to try.")]
SeedOption = Annotated[int, typer.Option(help="Same seed, same bytes.")]
WorkersOption = Annotated[int, typer.Option(help="Processes; changes nothing in the bytes.")]
FontsOption = Annotated[
    list[Path] | None, typer.Option(help="Font folder (repeatable); else the system's.")
]
LanguageOption = Annotated[str, typer.Option(help="Language of the text.")]
TargetOption = Annotated[str, typer.Option(help="lines (as drawn), paragraphs or markdown.")]
IncludeTextOption = Annotated[
    list[str] | None, typer.Option(help="Pattern of text files to take (repeatable).")
]
ExcludeTextOption = Annotated[
    list[str] | None, typer.Option(help="Pattern of text files to leave (repeatable).")
]
IncludeFontsOption = Annotated[
    list[str] | None, typer.Option(help="Pattern of font families or files to take.")
]
ExcludeFontsOption = Annotated[
    list[str] | None, typer.Option(help="Pattern of font families or files to leave.")
]
ShardSizeOption = Annotated[int | None, typer.Option(help="Indices per shard.")]


def number_range(text: str, option: str) -> tuple[int, int]:
    """Return the ends of a range such as `72-200`, or of a single number.

    Raises:
        VaryError: the text is neither; the option is named.
    """
    low, _, high = text.partition("-")
    both = numbers(f"{low},{high or low}", option)
    return both[0], both[1]


def numbers(text: str, option: str) -> tuple[int, ...]:
    """Return whole numbers that stand between commas.

    Raises:
        VaryError: something else stands there; the option is named.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise VaryError(f"{option} {text!r}: give whole numbers, as in 72-200 or 1,2") from error
