"""`vary data make`: a set from a recipe."""

from pathlib import Path
from typing import Annotated

import typer

from vary.cli.data.making import generate_with_progress, report
from vary.cli.data.options import (
    OutOption,
    WorkersOption,
)
from vary.errors import VaryError


def make(
    recipe: Annotated[Path, typer.Argument(help="A data recipe, as those in recipes/eval.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Changes: key=value, dots between keys: options.dpi=[72,100]."),
    ] = None,
    *,
    out: OutOption,
    workers: WorkersOption = 1,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 unless it is the frozen set, to the pixel.")
    ] = False,
) -> None:
    """Make a set from a recipe; a frozen one is checked against what was published."""
    from vary.cli.data.importing import tell_summary
    from vary.data.frozen import (
        check_fonts,
        hash_set,
        hash_texts,
        judge,
        pixel_versions,
        write_card,
    )
    from vary.data.importers import IMPORTERS
    from vary.data.recipe import load_set_recipe

    plan = load_set_recipe(recipe, overrides or [])
    frozen = plan.frozen
    if frozen is not None:
        check_fonts(plan.name, frozen, getattr(plan.config, "fonts", None))
    elif check:
        raise VaryError(f"{recipe}: not a frozen set, or changed by {overrides}: nothing to check")
    run = plan.run(out, workers)
    length = plan.check_count()
    report(generate_with_progress(plan.engine_builder(), run), out)
    if length is not None and length > plan.count:
        typer.echo(f"  {plan.count} of the source's {length} entries were tried (count)")
    if plan.engine in IMPORTERS:
        tell_summary(out)
    # Decoding all pictures once more is worth its time only where there is a set to compare with.
    found = hash_texts(out) if frozen is None else hash_set(out)
    verdict = None if frozen is None else judge(frozen, found, pixel_versions(plan.engine))
    write_card(out, plan, found, verdict)
    if verdict is None:
        typer.echo(f"{plan.name}: text {found.text_sha256}")
    else:
        typer.echo(f"{plan.name}: text {found.text_sha256}, pixels {found.pixels_sha256}")
        typer.echo(f"{plan.name}: {verdict.message}")
        if not verdict.same_text or (check and not verdict.same_pixels):
            raise typer.Exit(1)
