"""The programs that `benchmarks/read.py` times, each as a system of `vary.eval`.

Our own rows and RapidOCR run in a process that loads its model once: this file, run as a script by
the program's own Python, which need not have this package.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

TESSERACT_LANGUAGES = {"zh": "chi_sim"}
PDF_DPI = 300
WARM_UP = "\n"  # a worker says so when its model is loaded
LINES_TOGETHER = 32  # as the reader's
DEFAULT_ROWS = "vary,vary-bf16,vary-fp32,vary-int8,generate,tesseract,tesseract-300,rapidocr"


def serve(row: str, model: str) -> None:
    """Answer pictures named on standard input, each with a line of JSON, until it ends.

    This runs in the program's own environment, which need not have this package.
    """
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # some libraries print to standard output
    if row == "rapidocr":
        read = _load_rapidocr()
    else:
        read = _load_generate(model) if row == "generate" else _load_vary(row, model)
    told.write(WARM_UP)
    told.flush()
    for line in sys.stdin:
        start, spent = time.perf_counter(), time.process_time()
        try:
            answer: dict[str, Any] = {"answer": read(line.rstrip("\n"))}
        except Exception as error:  # the edge: one page must not stop the others
            answer = {"answer": None, "reason": f"{type(error).__name__}: {error}"}
        answer["seconds"] = time.perf_counter() - start
        answer["cpu_seconds"] = time.process_time() - spent
        told.write(json.dumps(answer) + "\n")
        told.flush()


def _load_vary(row: str, model: str) -> Callable[[str], str]:
    """Return `vary read`, its model in the numbers that a row names."""
    import torch  # noqa: PLC0415 - in the worker only

    from vary import Reader  # noqa: PLC0415
    from vary.cli.quiet import settle_torch  # noqa: PLC0415

    settle_torch()
    reader = Reader.from_pretrained(model, device="cpu")
    recognizer: Any = reader.recognizer
    if row == "vary-bf16":
        recognizer.model.to(torch.bfloat16)
    elif row in {"vary-fp32", "vary-int8"}:
        recognizer.model.to(torch.float32)
    if row == "vary-int8":
        recognizer.model = _in_int8(recognizer.model)

    def read(path: str) -> str:
        document = reader.read_document(path)
        if document.failed_pages:
            raise RuntimeError(document.pages[0].reason)
        return document.text

    return read


def _in_int8(model: Any) -> Any:
    """Return a float32 model whose linear layers multiply in int8.

    Each keeps its weights beside, since some layers of ours look at those of others.
    """
    import torch  # noqa: PLC0415 - in the worker only

    class Int8(torch.nn.Module):
        def __init__(self, linear: torch.nn.Linear) -> None:
            super().__init__()
            self.weight, self.bias = linear.weight, linear.bias
            kinds = {torch.nn.Linear}
            alone = torch.nn.Sequential(linear)
            quantize = torch.ao.quantization.quantize_dynamic
            self.quantized = quantize(alone, kinds, dtype=torch.qint8)[0]

        def forward(self, values: Any) -> Any:
            return self.quantized(values)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a later torch will not have it
        for module in list(model.modules()):
            for name, child in list(module.named_children()):
                if type(child) is torch.nn.Linear:
                    setattr(module, name, Int8(child))
    return model


def _load_generate(model: str) -> Callable[[str], str]:
    """Return what reads a page's strips by `generate` alone."""
    import torch  # noqa: PLC0415 - in the worker only
    from PIL import Image  # noqa: PLC0415

    from vary.checkpoints import find_checkpoint  # noqa: PLC0415
    from vary.cli.quiet import settle_torch  # noqa: PLC0415
    from vary.model.limits import max_answer_tokens  # noqa: PLC0415
    from vary.read.cutting import CuttingConfig, cut_page, tile_strip  # noqa: PLC0415
    from vary.read.joining import join_lines  # noqa: PLC0415
    from vary.read.recognizer import load_recognizer  # noqa: PLC0415

    settle_torch()
    loaded: Any = load_recognizer(find_checkpoint(model), device="cpu")
    height, width = loaded.strip_size
    config = CuttingConfig(strip_height_px=height, strip_max_width_px=width)

    @torch.inference_mode()
    def read(path: str) -> str:
        with Image.open(path) as page:
            layout = cut_page(page, config)
        strips = [tile_strip(layout, tile, config) for tile in layout.tiles]
        texts: list[str] = []
        for first in range(0, len(strips), LINES_TOGETHER):
            inputs = loaded.processor(strips[first : first + LINES_TOGETHER])
            start, widest = inputs["input_ids"].shape[1], int(inputs["image_sizes"][:, 1].max())
            rows = loaded.model.generate(
                **inputs, max_new_tokens=max_answer_tokens(widest), do_sample=False
            )
            texts += loaded.processor.decode_answers(rows[:, start:])
        return join_lines(layout, texts, style="lines")

    return read


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
            meta = {"peak_mb": round(self.peak_mb), "cpu_seconds": told.get("cpu_seconds")}
            answer = None if text is None else clean_text(text)
            yield Response(prompt.id, answer, told.get("reason", ""), told.get("seconds"), meta)

    def _read(self, prompts: Sequence[Any], folder: Path) -> Iterator[dict[str, Any]]:
        raise NotImplementedError


@dataclass
class Worker(Peer):
    """A program that loads its model once and reads page after page.

    Args:
        python: the interpreter of its environment.
        model: of our own rows.
    """

    python: str = sys.executable
    model: str = "nano"

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
        command = [self.python, str(Path(__file__).resolve()), self.name, self.model]
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
    cpu_seconds: float = 0.0
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
                "cpu_seconds": self.cpu_seconds,
            }
            yield {**told, "seconds": time.perf_counter() - start}

    def _call(self, command: list[str]) -> tuple[int, str, str]:
        """Return exit status, output and errors of a program; note its memory and time."""
        with tempfile.TemporaryFile() as told, tempfile.TemporaryFile() as said:
            # With more threads it spends most of its time on making them wait for one another.
            environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
            process = subprocess.Popen(command, stdout=told, stderr=said, env=environment)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.cpu_seconds = usage.ru_utime + usage.ru_stime
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


OWN_ROWS = {
    "vary": "",
    "vary-bf16": ", bfloat16",
    "vary-fp32": ", float32",
    "vary-int8": ", float32, linear layers in int8",
    "generate": ", transformers' generate on the strips",
}


def find_peers(wanted: Sequence[str], model: str, rapidocr_python: str) -> list[Peer]:
    """Return the programs that are here; says of the others how to get them."""
    from vary import __version__  # noqa: PLC0415

    peers: list[Peer] = []
    tesseract = version_of(["tesseract", "--version"]) if shutil.which("tesseract") else ""
    code = "import importlib.metadata as m; print('RapidOCR', m.version('rapidocr'))"
    rapidocr = version_of([rapidocr_python, "-c", code]) if "rapidocr" in wanted else ""
    for name in wanted:
        if name in OWN_ROWS:
            told = f"vary {__version__}, {Path(model).name}{OWN_ROWS[name]}"
            peers.append(Worker(name, told, model=model))
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
            raise SystemExit(f"--rows {name}: there are {DEFAULT_ROWS}")
    return peers


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Answer pictures named on standard input.")
    parser.add_argument("row")
    parser.add_argument("model")
    given = parser.parse_args()
    serve(given.row, given.model)
