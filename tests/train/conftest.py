"""Models, batches and whole runs of the tiny recipe."""

import functools
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file

import vary.train.run
from vary.train.batches import StageBatches
from vary.train.build import build
from vary.train.log import Log
from vary.train.recipe import Recipe, StageRecipe
from vary.train.run import stage_mixture
from vary.train.sources import Materials


@pytest.fixture(scope="session")
def materials(tiny: Callable[..., Recipe]) -> Materials:
    """Return the texts and fonts of the tiny recipe."""
    return Materials(tiny())


@pytest.fixture
def built(tiny: Callable[..., Recipe], materials: Materials):
    """Return a model with initial weights, and its processor."""
    return build(tiny(), materials)


@pytest.fixture
def batches_of(built) -> Callable[..., StageBatches]:
    """Return a function that gives the batches of a recipe's stage."""

    def make(recipe: Recipe, stage: StageRecipe | int = 0, *, held_out: bool = False):
        stage = recipe.stages[stage] if isinstance(stage, int) else stage
        mixture = stage_mixture(recipe, stage, Materials(recipe), held_out=held_out)
        return StageBatches(mixture, stage, built[1])

    return make


# `vary train` with a line of the log for every step; at STEP (`stage/step`) it sends SIGNAL to
# itself, or to all processes of its group as Ctrl-C and schedulers do.
_COMMAND = """
import functools, os, signal, sys
import vary.train.run
from vary.cli.main import main
from vary.train.log import Log

class Signalling(Log):
    def _write_line(self, state):
        super()._write_line(state)
        stage = self.trainer.objective.stage.name
        if f"{stage}/{state.global_step}" == os.environ.get("STEP"):
            wish = getattr(signal, os.environ["SIGNAL"])
            if wish in (signal.SIGINT, signal.SIGTERM):
                os.killpg(os.getpgrp(), wish)
            else:
                os.kill(os.getpid(), wish)

vary.train.run.Log = functools.partial(Signalling, every=1)
sys.argv[:1] = ["vary", "train"]
main()
"""


class Runs:
    """Starts runs and looks at what they leave."""

    @staticmethod
    def quiet() -> Console:
        """Return a console that keeps what is printed: `console.file.getvalue()`."""
        return Console(file=io.StringIO(), width=200)

    @staticmethod
    def entries(folder: Path, *names: str) -> list[dict[str, Any]]:
        """Return the entries of a run's log that have these fields."""
        lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        kept = [json.loads(line) for line in lines]
        return [entry for entry in kept if all(name in entry for name in names)]

    @classmethod
    def losses(cls, folder: Path) -> list[tuple[Any, ...]]:
        """Return what training did at each step; what a later start repeats has to be the same."""
        names = ("stage", "step", "samples", "learning_rate", "grad_norm", "loss", "ctc", "text")
        rows = [tuple(e.get(name) for name in names) for e in cls.entries(folder, "loss")]
        return list(dict.fromkeys(rows))

    @staticmethod
    def weights(folder: Path) -> dict[str, torch.Tensor]:
        """Return the weights of a checkpoint."""
        return load_file(folder / "model.safetensors")

    @classmethod
    def same_weights(cls, *folders: Path) -> bool:
        """Return whether checkpoints hold the very same weights."""
        one, other = map(cls.weights, folders)
        return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)

    @staticmethod
    def command(
        *arguments: object, launcher: tuple[str, ...] = (), **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `vary train` in a group of processes of its own, and wait for it."""
        threads = str(torch.get_num_threads())
        own = {"OMP_NUM_THREADS": threads, "HF_HUB_OFFLINE": "1", **environment}
        return subprocess.run(
            [sys.executable, *launcher, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
            start_new_session=True,
            env=os.environ | own,
        )


@pytest.fixture(scope="session")
def runs() -> type[Runs]:
    """Return what starts runs and looks at what they leave."""
    return Runs


@pytest.fixture(scope="session")
def command_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a script that is `vary train`, with a line of the log for every step."""
    path = tmp_path_factory.mktemp("command") / "vary_train.py"
    path.write_text(_COMMAND, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def log_every_step() -> Iterator[None]:
    """Let runs of this process write a line of the log for every step."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vary.train.run, "Log", functools.partial(Log, every=1))
        yield
