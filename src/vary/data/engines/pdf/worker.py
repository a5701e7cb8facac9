"""A process that opens PDFs for another one, and may die of them.

It reads requests from its standard input and answers on its standard output: a line of JSON each,
an answer followed by as many bytes as its `image_bytes` says. Neither side unpickles anything:
what a document makes of this process must not reach the other.
"""

import gc
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from vary.data.engines.base import Reject
from vary.data.engines.pdf.config import PdfConfig
from vary.data.engines.pdf.made import make_page
from vary.data.engines.pdf.scan import scan_document
from vary.extras import require

try:
    import resource
except ImportError:  # not on Windows: there only the clock ends a page
    resource = None  # type: ignore[assignment]

MIB = 1 << 20
# What MuPDF keeps of glyphs and pictures (256 MiB at most) is thrown away after so many documents.
SHRINK_AFTER = 32
COLLECT_AFTER = 64
DAMAGED, ENCRYPTED = "damaged document", "encrypted document"


class Documents:
    """Opens documents, and keeps the last one open, since pages come in runs."""

    def __init__(self) -> None:
        self._key: tuple[Any, ...] = ()
        self._document: Any = None
        self._closed = 0

    def open(self, path: str, offset: int | None, size: int, sha256: str) -> Any:
        """Return a document.

        Args:
            path: of the file, or of the archive that it lies in.
            offset: where it begins in the archive; None: it is the file.
            size: bytes.
            sha256: what it had when it was listed; with it the document is known again.

        Raises:
            Reject: damaged or encrypted.
        """
        key = (path, offset, size, sha256)
        if key != self._key:
            self.close()
            self._document = _open(path, offset, size)
            self._key = key
        return self._document

    def close(self) -> None:
        """Close the document that is open."""
        self._key = ()
        if self._document is not None:
            with suppress(Exception):
                self._document.close()
            self._document = None
            self._closed += 1
            if self._closed % SHRINK_AFTER == 0:
                require("pymupdf", extra="pdf").TOOLS.store_shrink(100)


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until there are no more."""
    documents = Documents()
    # A page is a hundred thousand short-lived objects, which are freed without the collector.
    gc.disable()
    for number, line in enumerate(requests, start=1):
        if number % COLLECT_AFTER == 0:
            gc.collect()
        request = json.loads(line)
        image = b""
        _allow_cpu(request["cpu_s"])
        try:
            answer, image = _answer(request, documents)
        except Reject as reject:
            answer = {"reason": reject.reason, "detail": reject.detail}
        except MemoryError:
            answer = {"died": "memory"}
        except (AttributeError, NameError, TypeError, LookupError, AssertionError) as error:
            answer = {"reason": f"fault: {type(error).__name__}", "detail": _told(error)}
        except Exception as error:  # the edge: whatever a document makes the library raise
            answer = {"reason": DAMAGED, "detail": _told(error)}
            if "malloc" in str(error) or "memory" in str(error).lower():
                answer = {"died": "memory"}
        answers.write(json.dumps(answer | {"image_bytes": len(image)}).encode() + b"\n")
        answers.write(image)
        answers.flush()
        if "died" in answer:
            return  # what is left of the heap is not to be trusted


def _answer(request: dict[str, Any], documents: Documents) -> tuple[dict[str, Any], bytes]:
    document = documents.open(*request["document"])
    if request["do"] == "scan":
        try:
            return {"scan": scan_document(document)}, b""
        finally:
            documents.close()
    config = PdfConfig(sources=(Path(),), **request["config"])
    number = request["page"]
    try:
        page = document.load_page(number)
    except MemoryError:
        raise
    except Exception as error:
        raise Reject("damaged page", _told(error)) from error
    made = make_page(page, config, long_side_px=request["long_side_px"], dpi=request["dpi"])
    answer = {"text": made.text, "words": made.words, "size": made.size, "meta": made.meta}
    return answer, made.image


def _open(path: str, offset: int | None, size: int) -> Any:
    pymupdf = require("pymupdf", extra="pdf")
    try:
        if offset is None:
            document = pymupdf.open(path, filetype="pdf")
        else:
            with Path(path).open("rb") as archive:
                archive.seek(offset)
                document = pymupdf.open(stream=archive.read(size), filetype="pdf")
    except MemoryError:
        raise
    except Exception as error:
        raise Reject(DAMAGED, _told(error, path)) from error
    if document.needs_pass:
        document.close()
        raise Reject(ENCRYPTED, "it opens with a password only")
    return document


def _told(error: Exception, path: str = "") -> str:
    """Return what an error says, without the path: sets are equal wherever documents lie."""
    told = str(error).replace(path, "...") if path else str(error)
    return " ".join(told.split())[:200] or type(error).__name__


def _allow_cpu(seconds: int) -> None:
    """Let the system end this process if the request takes so many more processor seconds."""
    if resource is None:
        return
    used = sum(os.times()[:2])
    resource.setrlimit(resource.RLIMIT_CPU, (int(used) + seconds + 1, resource.RLIM_INFINITY))


def main(memory_mib: int) -> None:
    """Serve on standard input and output, within so much address space."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what the library prints must not come between the answers
    pymupdf = require("pymupdf", extra="pdf")
    pymupdf.TOOLS.mupdf_display_errors(on=False)
    pymupdf.TOOLS.mupdf_display_warnings(on=False)
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (memory_mib * MIB, memory_mib * MIB))
    answers.write(b"ready\n")
    answers.flush()
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main(int(sys.argv[1]))
