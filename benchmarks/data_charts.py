"""How many charts per second ECharts draws, PNG encoding included.

Two figures: by the clock (what two idle cores give: Node draws while Python waits), and by the CPU
time of both processes together (what one core gives, whatever else the machine does).

    python benchmarks/data_charts.py TEXT_FOLDER [--language en] [--count 100]
"""

import argparse
import os
import resource
import time
from pathlib import Path

from vary.data.engines.base import Reject, make_sample
from vary.data.engines.chart.echarts_renderer import EchartsRenderer
from vary.data.engines.chart.either import AnyRenderer
from vary.data.engines.chart.engine import ChartConfig, ChartEngine, build_chart_engine


def echarts_rates(text: Path, language: str, count: int) -> dict[str, float]:
    """Return charts per second by the clock and by CPU time, and what the worker weighs.

    Fonts are loaded in a round before, which is not counted.
    """
    engine = build_chart_engine(ChartConfig(text, language=language, library="echarts"))
    worker = _renderer(engine).worker
    _make(engine, count)
    start, cpu = time.perf_counter(), _cpu_seconds(worker.pid)
    made = _make(engine, count)
    seconds, cpu = time.perf_counter() - start, _cpu_seconds(worker.pid) - cpu
    memory = _worker_mib(worker.pid)
    worker.stop()
    return {
        "made": made,
        "charts_per_s": made / seconds,
        "charts_per_cpu_s": made / cpu,
        "worker_mib": memory,
        "python_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _renderer(engine: ChartEngine) -> EchartsRenderer:
    assert isinstance(engine.renderer, AnyRenderer)
    renderer = engine.renderer.renderers["echarts"]
    assert isinstance(renderer, EchartsRenderer)
    return renderer


def _make(engine: ChartEngine, count: int) -> int:
    made = 0
    for index in range(count):
        try:
            make_sample(engine, 1, index)
        except Reject:
            continue
        made += 1
    return made


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of this process and of a child (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    child = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return time.process_time() + child


def _worker_mib(pid: int) -> float:
    """Return the memory of a process, mapped files such as fonts aside (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("--language", default="en")
    parser.add_argument("--count", type=int, default=100)
    given = parser.parse_args()
    for name, value in echarts_rates(given.text, given.language, given.count).items():
        print(f"{name:18} {value:8.1f}")


if __name__ == "__main__":
    main()
