"""What all commands that make a set do: generate it with a bar, and tell what came of it."""

from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from vary.errors import VaryError

if TYPE_CHECKING:
    from vary.data.engines.base import Engine
    from vary.data.manifest import Manifest
    from vary.data.shards import Run

# What the options that all commands share were given. Each command that makes a set is called with
# them or without, so nothing is left of a call before.
_cluster: ContextVar[str | None] = ContextVar("cluster", default=None)
_degradation: ContextVar[str | None] = ContextVar("degradation", default=None)


def add_cluster_option(command: Any) -> None:
    """Give a command that makes a set the option `--ray`, which `generate_with_progress` reads."""

    def only_ray(
        ray: Annotated[
            str | None,
            typer.Option(help="Ray cluster: auto, local or an address; workers are its CPUs."),
        ] = None,
    ) -> None: ...

    _add_option(command, only_ray, _cluster)


def add_degrade_option(command: Any) -> None:
    """Give a command the option `--degrade`, which `generate_with_progress` reads.

    A recipe says by itself whether its pictures are degraded.
    """

    def only_degrade(
        degrade: Annotated[
            str | None,
            typer.Option(help="Make pictures look scanned: paper, scan, or scan:0.5."),
        ] = None,
    ) -> None: ...

    _add_option(command, only_degrade, _degradation)


def _add_option(command: Any, holding: Callable[..., None], kept: ContextVar[str | None]) -> None:
    """Add the only option of a function to a command; its value is kept, not passed on."""
    holder = typer.Typer(add_completion=False)
    holder.command()(holding)
    option = typer.main.get_command(holder).params[0]
    option.expose_value = False

    def keep(_context: Any, _option: Any, value: str | None) -> str | None:
        kept.set(value)
        return value

    option.callback = keep
    command.params.append(option)


def generate_with_progress(build_engine: "Callable[[], Engine]", run: "Run") -> "Manifest":
    """Make a set, here or on the cluster of `--ray`, degraded by `--degrade`; show how far it is.

    Raises:
        VaryError: as `vary.data.shards.generate`.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from vary.data.shards import generate

    degradation, address = _degradation.get(), _cluster.get()
    if degradation is not None:
        from vary.data.degrade.engine import build_degraded, parse_degrade

        build_engine = partial(build_degraded, build_engine, parse_degrade(degradation))
    pool = None
    if address is not None:
        from vary.data.ray_pool import ray_pool

        pool = ray_pool(address)
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(str(run.folder), total=run.count)
        return generate(
            build_engine,
            run,
            lambda shard: progress.advance(task, shard.count),
            lambda line: progress.console.print(line, markup=False, highlight=False),
            pool,
        )


def report(manifest: "Manifest", folder: Path) -> None:
    """Print how many samples a set has, and how many were dropped for what.

    Raises:
        VaryError: it has none.
    """
    typer.echo(f"{folder}: {manifest.samples} samples in {len(manifest.shards)} shards")
    for reason, number in manifest.rejects.items():
        typer.echo(f"  {number} dropped: {reason}")
    if not manifest.samples:
        raise VaryError(f"{folder}: no sample could be made; rejects.jsonl says why")
