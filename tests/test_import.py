"""Importing the package and asking for help stay quick: nothing heavy is loaded for them."""

import json
import subprocess
import sys

import pytest

HEAVY = ["torch", "transformers", "pyarrow", "matplotlib", "accelerate"]
REPORT = "import json, sys; print(json.dumps([name for name in {heavy} if name in sys.modules]))"

HELP = """
import contextlib, io, sys
from vary.cli.main import main
sys.argv = ["vary", {arguments}]
with contextlib.redirect_stdout(io.StringIO()) as told:
    try:
        main()
    except SystemExit as stopped:
        assert not stopped.code, stopped.code
assert "Usage" in told.getvalue(), told.getvalue()
"""


def loaded_after(code: str, heavy: list[str]) -> list[str]:
    """Return which of the heavy modules are loaded after some code ran in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{REPORT.format(heavy=heavy)}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_heavy_import_would_be_seen():
    assert loaded_after("import safetensors.torch", ["torch"]) == ["torch"]


def test_import_vary_is_light():
    assert loaded_after("import vary", HEAVY) == []


@pytest.mark.parametrize("arguments", ['"--help"', '"read", "--help"', '"data", "--help"'])
def test_help_is_light(arguments):
    assert loaded_after(HELP.format(arguments=arguments), HEAVY) == []


def test_the_reader_is_found_when_asked_for():
    assert loaded_after("from vary import Reader; Reader.from_pretrained, Reader.read", []) == []
