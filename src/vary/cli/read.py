"""`vary read`: documents in, text out."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from vary.checkpoints import find_checkpoint
from vary.cli.quiet import settle_torch
from vary.errors import VaryError
from vary.read.asking import COLORS, Ask, parse_box
from vary.read.documents import Document, open_document, parse_pages, select_pages
from vary.read.inputs import (
    ERRORS_FILE,
    Failure,
    OutputFolder,
    checkpoint_digest,
    expand_inputs,
    output_names,
)
from vary.read.overlay import draw_overlay
from vary.read.results import FORMATS, Format, PageResult, render_pages

if TYPE_CHECKING:
    from vary.read.reader import Reader

EXIT_FAILED = 1
TASKS = ("ocr", "markdown", "chart", "ask")


BatchSize = Annotated[
    int | None,
    typer.Option(
        help="Lines read together, or pages if the model reads whole ones.",
        min=1,
        show_default="32 lines, 4 pages",
    ),
]
Pages = Annotated[str | None, typer.Option(help="Such as 3, 1-5, 2,7-9 or 4-.", show_default="all")]
Prompt = Annotated[
    str | None,
    typer.Option(help="A question in your own words, for a model of a chat form."),
]
Box = Annotated[
    str | None,
    typer.Option(metavar="X0,Y0,X1,Y1", help="Only what stands there, in pixels of the page."),
]
Color = Annotated[
    str | None,
    typer.Option(help=f"Only what a frame of it is around: {', '.join(COLORS)}."),
]
Tiles = Annotated[
    int | None,
    typer.Option(metavar="N", help="Show each page as up to N tiles, and as a whole.", min=1),
]
Together = Annotated[
    int | None, typer.Option(metavar="N", help="Read up to N pages as one.", min=2)
]
Overlay = Annotated[
    bool,
    typer.Option(
        "--overlay", help="Draw words and lines on the pages, by confidence, into --out too."
    ),
]


def read(
    inputs: Annotated[
        list[Path], typer.Argument(help="PDFs, images, or folders of them.", show_default=False)
    ],
    model: Annotated[
        str, typer.Option(help="A bundled checkpoint's name, or the folder of one.")
    ] = "nano",
    task: Annotated[
        str, typer.Option(help=f"{', '.join(TASKS)}: as far as the model knows it.")
    ] = "ocr",
    prompt: Prompt = None,
    box: Box = None,
    color: Color = None,
    tiles: Tiles = None,
    together: Together = None,
    pages: Pages = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for one file per input. Needed when there are several."),
    ] = None,
    form: Annotated[str, typer.Option("--format", help=", ".join(FORMATS))] = "txt",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps, ...")] = "auto",
    batch_size: BatchSize = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Read again what --out holds already.")
    ] = False,
    overlay: Overlay = False,
) -> None:
    """Read PDFs, images and folders of them into text, from their pixels alone.

    One input goes to the terminal; with --out DIR each goes into a file named after it.

    What DIR holds already is skipped: the same command goes on after a stop.

    Exit status: 0 all read, 1 some failed, 2 wrong usage.
    """
    chosen = _check_options(task, pages, form)
    sides = None if box is None else parse_box(box)
    ask = Ask(task, prompt, box=sides, color=color, tiles=tiles, together=together)
    files, failures = _collect(inputs, out)
    if overlay:
        _check_overlay(inputs, out)
    checkpoint = find_checkpoint(model)
    folder = None
    if out is not None:
        origin = {"model": model, "weights": checkpoint_digest(checkpoint)}
        drawn = {"overlay": True} if overlay else {}
        asked = {**_asked(ask), "pages": pages}
        folder = OutputFolder(out, {**origin, **asked, "format": form, **drawn})
    batch = _Batch(pages, chosen, folder, overlay=overlay)
    for failure in failures:
        batch.fail(failure)
    todo = batch.plan(files, overwrite)
    if todo:
        reader = load_reader(model, device, batch_size)
        reader.use(ask)
        batch.read(reader, todo)
    batch.report()
    raise typer.Exit(EXIT_FAILED if batch.num_failures else 0)


def _asked(ask: Ask) -> dict[str, Any]:
    """Return what is asked as an output's settings: the task, and what else is given."""
    given = {name: value for name, value in asdict(ask).items() if value is not None}
    return {name: list(value) if name == "box" else value for name, value in given.items()}


def load_reader(model: str, device: str, batch_size: int | None) -> "Reader":
    """Return the reader; imports torch."""
    settle_torch()
    from vary.read.reader import Reader

    return Reader.from_pretrained(model, device=device, batch_size=batch_size)


def _check_options(task: str, pages: str | None, form: str) -> Format:
    if task not in TASKS:
        raise VaryError(f"--task {task!r} is not known; choose among {', '.join(TASKS)}")
    if pages is not None:
        parse_pages(pages)
    for known in FORMATS:
        if form == known:
            return known
    raise VaryError(f"--format {form!r} is not known; choose among {', '.join(FORMATS)}")


def _check_overlay(inputs: list[Path], out: Path | None) -> None:
    """Refuse overlays that have no place, or that the next run would read as pages."""
    if out is None:
        raise VaryError("--overlay writes pictures; name a folder for them with --out DIR")
    for folder in inputs:
        if folder.is_dir() and out.resolve().is_relative_to(folder.resolve()):
            raise VaryError(
                f"--overlay: the pictures in {out} would be read with {folder} the next time; "
                "give an --out outside of it"
            )


