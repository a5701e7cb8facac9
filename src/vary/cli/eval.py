"""`vary eval`: measure systems on a task, score answers that lie there, report."""

import functools
import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from vary.cli.quiet import settle_torch
from vary.errors import VaryError

if TYPE_CHECKING:
    from vary.eval.evaluation import Evaluation
    from vary.eval.runner import Watch
    from vary.eval.tasks.base import Task

EXIT_MISSING = 1

app = typer.Typer(no_args_is_help=True, help="Measure models and other programs on a task.")


@app.callback()
def evaluate() -> None:
    """Measure models and other programs on a task."""


ModelOption = Annotated[
    list[str],
    typer.Option(
        help="What is measured (repeatable), SPEC or NAME=SPEC: a checkpoint, a command with "
        "{image}, a folder of .txt/.md files, or a file of answers. Others are compared with the "
        "first.",
        show_default=False,
    ),
]
DataOption = Annotated[Path, typer.Option(help="The data set.", show_default=False)]
OutOption = Annotated[
    Path, typer.Option(help="Folder of the run; goes on if it was begun.", show_default=False)
]
GroupByOption = Annotated[
    list[str] | None, typer.Option(help="Key of META.json to tell results apart by (repeatable).")
]
ModeOption = Annotated[
    str, typer.Option(help="Score as a published script does: fox, got, nougat.")
]
MeteorOption = Annotated[bool, typer.Option("--meteor", help="METEOR too: slow, needs WordNet.")]
DeviceOption = Annotated[str, typer.Option(help="Of checkpoints: auto, cpu, cuda, ...")]
BatchSizeOption = Annotated[int | None, typer.Option(help="Of checkpoints.", min=1)]
WorkersOption = Annotated[
    int, typer.Option(help="Commands at once, and processes that score.", min=1)
]
TimeoutOption = Annotated[float, typer.Option(help="Seconds that a command may take.", min=0.001)]
RetryOption = Annotated[
    bool, typer.Option("--retry", help="Ask again where an earlier run got no answer.")
]
WorstOption = Annotated[int, typer.Option(help="How many of the worst the page shows.", min=0)]
RuleOption = Annotated[
    str,
    typer.Option(
        help="Where published rules differ. chart: structchart or onechart; docvqa: official or "
        "paper; chartqa: stripped or pix2struct."
    ),
]
GraderUrlOption = Annotated[
    str, typer.Option(help="OpenAI-compatible endpoint, such as http://localhost:8000/v1.")
]
GraderModelOption = Annotated[str, typer.Option(help="Name of the model that grades.")]
GraderKeyOption = Annotated[str, typer.Option(help="Environment variable that holds its key.")]
RunsOption = Annotated[int, typer.Option(help="How often each answer is graded.", min=1)]


@dataclass(frozen=True)
class _Run:
    """The options that all tasks share."""

    model: ModelOption
    data: DataOption
    out: OutOption
    device: DeviceOption = "auto"
    batch_size: BatchSizeOption = None
    workers: WorkersOption = 1
    timeout: TimeoutOption = 600.0
    retry: RetryOption = False
    worst: WorstOption = 12


def _task_command(build_task: Callable[..., "Task"]) -> Callable[..., "Task"]:
    """Make a command of a function that builds a task: its options, and those of `_Run`."""
    own = inspect.signature(build_task).parameters
    shared = inspect.signature(_Run).parameters

    @functools.wraps(build_task)
    def command(**given: Any) -> None:
        run = _Run(**{name: given.pop(name) for name in shared})
        _measure(build_task(**given), run)

    needed = [option for option in shared.values() if option.default is option.empty]
    options = {option.name: option for option in (*needed, *own.values(), *shared.values())}
    keywords = [option.replace(kind=option.KEYWORD_ONLY) for option in options.values()]
    # Typer reads both.
    vars(command)["__signature__"] = inspect.Signature(keywords)
    command.__annotations__ = {option.name: option.annotation for option in keywords}
    app.command()(command)
    return build_task


@_task_command
def ocr(
    mode: ModeOption = "", meteor: MeteorOption = False, group_by: GroupByOption = None
) -> "Task":
    """All text of pages: edit distance, F1, precision, recall, BLEU, error rates.

    --data is a folder of pictures with a .txt each, Fox's JSON, or a generated set.
    """
    from vary.eval.tasks.ocr import OcrTask

    return OcrTask(mode=mode, meteor=meteor, group_by=tuple(group_by or ()))


@_task_command
def markdown(
    mode: ModeOption = "", meteor: MeteorOption = False, group_by: GroupByOption = None
) -> "Task":
    """Pages as Markdown: the whole, and text, formulas and tables apart.

    --data is a folder of pictures with an .md each, Fox's JSON, or a generated set.
    """
    from vary.eval.tasks.markdown import MarkdownTask

    return MarkdownTask(mode=mode, meteor=meteor, group_by=tuple(group_by or ()))


@_task_command
def chart(rule: RuleOption = "structchart") -> "Task":
    """Charts as dicts: triples by OneChart's SCRM, cells, title.

    --data is a generated set of charts, or a folder of pictures with a .json or .txt each.
    """
    from vary.eval.tasks.chart import ChartTask

    return ChartTask(rule=rule)  # type: ignore[arg-type] # the task checks it


