"""A run of an engine whose samples may end their process: a program, since such runs need one.

python mortal.py FOLDER WORKERS [name=value ...]; shards of five indices, forty indices. Besides
the engine's there are two names: `ray`, a cluster's address, and `disk`, the bytes that a file may
have before the disk counts as full.
"""

import json
import os
import resource
import signal
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from vary.data.engines.base import Reject
from vary.data.schema import Sample
from vary.data.shards import Run, generate
from vary.errors import VaryError


@dataclass
class Mortal:
    """Texts of random numbers; every seventh index is rejected.

    Attributes:
        deadly: indices that end their process.
        pause_s: how long a sample takes.
        gate: a file that the samples from index 10 on wait for: what a test does before it is
            there, it does to a run with work left, however slow the machine.
        faulty: index -> what is raised there: an error number, or the text of a user's mistake.
        unborn: the engine ends the process that it is built in, unless it is the first one.
        large: index of a sample of a megabyte that no compression makes smaller.
    """

    deadly: tuple = ()
    pause_s: float = 0
    gate: str = ""
    faulty: tuple = ()
    unborn: bool = False
    large: int = -1
    name: str = "mortal"

    def __post_init__(self):
        if self.unborn and os.getpid() != int(os.environ["MORTAL_FIRST"]):
            os.kill(os.getpid(), signal.SIGKILL)

    def sample(self, index, rng):
        if index in self.deadly:
            os.kill(os.getpid(), signal.SIGSEGV)
        if index in dict(self.faulty):
            fault = dict(self.faulty)[index]
            raise OSError(fault, os.strerror(fault)) if isinstance(fault, int) else VaryError(fault)
        if index % 7 == 6:
            raise Reject("a seventh", f"index {index}")
        while self.gate and index >= 10 and not Path(self.gate).exists():
            time.sleep(0.01)
        time.sleep(self.pause_s)
        text = rng.bytes(1_000_000 if index == self.large else 8).hex()
        return Sample("", (), "document", "en", "text", text)

    def length_hint(self, index):
        return 16

    def config(self):
        return {}


def main():
    folder, workers, *options = sys.argv[1:]
    # Samples that end their process leave no images of it behind.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ["MORTAL_FIRST"] = str(os.getpid())
    values = {key: json.loads(value) for key, _, value in (o.partition("=") for o in options)}
    full_at = values.pop("disk", None)
    if full_at is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (full_at, hard))
    address = values.pop("ray", None)
    pool = None
    if address is not None:
        from vary.data.ray_pool import ray_pool

        pool = ray_pool(address)
    try:
        run = Run(Path(folder), 40, 1, 5, int(workers))
        generate(
            partial(Mortal, **values),
            run,
            lambda shard: print("shard", shard.name, flush=True),
            lambda line: print("lost", line, flush=True),
            pool,
        )
    except VaryError as error:
        sys.exit(f"told: {error}")


if __name__ == "__main__":
    main()
