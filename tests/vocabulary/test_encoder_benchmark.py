"""`benchmarks/encoder.py` at a small size, and the operations that it counts."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "encoder.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("encoder_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flop_by_hand(patches, whole, width, layers, window, num_windows, heads, out, merge):
    """Return the operations of a forward pass over a square grid: twice the multiplications.

    Args:
        patches: on the grid.
        whole: blocks that see everything, of `layers`.
        window: side of a window; num_windows of them cover the grid.
    """
    head_dim, side = width // heads, int(patches**0.5)
    linear = patches * (width * 3 * width + width * width + 8 * width * width)
    seen = 2 * heads * head_dim * patches**2 + 2 * width * patches * side
    in_windows = num_windows * (2 * width * window**4 + 2 * width * window**3)
    neck = patches * (width * out + 9 * out * out)
    merging = patches // 4 * 9 * out * merge[0] + patches // 16 * 9 * merge[0] * merge[1]
    embed = patches * 3 * 256 * width
    blocks = layers * linear + whole * seen + (layers - whole) * in_windows
    return 2 * (embed + blocks + neck + merging)


def test_operations_equal_a_count_by_hand(script):
    small = flop_by_hand(64, 1, 48, 3, 3, 9, 4, 32, (64, 40))
    paper = flop_by_hand(4096, 4, 768, 12, 14, 25, 12, 256, (512, 1024))
    for size, expected in (("small", small), ("paper", paper)):
        counted = script.count_flop(size, batch=1)
        assert counted["forward"] == expected
        # Twice for the gradients, but none of the pixels.
        patches, width = (64, 48) if size == "small" else (4096, 768)
        assert counted["both"] == 3 * expected - 2 * patches * 3 * 256 * width
    assert script.count_flop("small", 2)["forward"] == 2 * small


def test_it_measures_both_networks_and_compares_them(script, tmp_path, monkeypatch, capsys):
    found = tmp_path / "found.json"
    arguments = ["--size", "small", "--rounds", "1", "--dtypes", "fp32", "--works", "forward"]
    monkeypatch.setattr(sys, "argv", ["encoder.py", *arguments, "--json", str(found)])
    assert script.main() == 0
    report = json.loads(found.read_text())
    assert [row["network"] for row in report["rows"]] == ["theirs", "ours"]
    for row in report["rows"]:
        assert row["forward"] > 0
        assert row["peak_mib"] > 50
        assert row["tflops"] > 0
    assert report["errors"]["ours fp32"] < 1e-5
    assert "tokens of ours fp32: relative error" in capsys.readouterr().out


def row(network: str, seconds: float, peak: float) -> dict:
    return {
        "network": network, "dtype": "bf16", "work": "forward", "forward": seconds, "peak_mib": peak
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "errors", "missed"),
    [
        (row("ours", 1.0, 100.0), {"ours bf16": 0.01}, []),
        (row("ours", 2.0, 100.0), {}, ["bf16 forward is 3.0 times as fast as theirs, not 6"]),
        (row("ours", 1.0, 200.0), {}, ["bf16 forward takes 0.50 of their memory, not a third"]),
        (row("ours", 1.0, 100.0), {"ours bf16": 0.2}, ["tokens of ours bf16 are 2.0e-01 off"]),
        (row("ours", 1.0, 100.0), {"ours bf16": float("nan")}, ["tokens of ours bf16 are nan off"]),
        ({**row("ours", 1.0, 1.0), "failed": "exit 1: x"}, {}, ["ours bf16 forward: exit 1: x"]),
    ],
)
def test_bars(script, ours, errors, missed):
    assert script.judge([row("theirs", 6.0, 400.0), ours], errors) == missed


def test_a_network_that_fails_is_told_and_the_others_go_on(script):
    options = script.parse_arguments(["--size", "small"])
    options.folder = "/nowhere"
    assert "No such file" in script.run_apart(options, "ours", "fp32", "forward")["failed"]