@_task_command
def docvqa(rule: RuleOption = "official") -> "Task":
    """Questions on documents: ANLS. --data is DocVQA's JSON, beside its folder of pictures."""
    from vary.eval.tasks.docvqa import DocVqaTask

    return DocVqaTask(rule=rule)  # type: ignore[arg-type]


@_task_command
def chartqa(rule: RuleOption = "stripped") -> "Task":
    """Questions on charts: relaxed accuracy. --data is the folder of ChartQA's test set."""
    from vary.eval.tasks.chartqa import ChartQaTask

    return ChartQaTask(rule=rule)  # type: ignore[arg-type]


@_task_command
def mmvet(
    grader_url: GraderUrlOption,
    grader_model: GraderModelOption,
    grader_key: GraderKeyOption = "OPENAI_API_KEY",
    runs: RunsOption = 5,
) -> "Task":
    """Open questions, graded by a language model. --data is the folder of MM-Vet."""
    from vary.eval.tasks.mmvet import MmVetTask

    return MmVetTask(
        grader_url=grader_url, grader_model=grader_model, grader_key=grader_key, runs=runs
    )


@app.command()
def score(
    answers: Annotated[
        Path, typer.Argument(help="JSON lines, or a JSON list, with id and answer.")
    ],
    task: Annotated[str, typer.Option(help="ocr, markdown, chart, docvqa, chartqa or mmvet.")],
    data: Annotated[
        Path | None, typer.Option(help="What was answered; else each line brings its `truth`.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for scores and reports; else only the table.")
    ] = None,
    mode: ModeOption = "",
    meteor: MeteorOption = False,
    group_by: GroupByOption = None,
    rule: RuleOption = "",
    grader_url: GraderUrlOption = "",
    grader_model: GraderModelOption = "",
    grader_key: GraderKeyOption = "",
    runs: Annotated[int, typer.Option(help="How often each answer is graded.")] = 0,
    workers: WorkersOption = 1,
    worst: WorstOption = 12,
) -> None:
    """Score any system's answers."""
    from vary.eval.answers import AnswerFile
    from vary.eval.runner import RunOptions, run_evaluation, score_prompts
    from vary.eval.systems import FileSystem, check_name
    from vary.eval.tasks import build_task

    options = {
        "mode": mode,
        "meteor": meteor,
        "group_by": tuple(group_by or ()),
        "rule": rule,
        "grader_url": grader_url,
        "grader_model": grader_model,
        "grader_key": grader_key,
        "runs": runs,
    }
    chosen = build_task(task, {name: value for name, value in options.items() if value})
    file = AnswerFile.load(answers)
    check_name(answers.stem)
    system = FileSystem(answers.stem, file)
    with _progress() as watch, TemporaryDirectory() as scratch:
        run = RunOptions(workers, watch=watch)
        if data is not None:
            evaluation = run_evaluation(chosen, data, [system], out or Path(scratch), run)
        else:
            chosen.check()
            evaluation = score_prompts(chosen, file.prompts(), system, out, run)
    _report(evaluation, out, worst, workers)


def _measure(task: "Task", run: _Run) -> None:
    from vary.eval.runner import RunOptions, run_evaluation
    from vary.eval.systems import ReaderSystem, SystemOptions, open_systems

    options = SystemOptions(run.device, run.batch_size, run.workers, run.timeout)
    systems = open_systems(run.model, options)
    if any(isinstance(system, ReaderSystem) for system in systems):
        settle_torch()
    with _progress() as watch:
        evaluation = run_evaluation(
            task, run.data, systems, run.out, RunOptions(run.workers, run.retry, watch)
        )
    _report(evaluation, run.out, run.worst, run.workers)


def _report(evaluation: "Evaluation", out: Path | None, worst: int, workers: int) -> None:
    from vary.data.manifest import replace_file
    from vary.eval.report import build_report, print_table, write_html

    report = build_report(evaluation, num_worst=worst, num_workers=workers)
    print_table(report, Console())
    if out is not None:
        report_json = json.dumps(report.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)
        try:
            replace_file(out / "report.json", (report_json + "\n").encode())
            write_html(report, out / "report.html")
        except OSError as error:
            raise VaryError(
                f"{out}: the report cannot be written ({error.strerror}); answers and scores are "
                "kept: make room, and give the same command again"
            ) from error
        typer.echo(f"{out / 'report.html'}, {out / 'report.json'}")
    if any(system.num_missing for system in evaluation.systems):
        typer.echo("missing answers count as the worst; --retry asks again", err=True)
        raise typer.Exit(EXIT_MISSING)


@contextmanager
def _progress() -> Iterator["Watch"]:
    """Give what is told of the progress, a bar for each stage."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
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
        bars: dict[str, object] = {}

        def watch(stage: str, done: int, total: int) -> None:
            if stage not in bars:
                bars[stage] = progress.add_task(stage, total=total)
            progress.update(bars[stage], completed=done)  # type: ignore[arg-type]

        yield watch
