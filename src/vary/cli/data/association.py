"""`vary data stories` and `vary data association`: what charts tell, and charts of it."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from vary.errors import VaryError

SHARD_SIZE = 256


def stories(
    out: Annotated[Path, typer.Option(help="File of stories; goes on if it was begun.")],
    endpoint: Annotated[
        str | None, typer.Option(help="URL#MODEL of an OpenAI-compatible endpoint.")
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help="Folder of *.txt files: topics for the model.")
    ] = None,
    tables: Annotated[
        Path | None, typer.Option(help="Folder of CSV, Markdown, HTML and LaTeX tables.")
    ] = None,
    count: Annotated[int, typer.Option(help="How many to ask for.", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="Same seed, same questions.", min=0)] = 0,
    language: Annotated[str, typer.Option(help="Of the stories: en, zh or a name.")] = "en",
    workers: Annotated[int, typer.Option(help="Questions at once.", min=1)] = 4,
    key: Annotated[str, typer.Option(help="Variable that holds the key.")] = "OPENAI_API_KEY",
    timeout: Annotated[float, typer.Option(help="Seconds for an answer.")] = 120.0,
    retries: Annotated[int, typer.Option(help="After a failure of the server.", min=0)] = 6,
) -> None:
    """Collect titles, names and values that belong together, by a model or from tables."""
    if (endpoint is None) == (tables is None) or (endpoint and text is None):
        raise VaryError("give --endpoint URL#MODEL and --text FOLDER, or --tables FOLDER alone")
    if tables is not None:
        _from_tables(tables, out, language)
        return
    from rich.console import Console
    from rich.progress import Progress

    from vary.data.corpus import TextCorpus
    from vary.data.engines.association.answers import EndpointSettings
    from vary.data.engines.association.collect import StoryRun, collect_stories

    assert endpoint is not None and text is not None
    url, _, model = endpoint.rpartition("#")
    settings = EndpointSettings(url, model, key, timeout, retries)
    run = StoryRun(out, count, seed, language, workers)
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(str(out), total=count)
        summary = collect_stories(
            run,
            TextCorpus.from_folder(text),
            settings,
            lambda done: progress.update(task, completed=done),
        )
    typer.echo(f"{out}: {summary.stories} stories of {count}")
    typer.echo(
        f"  {summary.answers} answers, {summary.asked} of them asked for now; "
        f"{summary.prompt_tokens} + {summary.answer_tokens} tokens in all"
    )
    for reason, number in summary.bad_answers.most_common():
        typer.echo(f"  {number} answers were no story: {reason}")
    for reason, number in summary.failures.most_common():
        typer.echo(f"  {number} without a story: {reason}")


def association(
    stories: Annotated[Path, typer.Option(help="File that `vary data stories` wrote.")],
    out: Annotated[Path, typer.Option(help="Folder of the set; goes on if it was begun.")],
    count: Annotated[int, typer.Option(help="How many indices to try.")],
    seed: Annotated[int, typer.Option(help="Same seed, same bytes.")],
    language: Annotated[str, typer.Option(help="Language of the stories.")] = "en",
    library: Annotated[str, typer.Option(help="matplotlib, echarts or both.")] = "both",
    target: Annotated[str, typer.Option(help="paper, or compact (one line).")] = "paper",
    dpi: Annotated[str, typer.Option(help="Resolution: a number or a range.")] = "72-160",
    fonts: Annotated[
        list[Path] | None, typer.Option(help="Font folder (repeatable); else the system's.")
    ] = None,
    node_modules: Annotated[
        Path | None, typer.Option(help="Folder with ECharts' npm packages.")
    ] = None,
    include_fonts: Annotated[
        list[str] | None, typer.Option(help="Pattern of font families or files to take.")
    ] = None,
    exclude_fonts: Annotated[
        list[str] | None, typer.Option(help="Pattern of font families or files to leave.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Processes; changes nothing in the bytes.")] = 1,
    shard_size: Annotated[int, typer.Option(help="Indices per shard.")] = SHARD_SIZE,
) -> None:
    """Make charts whose title, names and values belong together."""
    from vary.cli.data.making import generate_with_progress, report
    from vary.cli.data.options import number_range
    from vary.data.engines.association.engine import AssociationConfig, build_association_engine
    from vary.data.shards import Run

    config = AssociationConfig(
        stories=stories,
        fonts=tuple(fonts) if fonts else None,
        language=language,
        library=library,  # type: ignore[arg-type] # checked by AssociationConfig
        target=target,  # type: ignore[arg-type]
        dpi=number_range(dpi, "--dpi"),
        node_modules=node_modules,
        include_fonts=tuple(include_fonts or ()),
        exclude_fonts=tuple(exclude_fonts or ()),
    )
    run = Run(out, count, seed, shard_size, workers)
    report(generate_with_progress(partial(build_association_engine, config), run), out)


def _from_tables(tables: Path, out: Path, language: str) -> None:
    from vary.data.engines.association.collect import write_stories, write_summary
    from vary.data.engines.association.tables import stories_of_folder

    found, reasons = stories_of_folder(tables, language)
    if not found:
        told = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
        raise VaryError(f"{tables}: no table tells a story ({told or 'there is none'})")
    out.parent.mkdir(parents=True, exist_ok=True)
    digest = write_stories(out, found)
    write_summary(out, {"stories": len(found), "sha256": digest, "left_out": dict(reasons)})
    typer.echo(f"{out}: {len(found)} stories")
    for reason, number in reasons.most_common():
        typer.echo(f"  {number} left out: {reason}")
