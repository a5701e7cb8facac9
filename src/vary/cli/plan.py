"""`vary plan`: what a recipe takes, before it is run."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer


def plan(
    recipe: Annotated[Path, typer.Argument(help="A recipe, such as recipes/tiny.yaml.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes, as for `vary train`.")
    ] = None,
    answer_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Mean length of the answers; else an estimate."),
    ] = None,
    mfu: Annotated[
        float, typer.Option(min=0.001, max=1.0, help="Share of a GPU's peak that is reached.")
    ] = 0.3,
    measure: Annotated[
        bool, typer.Option("--measure", help="Time a sample on this machine as well.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what a recipe takes: parameters, memory, FLOPs, hours on 1 and 8 H100 or H200."""
    from vary.extras import require

    require("accelerate", extra="train")
    from vary.train.plan import plan as make_plan
    from vary.train.recipe import load_recipe

    loaded = load_recipe(recipe, overrides or [])
    stages = make_plan(loaded, answer_tokens)
    rows = [_row(stage, mfu) for stage in stages]
    if measure:
        from vary.train.plan import measure as measure_sample

        for row, stage, spec in zip(rows, stages, loaded.stages, strict=True):
            seconds = measure_sample(loaded, spec, stage.answer_tokens)
            row["seconds_per_sample_here"] = round(seconds, 4)
            row["tflops_here"] = round(stage.flops / seconds / 1e12, 4)
            row["hours_here"] = round(seconds * stage.samples / 3600, 2)
    if as_json:
        typer.echo(json.dumps({"recipe": loaded.name, "mfu": mfu, "stages": rows}, indent=1))
        return
    _print(loaded.name, rows, mfu)


def _row(stage: Any, mfu: float) -> dict[str, Any]:
    from vary.train.plan import DEVICES

    hours = {
        f"hours_{number}x_{device}": round(stage.hours(tflops, number, mfu), 4)
        for device, (tflops, _) in DEVICES.items()
        for number in (1, 8)
    }
    derived = {"total_flops": stage.total_flops, "memory_bytes": stage.memory_bytes}
    return {**dataclasses.asdict(stage), **derived, **hours}


def _print(name: str, rows: list[dict[str, Any]], mfu: float) -> None:
    """Print a table with a column for each stage, and what the numbers rest on."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{name}: what each stage takes")
    table.add_column("")
    for row in rows:
        table.add_column(row["name"], justify="right")
    for label, cell in _LINES.items():
        cells = [cell(row) for row in rows]
        if any(cells):
            table.add_row(label, *cells)
    console = Console()
    console.print(table)
    console.print(
        f"Hours are at {mfu:.0%} of a GPU's bf16 peak (--mfu), which is an assumption until "
        "benchmarks/encoder.py has measured it there. Memory is of one device with one micro-batch,"
        " without what the allocator and recomputed blocks add. FLOPs are of the shapes, forward "
        "and backward.",
        highlight=False,
    )


def _hours(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.1f} min"


def _both(number: int) -> Any:
    # H100 and H200 have the same peak; they differ in memory.
    return lambda row: _hours(row[f"hours_{number}x_H100"])


_LINES: dict[str, Any] = {
    "parameters trained": lambda row: f"{row['trained']:,}",
    "parameters frozen": lambda row: f"{row['frozen']:,}",
    "samples": lambda row: f"{row['samples']:,}",
    "image (px)": lambda row: f"{row['image'][0]}x{row['image'][1]}",
    "vision tokens": lambda row: f"{row['image_tokens']:,}",
    "answer tokens": lambda row: f"{row['answer_tokens']:,}",
    "GFLOP a sample": lambda row: f"{row['flops'] / 1e9:,.1f}",
    "FLOP in all": lambda row: f"{row['total_flops']:.2e}",
    "weights and state": lambda row: f"{row['state_bytes'] / 1e9:.2f} GB",
    "activations a sample": lambda row: f"{row['activation_bytes'] / 1e9:.3f} GB",
    "samples a micro-batch": lambda row: f"{row['micro_batch']:,}",
    "memory of a device": lambda row: f"{row['memory_bytes'] / 1e9:.2f} GB",
    "1 x H100 or H200": _both(1),
    "8 x H100 or H200": _both(8),
    "a sample here": lambda row: (
        f"{row['seconds_per_sample_here']:.3f} s" if "seconds_per_sample_here" in row else ""
    ),
    "TFLOP/s here": lambda row: f"{row['tflops_here']:.2f}" if "tflops_here" in row else "",
    "this machine": lambda row: _hours(row["hours_here"]) if "hours_here" in row else "",
}
