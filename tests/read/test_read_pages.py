"""The figures of `benchmarks/read_pages.py`."""

import importlib.util
from pathlib import Path

import pytest

from vary.read.results import LineResult, PageResult

pytest.importorskip("rapidfuzz")


@pytest.fixture(scope="module")
def benchmark_script():
    path = Path(__file__).parents[2] / "benchmarks" / "read_pages.py"
    spec = importlib.util.spec_from_file_location("read_pages", path)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path.parent)  # as for a script
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def page():
    lines = (LineResult((0, 0, 1, 1), "abcd", 0.5, "ctc"), LineResult((0, 0, 1, 1), "", 0.5, "ctc"))
    return PageResult("a", 1, 1, "ok", text="abcd", draft="abcx", written="axxx", lines=lines)


def test_the_language_model_alone_is_measured_by_what_it_wrote(benchmark_script, page):
    found = benchmark_script.measure(page, "abcd", "lm")
    assert found == {"lm alone": 0.75, "vary read": 0.0, "ctc alone": 0.25}
    assert list(found) == ["lm alone", "vary read", "ctc alone"]
    assert benchmark_script.measure(page, "abcd", "ctc") == {"ctc alone": 0.25}


def test_a_page_has_a_line(benchmark_script, page):
    line = benchmark_script.describe("name", page, {"lm alone": 0.75}, 1.0)
    assert line == "name  lm alone 0.7500  ok  2 lines (1 by ctc)  confidence none  1.0 s"
