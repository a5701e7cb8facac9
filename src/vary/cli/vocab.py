"""`vary vocab`: does a vocabulary help or harm a model, and which one cannot see some pages?"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vary.checkpoints import find_checkpoint
from vary.cli.quiet import settle_torch

if TYPE_CHECKING:
    from vary.probing.pages import Outcome

app = typer.Typer(
    no_args_is_help=True, help="Tell what a vocabulary brings to a model, and which one sees what."
)


@app.callback()
def vocab() -> None:
    """Tell what a vocabulary brings to a model, and which one sees what."""


OutOption = Annotated[
    Path, typer.Option("--out", help="Folder of the run; goes on if it was begun.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, ...")]
LimitOption = Annotated[
    int | None,
    typer.Option("--limit", help="At most so many samples of each set, spread by lot.", min=1),
]


@app.command()
def report(
    model: Annotated[str, typer.Argument(help="One of our models, a folder or nano.")],
    data: Annotated[
        list[Path],
        typer.Option("--data", help="A set of samples, or pictures with a .txt each (repeatable)."),
    ],
    out: OutOption,
    generate: Annotated[
        bool, typer.Option("--generate", help="Also let the model write, and score its text.")
    ] = False,
    limit: LimitOption = 200,
    device: DeviceOption = "auto",
    batch_size: Annotated[int, typer.Option(help="Rows of the language model at once.", min=1)] = 4,
    seed: Annotated[int, typer.Option(help="Of the lot by which images exchange tokens.")] = 0,
) -> None:
    """Score a model with each vocabulary in turn zeroed, or shuffled between images."""
    folder = find_checkpoint(model)
    settle_torch()
    from vary.probing.items import load_items
    from vary.probing.report import Folder, Options, load_model, measure
    from vary.probing.report_outcome import report_outcome
    from vary.read.recognizer import pick_device, pick_dtype

    where = pick_device(device)
    items = load_items(data, limit)
    loaded, processor = load_model(folder, where, pick_dtype(where))
    begun = Folder(out, folder, items, Options(generate, batch_size, seed))
    with _progress() as watch:
        found, left_out = measure(loaded, processor, items, begun, watch)
    _tell(report_outcome(model, loaded.config, found, left_out), out, "report")


@app.command()
def probe(
    data: Annotated[
        list[Path], typer.Argument(help="Sets of pages with boxes of words, or of single lines.")
    ],
    vocabulary: Annotated[
        list[str],
        typer.Option(
            "--vocabulary",
            help="As vary merge takes it: a vocabulary folder, a checkpoint of ours (FOLDER:1 its "
            "second), or a folder of CLIP, SigLIP, DINOv2 or SAM. Give it once for each.",
        ),
    ],
    out: OutOption,
    budget: Annotated[
        int, typer.Option("--budget", help="Steps of each light reader's training.", min=1)
    ] = 400,
    limit: LimitOption = 400,
    whole_image: Annotated[
        bool,
        typer.Option("--whole-image", help="Squeeze the picture where a rule would cut it."),
    ] = False,
    layer: Annotated[
        int | None,
        typer.Option("--layer", help="Of vision models of transformers, as vary merge takes it."),
    ] = None,
    device: DeviceOption = "auto",
    seed: Annotated[int, typer.Option(help="Of the readers and the order of lines.")] = 0,
) -> None:
    """Train a light reader over each frozen vocabulary, and say which cannot see what."""
    settle_torch()
    from vary.model.sources import load_source
    from vary.probing.items import load_items
    from vary.probing.probe import run_probe
    from vary.probing.probe_outcome import probe_outcome
    from vary.probing.reading import Budget
    from vary.read.recognizer import pick_device

    where = pick_device(device)
    items = load_items(data, limit)
    sources = [load_source(name, layer=layer, whole_image=whole_image) for name in vocabulary]
    for source in sources:
        typer.echo("\n  ".join([str(source), *source.notes]), err=True)
        source.network.to(where)
    with _progress() as watch:
        found = run_probe(items, sources, out, Budget(steps=budget, seed=seed), watch)
    _tell(probe_outcome(found), out, "probe")


def _tell(outcome: "Outcome", out: Path, name: str) -> None:
    from rich.console import Console

    from vary.probing.pages import print_outcome, write_outcome

    print_outcome(outcome, Console())
    typer.echo(", ".join(map(str, write_outcome(outcome, out, name))))


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Give what is told of the progress, a bar for each stage."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bars: dict[str, TaskID] = {}

        def watch(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage, total=total)
            progress.update(bars[stage], completed=done)

        yield watch
