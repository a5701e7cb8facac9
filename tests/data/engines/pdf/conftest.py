"""Documents made on the spot by PyMuPDF; without it the tests that need one are skipped."""

import pytest

from vary.data.engines.pdf.config import PdfConfig
from vary.data.engines.pdf.guard import Guard

A4 = (595, 842)
SENTENCES = [
    "The harbour lies open to the north, and in winter the ferries wait",
    "behind the long mole until the wind has turned. Nobody hurries; the",
    "timetable has always been a suggestion, and the mole a place to talk.",
    "Measure twice, cut once. Write the number down, and then measure it",
    "for the third time, because the board has been leaning on a radiator.",
    "Seventeen lanterns hung above the square, and nobody counted them.",
]
CHINESE = [
    "港口向北敞开，冬天渡船在长堤后面等候风向转变。",
    "没有人着急，时刻表从来只是一个建议，长堤是谈话的地方。",
]


@pytest.fixture(scope="session")
def pymupdf():
    return pytest.importorskip("pymupdf")


@pytest.fixture(scope="session")
def make_pdf(pymupdf):
    """Return a function that writes a document; each page is drawn by a function of its own."""

    def make(path, draws, size=A4, **save):
        document = pymupdf.open()
        for draw in draws:
            draw(document.new_page(width=size[0], height=size[1]))
        path.parent.mkdir(parents=True, exist_ok=True)
        document.save(path, **save)
        return path

    return make


@pytest.fixture(scope="session")
def prose():
    """Return a function that makes a page's drawer: lines of text from a point on."""

    def of(lines=SENTENCES, x=72, y=100, size=11, **options):
        def draw(page):
            for row, line in enumerate(lines):
                page.insert_text((x, y + 1.3 * size * row), line, fontsize=size, **options)

        return draw

    return of


@pytest.fixture(scope="session")
def guard():
    """Return one worker for all tests that do not kill it for good."""
    pytest.importorskip("pymupdf")
    guard = Guard(cpu_s=20, memory_mib=1024)
    yield guard
    guard.close()


@pytest.fixture
def config(tmp_path):
    """Return a function that makes a configuration that takes short pages."""

    def of(*sources, **options):
        options = {"min_characters": 20, "cache": tmp_path / "cache"} | options
        return PdfConfig(sources=sources or (tmp_path,), **options)

    return of
