"""Other OCR programs and `vary read` on the same pages, in the same run.

    python benchmarks/ocr_peers.py --pages FOLDER --out OUT [--peers vary,tesseract,...]
                                   [--rapidocr-python PYTHON] [--worst N]

FOLDER holds pictures with a .txt of the same name (see docs/evaluation.md); a `META.json` there or
above tells documents and languages. One program runs after the other, alone:

    vary           `vary read` with the bundled checkpoint
    tesseract      Tesseract on the same pixels, eng or chi_sim by the page's language, with one
                   thread, which is its fastest way
    tesseract-300  Tesseract at its best: the page's PDF drawn at 300 dpi, where one lies there
    rapidocr       RapidOCR (PP-OCR models by ONNX Runtime) with its defaults, on the same pixels;
                   its lines in the order it gives them. --rapidocr-python names an environment
                   that has it: `pip install rapidocr onnxruntime`

It prints edit distance and F1 with 95 % intervals by document, seconds for each page (of the
program alone, after loading its model; Tesseract loads its for each page, as it is used) and the
largest resident memory; OUT holds the answers and the report. What ran before is not run again.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

TESSERACT_LANGUAGES = {"zh": "chi_sim"}
PDF_DPI = 300
WARM_UP = "\n"  # a worker says so when its model is loaded


def serve(peer: str) -> None:
    """Answer pictures named on standard input, each with a line of JSON, until it ends.

    This runs in the peer's own environment, which need not have this package.
    """
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # some libraries print to standard output
    read = {"vary": _load_vary, "rapidocr": _load_rapidocr}[peer]()
    told.write(WARM_UP)
    told.flush()
    for line in sys.stdin:
        start = time.perf_counter()
        try:
            answer: dict[str, Any] = {"answer": read(line.rstrip("\n"))}
        except Exception as error:  # the edge: one page must not stop the others
            answer = {"answer": None, "reason": f"{type(error).__name__}: {error}"}
        answer["seconds"] = time.perf_counter() - start
        told.write(json.dumps(answer) + "\n")
        told.flush()


def _load_vary() -> Callable[[str], str]:
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")  # as `vary read` does
    from vary import Reader  # noqa: PLC0415 - in the worker only

    reader = Reader.from_pretrained("nano")
    return lambda path: reader.read_document(path).text


def _load_rapidocr() -> Callable[[str], str]:
    from rapidocr import RapidOCR  # type: ignore[import-not-found]  # noqa: PLC0415

    engine = RapidOCR()
    return lambda path: "\n".join(engine(path).txts or ())


@dataclass
class Peer:
    """A program as a system of `vary.eval`; it notes how much memory it took.

    Args:
        name: of its column.
        description: what runs.
    """

    name: str
    description: str
    peak_mb: float = 0.0
    keeps_answers: ClassVar[bool] = True

    def check(self, task: str, prompts: Sequence[Any]) -> None:
        """Programs are looked for when they are listed."""

    def answer(self, prompts: Sequence[Any], folder: Path) -> Iterator[Any]:
        """Yield a response for each page."""
        from vary.eval.records import Response, clean_text  # noqa: PLC0415

        for prompt, told in zip(prompts, self._read(prompts, folder), strict=True):
            text = told["answer"]
            meta = {"peak_mb": round(self.peak_mb)}
            answer = None if text is None else clean_text(text)
            yield Response(prompt.id, answer, told.get("reason", ""), told.get("seconds"), meta)

    def _read(self, prompts: Sequence[Any], folder: Path) -> Iterator[dict[str, Any]]:
        raise NotImplementedError


@dataclass
class Worker(Peer):
    """A program that loads its model once and reads page after page.

    Args:
        python: the interpreter of its environment.
    """

    python: str = sys.executable

    def _read(self, prompts: Sequence[Any], folder: Path) -> Iterator[dict[str, Any]]:
        process: Any = None
        for prompt in prompts:
            process = process or self._start()
            process.stdin.write(str(folder / prompt.images[0]) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:  # this page has killed it: the next one gets another
                status = process.wait()
                process = None
                yield {"answer": None, "reason": f"its process died (status {status})"}
                continue
            self.peak_mb = max(self.peak_mb, peak_of(process.pid))
            yield json.loads(line)
        if process:
            process.stdin.close()
            process.wait()

    def _start(self) -> Any:
        """Return the process, its model loaded."""
        command = [self.python, str(Path(__file__).resolve()), "--serve", self.name]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen(command, text=True, encoding="utf-8", **pipes)
        assert process.stdout is not None
        if process.stdout.readline() != WARM_UP:
            raise SystemExit(f"{self.name} does not start; see above")
        return process


@dataclass
class Tesseract(Peer):
    """Tesseract, once for each page, as its users call it.

    Args:
        from_pdf: draw the page's PDF at 300 dpi, where one lies beside the picture.
    """

    from_pdf: bool = False
    scratch: Any = field(default_factory=tempfile.TemporaryDirectory)

    def _read(self, prompts: Sequence[Any], folder: Path) -> Iterator[dict[str, Any]]:
        for prompt in prompts:
            image = folder / prompt.images[0]
            if self.from_pdf:
                if not image.with_suffix(".pdf").is_file():
                    yield {"answer": None, "reason": "no PDF lies beside the picture"}
                    continue
                image = self._drawn(image)
            language = TESSERACT_LANGUAGES.get(prompt.groups.get("language", ""), "eng")
            command = ["tesseract", str(image), "-", "-l", language]
            start = time.perf_counter()
            status, text, said = self._call(command)
            told = {
                "answer": None if status else text.replace("\f", ""),
                "reason": said * bool(status),
            }
            yield {**told, "seconds": time.perf_counter() - start}

    def _call(self, command: list[str]) -> tuple[int, str, str]:
        """Return exit status, output and errors of a program, and note its memory."""
        with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as said:
            # With more threads it spends most of its time on making them wait for one another.
            environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
            process = subprocess.Popen(command, stdout=told, stderr=said, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.peak_mb = max(self.peak_mb, usage.ru_maxrss / 1024)  # KiB on Linux
            for file in (told, said):
                file.seek(0)
            texts = [file.read().decode("utf-8", "replace") for file in (told, said)]
        return process.returncode, texts[0], texts[1].strip()

    def _drawn(self, image: Path) -> Path:
        """Return a picture of the PDF beside an image."""
        pdf = image.with_suffix(".pdf")
        import pypdfium2  # noqa: PLC0415

        drawn = Path(self.scratch.name) / f"{image.stem}.png"
        with pypdfium2.PdfDocument(pdf) as document:
            picture = document[0].render(scale=PDF_DPI / 72).to_pil()
        picture.save(drawn, dpi=(PDF_DPI, PDF_DPI))
        return drawn


def peak_of(pid: int) -> float:
    """Return the largest resident memory of a running process so far, in MiB (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def version_of(command: list[str]) -> str:
    """Return the first line that a command prints, empty if it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    lines = (done.stdout or done.stderr).splitlines()
    return lines[0] if lines and not done.returncode else ""


def find_peers(wanted: Sequence[str], rapidocr_python: str) -> list[Peer]:
    """Return the programs that are here; says of the others how to get them."""
    from vary import __version__  # noqa: PLC0415

    peers: list[Peer] = []
    tesseract = version_of(["tesseract", "--version"]) if shutil.which("tesseract") else ""
    code = "import importlib.metadata as m; print('RapidOCR', m.version('rapidocr'))"
    rapidocr = version_of([rapidocr_python, "-c", code])
    for name in wanted:
        if name == "vary":
            peers.append(Worker(name, f"vary {__version__}, nano"))
        elif name in {"tesseract", "tesseract-300"} and tesseract:
            from_pdf = name.endswith("300")
            told = f"{tesseract}, one thread"
            told += f", from the PDF at {PDF_DPI} dpi" if from_pdf else ""
            peers.append(Tesseract(name, told, from_pdf=from_pdf))
        elif name == "rapidocr" and rapidocr:
            peers.append(Worker(name, rapidocr, python=rapidocr_python))
        elif name in {"tesseract", "tesseract-300"}:
            print(f"{name}: left out; on Debian: apt install tesseract-ocr tesseract-ocr-chi-sim")
        elif name == "rapidocr":
            print("rapidocr: left out; pip install rapidocr onnxruntime, see --rapidocr-python")
        else:
            raise SystemExit(f"--peers {name}: there are vary, tesseract, tesseract-300, rapidocr")
    return peers


def parse_arguments() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--pages", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--peers", default="vary,tesseract,tesseract-300,rapidocr")
    parser.add_argument("--rapidocr-python", default=sys.executable)
    parser.add_argument("--worst", type=int, default=12)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.serve and not (arguments.pages and arguments.out):
        parser.error("give --pages and --out")
    return arguments


def row_of(run: Any, metrics: dict[str, Any], language: str, prompts: dict[str, Any]) -> str:
    """Return a system's row of the table.

    Args:
        run: what it answered.
        metrics: of these pages, from the report.
        language: of the pages that count; empty for all.
        prompts: by id.
    """
    cells = [f"{run.name:<13}"]
    for name in ("edit_distance", "f1"):
        told = metrics[name]
        interval = "no interval"
        if told["low"] is not None:
            interval = f"[{told['low']:.4f}, {told['high']:.4f}]"
        cells.append(f"{told['value']:.4f} {interval:<16}")
    chosen = [
        response
        for name, response in run.responses.items()
        if not language or prompts[name].groups.get("language") == language
    ]
    seconds = [response.seconds for response in chosen if response.seconds is not None]
    peak = max((response.meta.get("peak_mb", 0) for response in chosen), default=0)
    missing = sum(response.answer is None for response in chosen)
    cells += [f"{sum(seconds) / max(1, len(seconds)):6.2f}", f"{peak:8.0f}", f"{missing:7}"]
    return "  ".join(cells)


def print_rows(evaluation: Any, report: dict[str, Any]) -> None:
    """Print a table for each language of the pages, or one where there is but one."""
    groups = report["systems"][0]["groups"].get("language", {})
    for language in groups if len(groups) > 1 else [""]:
        print(f"\n{language or 'all pages'}")
        print(f"{'':<13}  {'edit distance':<23}  {'F1':<23}  s/page  peak MiB  missing")
        for run, told in zip(evaluation.systems, report["systems"], strict=True):
            metrics = told["groups"]["language"][language] if language else told["metrics"]
            print(row_of(run, metrics, language, evaluation.prompts))


def tell(stage: str, done: int, total: int) -> None:
    """Print how far a stage is."""
    print(f"{stage}: {done} of {total}", file=sys.stderr)


def main() -> None:
    """Run the peers, print the table, write the report."""
    arguments = parse_arguments()
    if arguments.serve:
        serve(arguments.serve)
        return
    from rich.console import Console  # noqa: PLC0415

    from vary.eval.report import build_report, print_table, write_html  # noqa: PLC0415
    from vary.eval.runner import RunOptions, run_evaluation  # noqa: PLC0415
    from vary.eval.tasks.ocr import OcrTask  # noqa: PLC0415

    peers = find_peers(arguments.peers.split(","), arguments.rapidocr_python)
    options = RunOptions(watch=tell)
    evaluation = run_evaluation(OcrTask(), arguments.pages, peers, arguments.out, options)
    report = build_report(evaluation, num_worst=arguments.worst)
    print_table(report, Console(width=100))
    found = report.to_dict()
    (arguments.out / "report.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    write_html(report, arguments.out / "report.html")
    print_rows(evaluation, found)


if __name__ == "__main__":
    main()
