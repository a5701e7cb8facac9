"""Peak memory of reading a long PDF, beside the limit of 3 GiB for 500 pages.

Run: python benchmarks/read_memory.py [--pages 500] [--fake] [--model nano] [--device auto]

Makes the PDF, reads it page by page and prints one JSON object. `--fake` leaves the model out: what
remains is rendering, cutting and the results. A reader that keeps pages shows as
`growth_mib_per_page`, on few pages too. The exit status is 1 above the limit.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vary.cli.read import load_reader
from vary.read.reader import DEFAULT_BATCH_SIZE, Reader

LIMIT_MIB = 3 * 1024
NUM_WARM_UP_PAGES = 8  # two windows of the reader: from then on memory should stand still
LINES_PER_PAGE, FONT_PT, LEADING_PT = 46, 10, 15
SENTENCE = "the reader opens one page after another and lets go of what it has read before"


@dataclass(frozen=True)
class FakeRecognition:
    """As much text as a line holds."""

    text: str
    decoder: str = "lm"
    confidence: float = 1.0
    status: str = "ok"
    draft: str = ""


class FakeRecognizer:
    """Answers without a model."""

    tasks = ("ocr",)

    def read(self, strips: Sequence[np.ndarray]) -> list[Any]:
        """Return a text as long as each strip is wide."""
        return [FakeRecognition("x" * (strip.shape[1] // 16)) for strip in strips]


def page_content(number: int) -> bytes:
    """Return a page of text, different on every page, in PDF operators."""
    rng = np.random.default_rng(number)
    lines = [" ".join(rng.choice(SENTENCE.split(), 14)) for _ in range(LINES_PER_PAGE)]
    shown = " ".join(f"({line}) Tj T*" for line in [f"Page {number}", *lines])
    return f"BT /F {FONT_PT} Tf {LEADING_PT} TL 72 770 Td {shown} ET".encode()


def write_pdf(path: Path, num_pages: int) -> None:
    """Write a PDF of A4 pages with 10 pt text."""
    kids = " ".join(f"{4 + 2 * index} 0 R" for index in range(num_pages))
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Count {num_pages} /Kids [{kids}] >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman >>",
    ]
    for index in range(num_pages):
        page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {} 0 R {} >>"
        bodies.append(page.format(5 + 2 * index, "/Resources << /Font << /F 3 0 R >> >>").encode())
        content = page_content(index + 1)
        bodies.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    offsets = []
    with path.open("wb") as file:
        file.write(b"%PDF-1.4\n")
        for number, body in enumerate(bodies, start=1):
            offsets.append(file.tell())
            file.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
        start = file.tell()
        file.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1))
        file.write(b"".join(b"%010d 00000 n \n" % offset for offset in offsets))
        trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        file.write(trailer % (len(bodies) + 1, start))


def peak_mib() -> float:
    """Return the most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def measure(reader: Reader, path: Path) -> dict[str, Any]:
    """Read a PDF, keeping the texts only, and return what it took."""
    start, start_mib, warm_mib = time.perf_counter(), peak_mib(), 0.0
    texts, states = [], set()
    for page in reader.read(path):
        texts.append(page.text)
        states.add(page.status)
        if page.page == NUM_WARM_UP_PAGES:
            warm_mib = peak_mib()
    num_grown = len(texts) - NUM_WARM_UP_PAGES
    growth = (peak_mib() - warm_mib) / num_grown if num_grown > 0 else None
    return {
        "pages": len(texts),
        "states": sorted(states),
        "characters": sum(map(len, texts)),
        "seconds_per_page": round((time.perf_counter() - start) / len(texts), 3),
        "before_mib": round(start_mib),
        "peak_mib": round(peak_mib()),
        "limit_mib": LIMIT_MIB,
        "growth_mib_per_page": None if growth is None else round(growth, 3),
    }


def main() -> int:
    """Print what reading took; return 1 if it was too much memory."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--fake", action="store_true", help="no model")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    if options.fake:
        reader = Reader(FakeRecognizer(), model="fake")
    else:
        reader = load_reader(options.model, options.device, DEFAULT_BATCH_SIZE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.pdf"
        write_pdf(path, options.pages)
        found = {"model": reader.model, **measure(reader, path)}
    print(json.dumps(found))
    return int(found["peak_mib"] > LIMIT_MIB)


if __name__ == "__main__":
    sys.exit(main())