def _collect(inputs: list[Path], out: Path | None) -> tuple[list[Path], list[Failure]]:
    is_many = len(inputs) > 1 or inputs[0].is_dir()
    if is_many and out is None:
        raise VaryError(
            "several inputs, or a folder, do not go to the terminal; name a folder with --out DIR"
        )
    return expand_inputs(inputs)


@dataclass
class _Batch:
    """The reading of some inputs, with what went wrong on the way."""

    pages: str | None
    form: Format
    folder: OutputFolder | None
    overlay: bool = False
    console: Console = field(default_factory=lambda: Console(stderr=True, soft_wrap=True))
    num_failures: int = 0
    num_skipped: int = 0
    num_written: int = 0
    names: dict[Path, str] = field(default_factory=dict)

    def say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, emoji=False)

    def fail(self, failure: Failure) -> None:
        self.num_failures += 1
        where = f"{failure.input}, page {failure.page}: " if failure.page else ""
        self.say(f"failed: {where}{failure.reason}")
        if self.folder:
            self.folder.add_failure(failure)

    def plan(self, files: list[Path], overwrite: bool) -> list[Path]:
        """Return the files that are still to be read, and name the outputs of all."""
        if self.folder is None:
            return files
        self.names = output_names(files, f".{self.form}")
        todo = []
        for file in files:
            name = self.names[file]
            if name != f"{file.stem}.{self.form}":
                self.say(f"{file} goes to {name}: another input or file has the shorter name")
            try:
                if overwrite or not self.folder.is_done(name, file):
                    todo.append(file)
                else:
                    self.num_skipped += 1
                    self.say(
                        f"skipped: {file}: {self.folder.folder / name} is there already "
                        "(--overwrite reads it again)"
                    )
            except (VaryError, OSError) as error:
                self.fail(Failure(str(file), str(error)))
        return todo

    def read(self, reader: "Reader", files: list[Path]) -> None:
        if self.overlay and not reader.gives_boxes:
            raise VaryError(
                f"--overlay: model {reader.model!r} reads whole pages and tells no places; leave "
                "it out, or name a model that reads lines"
            )
        with _progress(self.console) as progress:
            inputs = progress.add_task("inputs", total=len(files), visible=len(files) > 1)
            for file in files:
                try:
                    self._read_one(reader, file, progress)
                except BrokenPipeError:
                    raise  # whoever read our output is gone: nothing to go on for
                except Exception as error:  # the edge: one bad input must not stop the batch
                    self.fail(Failure(str(file), _told(file, error)))
                progress.advance(inputs)

    def _read_one(self, reader: "Reader", file: Path, progress: Progress) -> None:
        with open_document(file, reader.documents) as document:
            numbers = select_pages(self.pages, document)
            bar = progress.add_task(file.name, total=len(numbers))
            failed: list[int] = []
            results = self._watch(reader.read_pages(document, numbers), failed)
            if self.overlay:
                results = self._draw(results, document, file)
            try:
                pieces = render_pages(_advancing(results, progress, bar), self.form)
                if self.folder is None:
                    _show(pieces, progress)
                    return
                text = "".join(pieces)
            finally:
                progress.remove_task(bar)
            if len(failed) < len(numbers):
                self.folder.write(self.names[file], file, text, failed)
                self.num_written += 1

    def _watch(self, results: Iterator[PageResult], failed: list[int]) -> Iterator[PageResult]:
        """Pass pages on; say what is to be said of them."""
        for page in results:
            if page.status == "failed":
                failed.append(page.page)
                self.fail(Failure(page.input, page.reason, page.page))
            elif page.reason or page.status != "ok":
                said = ": ".join(part for part in (page.status, page.reason) if part)
                self.say(f"{page.input}, page {page.page}: {said}")
            yield page

    def _draw(
        self, results: Iterator[PageResult], document: Document, file: Path
    ) -> Iterator[PageResult]:
        """Pass pages on; write a picture of each that was read."""
        assert self.folder is not None
        for page in results:
            if page.status != "failed":
                picture = draw_overlay(document.page(page.page), page)
                self.folder.write_picture(overlay_name(self.names[file], page), picture)
            yield page

    def report(self) -> None:
        if self.folder is None:
            return
        line = f"{self.num_written} read into {self.folder.folder}, {self.num_skipped} skipped"
        if self.num_failures:
            line += f", {self.num_failures} failures: see {self.folder.folder / ERRORS_FILE}"
        self.say(line)


def overlay_name(output: str, page: PageResult) -> str:
    """Return the name of the picture of a page, after that of its document's text."""
    number = f".page-{page.page}" if page.num_pages > 1 else ""
    return f"{output.rpartition('.')[0]}{number}.overlay.png"


def _told(file: Path, error: Exception) -> str:
    """Return the message of an error of ours; of others, their kind and the file too."""
    known = isinstance(error, VaryError)
    return str(error) if known else f"{file}: {type(error).__name__}: {error}"


def _advancing(
    results: Iterator[PageResult], progress: Progress, bar: TaskID
) -> Iterator[PageResult]:
    for page in results:
        progress.advance(bar)
        yield page


def _show(pieces: Iterable[str], progress: Progress) -> None:
    """Write to standard output; the bar steps aside, in case both go to one terminal."""
    for piece in pieces:
        is_drawn = progress.live.is_started
        if is_drawn:
            progress.stop()
        typer.echo(piece, nl=False)
        if is_drawn:
            progress.start()


@contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    """Give a bar that is drawn on standard error if that is a terminal, and nowhere else."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    bar = Progress(
        *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
    )
    if console.is_terminal:
        bar.start()
    try:
        yield bar
    finally:
        if bar.live.is_started:
            bar.stop()
