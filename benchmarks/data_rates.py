"""Samples per second of an engine, by the processor's clock of the process and all it started.

Two rates of each engine: `whole`, from the building of the engine on, with all that it learns and
loads on its first samples (fonts above all); and `steady`, which leaves out the building and a
warm-up. Both come from one run. Linux.
"""

import io
import os
import sys
import time
from collections.abc import Callable, Sized
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from vary.data.engines.base import Engine, Reject, make_sample
from vary.data.engines.page.png import png_bytes
from vary.errors import VaryError

SEED = 1
# Between two looks at the processor's clock, which take some milliseconds: by the other clock.
_LOOK_S = 0.5


@dataclass(frozen=True)
class Made:
    """What came of some indices.

    Attributes:
        indices: that were tried.
        samples: that were made.
        size: bytes of their pictures and targets.
        cpu_s: of one core, for them.
    """

    indices: int
    samples: int
    size: int
    cpu_s: float


@dataclass(frozen=True)
class Rate:
    """What an engine makes.

    Attributes:
        name: of the recipe, or what else was measured.
        steady: samples per second of one core after the warm-up.
        whole: samples per second of one core from the building of the engine on.
        warm_up_s: seconds of one core that `steady` leaves out, the building aside.
        samples: that `steady` counts.
        indices: that were tried for them.
        bytes_per_sample: of pictures and target.
        mib: peak memory of all processes together, mapped files such as fonts with it.
        own_mib: at the end, without what is mapped from files.
        count: of the recipe; 0: there is none.
    """

    name: str
    steady: float
    whole: float
    warm_up_s: float
    samples: int
    indices: int
    bytes_per_sample: float
    mib: float
    own_mib: float
    count: int = 0

    @property
    def core_hours(self) -> float:
        """For the recipe's whole count of indices, at the steady rate."""
        return self.count * self.samples / self.indices / self.steady / 3600

    @property
    def gigabytes(self) -> float:
        """That the recipe's whole count takes."""
        return self.count * self.samples / self.indices * self.bytes_per_sample / 1e9


@dataclass(frozen=True)
class Window:
    """Seconds of one core: what comes before, and what is counted as steady."""

    warm_up_s: float = 5.0
    seconds: float = 10.0


def rate(build: Callable[[], Engine], name: str, window: Window, count: int = 0) -> Rate:
    """Return what an engine makes, with its building and first samples and without.

    Raises:
        VaryError: it made no sample in time.
    """
    start = tree_cpu_s()
    engine = build()
    built_s = tree_cpu_s() - start
    first = make_for(engine, 0, window.warm_up_s)
    then = make_for(engine, first.indices, window.seconds)
    if not then.samples:
        raise VaryError(f"{name}: no sample in {window.seconds} s; give other material")
    return Rate(
        name=name,
        steady=then.samples / then.cpu_s,
        whole=(first.samples + then.samples) / (built_s + first.cpu_s + then.cpu_s),
        warm_up_s=window.warm_up_s,
        samples=then.samples,
        indices=then.indices,
        bytes_per_sample=then.size / then.samples,
        mib=_tree_mib("VmHWM"),
        own_mib=_tree_mib("RssAnon"),
        count=count,
    )


def packing_share(engine: Engine, count: int = 40) -> float:
    """Return the share of an engine's time that packing its images again as PNG takes.

    Both run over the same samples, which the engine made once before.
    """
    spent = 0.0
    pictures = []
    for counted in (False, True):
        start = time.process_time()
        made = [make_sample(engine, SEED, index) for index in range(count)]
        spent = time.process_time() - start
        if not counted:
            pictures = [Image.open(io.BytesIO(sample.images[0].bytes)) for sample in made]
    for picture in pictures:
        picture.load()
    start = time.process_time()
    for picture in pictures:
        png_bytes(picture)
    return (time.process_time() - start) / spent


def make_for(engine: Engine, first: int, seconds: float) -> Made:
    """Make samples from an index on for so many seconds of the processor, half of one more at most.

    Beyond the last index of an engine that has a last one it begins anew.
    """
    there = len(engine) if isinstance(engine, Sized) else sys.maxsize
    index, samples, size = first, 0, 0
    start = tree_cpu_s()
    while (spent := tree_cpu_s() - start) < seconds:
        look = time.perf_counter() + _LOOK_S
        while time.perf_counter() < look:
            try:
                sample = make_sample(engine, SEED, index % there)
            except Reject:
                pass
            else:
                samples += 1
                size += len(sample.text.encode()) + sum(len(image.bytes) for image in sample.images)
            index += 1
    return Made(index - first, samples, size, spent)


def tree_cpu_s() -> float:
    """Return the processor seconds of the tree, those of ended and awaited children included."""
    ticks = 0
    for process in _tree():
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _tree() -> list[int]:
    """Return this process and all that it started and that still run."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [os.getpid()]
    for process in found:
        found += children.get(process, [])
    return found


def _tree_mib(kind: str) -> float:
    """Return the sum over the tree of a value of /proc/PID/status."""
    kib = 0
    for process in _tree():
        try:
            lines = Path(f"/proc/{process}/status").read_text().splitlines()
        except OSError:
            continue
        kib += next((int(line.split()[1]) for line in lines if line.startswith(kind)), 0)
    return kib / 1024
