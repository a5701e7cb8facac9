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

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from rich.console import Console
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

import vary.train.run
from vary.data.schema import EncodedImage, Sample, write_samples
from vary.model.building import add_image_tokens, build_vary
from vary.model.configuration import config_from_dict
from vary.model.tokenizer import train_tokenizer
from vary.model.tower import TowerConfig
from vary.train.batches import StageBatches
from vary.train.build import build
from vary.train.log import Log
from vary.train.recipe import Recipe, StageRecipe, load_recipe
from vary.train.run import stage_mixture
from vary.train.sources import Materials
from vary.vocabulary import ViTDetConfig


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


# `vary train` with a line of the log for every step. At STEP (`stage/step`) the process of rank BY
# sends SIGNAL to itself, or to all processes of its group as Ctrl-C and schedulers do. With LOOK,
# each process writes there what it holds behind the first step.
_COMMAND = """
import functools, json, os, signal
import sys
from pathlib import Path
import torch
import vary.train.run
from torch.distributed.tensor import DTensor
from vary.cli.main import main
from vary.train.log import Log
from vary.train.sharding import local

rank, env = os.environ.get("RANK", "0"), os.environ

class Signalling(Log):
    def on_step_end(self, args, state, control, **kwargs):
        super().on_step_end(args, state, control, **kwargs)
        step = f"{self.trainer.objective.stage.name}/{state.global_step}"
        if (step, rank) == (env.get("STEP"), env.get("BY", "0")):
            wish = getattr(signal, env["SIGNAL"])
            if wish in (signal.SIGINT, signal.SIGTERM):
                os.killpg(os.getpgrp(), wish)
            else:
                os.kill(os.getpid(), wish)
        if "LOOK" in env and state.global_step == 1:
            self.look(Path(env["LOOK"]) / f"{rank}.json")

    def look(self, path):
        parameters = dict(self.trainer.objective.model.named_parameters())
        state = self.trainer.optimizer.state_dict()["state"]
        moments = [one["exp_avg"] for one in state.values()]
        path.write_text(json.dumps({
            "shared": [n for n, p in parameters.items() if isinstance(p, DTensor)],
            "whole": [n for n, p in parameters.items() if not isinstance(p, DTensor)],
            "trained": [n for n, p in parameters.items() if p.requires_grad],
            "numbers": sum(p.numel() for p in parameters.values()),
            "held": sum(local(p).numel() for p in parameters.values()),
            "moments": sum(m.numel() for m in moments),
            "moments_held": sum(local(m).numel() for m in moments),
        }))

vary.train.run.Log = functools.partial(Signalling, every=1)
sys.argv[:1] = ["vary", "train"]
main()
"""
LAUNCHER = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


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
    def farthest(cls, one: Path, other: Path) -> tuple[float, float]:
        """Return by how much two runs' losses differ at most, and norms of gradients, relatively.

        Steps, samples and rates have to be the same.
        """
        rows = [cls.losses(folder) for folder in (one, other)]
        assert [row[:4] for row in rows[0]] == [row[:4] for row in rows[1]]
        pairs = list(zip(*rows, strict=True))
        norms = max(abs(ours[4] / theirs[4] - 1) for ours, theirs in pairs)
        losses = [
            abs(a - b)
            for ours, theirs in pairs
            for a, b in zip(ours[5:], theirs[5:], strict=True)
            if a is not None
        ]
        print(f"{other.name}: losses {max(losses):.1e}, norms {norms:.1e}")
        return max(losses), norms

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
        *arguments: object, devices: int = 1, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `vary train` in a group of processes of its own, and wait for it."""
        launcher = LAUNCHER if devices == 2 else ()
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


_PAGE_TEXTS = ("harbour", "seven ferries", "a long mole", "north", "measure twice", "lanterns")
_FIRST_VOCABULARY = {
    "image_size": [64, 128],
    "patch_size": 8,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "window_size": 7,
    "global_blocks": [1],
    "out_channels": 16,
    "merge_channels": [24, 32],
}
_LANGUAGE_MODEL = {
    "model_type": "llama",
    "hidden_size": 48,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 96,
    "tie_word_embeddings": True,
}
_IMAGE = {"height": 64, "width": 128, "mean": [0.9, 0.9, 0.9], "std": [0.5, 0.5, 0.5]}


def _base(folder: Path) -> None:
    """Write a model as Vary-base is one: CLIP beside a ViTDet before a language model."""
    torch.manual_seed(5)
    greek = "".join(map(chr, range(0x3B1, 0x3F0)))  # as many pieces as the recipe has, or more
    tokenizer = train_tokenizer(list(_PAGE_TEXTS), 400, greek, 4)
    assert len(tokenizer) >= 300
    fields = {"vocab_size": len(tokenizer), "bos_token_id": None}
    fields |= {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    config = config_from_dict({**_LANGUAGE_MODEL, **fields})
    language_model = AutoModelForCausalLM.from_config(config)
    add_image_tokens(language_model, tokenizer)
    clip = {"image_size": 32, "patch_size": 16, "hidden_size": 32, "intermediate_size": 48}
    clip |= {"num_hidden_layers": 2, "num_attention_heads": 2, "attention_dropout": 0.5}
    model, processor = build_vary(
        [ViTDetConfig(**_FIRST_VOCABULARY), TowerConfig(clip, layer=-2, input_size=[32, 64])],
        language_model,
        tokenizer,
        image_rules=[_IMAGE, {"height": 32, "width": 64, "mean": [0.5] * 3, "std": [0.3] * 3}],
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)


def _pages(path: Path) -> None:
    """Write a set of small noisy pages."""
    rng = np.random.default_rng(0)
    samples = []
    for number in range(48):
        file = io.BytesIO()
        pixels = rng.integers(256, size=(64, 128)).astype(np.uint8)
        Image.fromarray(pixels).save(file, format="PNG")
        image = EncodedImage(file.getvalue(), "a.png", 128, 64)
        text = _PAGE_TEXTS[number % len(_PAGE_TEXTS)]
        samples.append(Sample(f"s/{number}", (image,), "document", "en", "text", text))
    path.parent.mkdir()
    write_samples(samples, path)


@pytest.fixture(scope="session")
def base_recipe_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a recipe as of the paper's second model: two frozen vocabularies, the rest trained."""
    folder = tmp_path_factory.mktemp("base")
    _base(folder / "init")
    _pages(folder / "set" / "part-00000.parquet")
    fields = {
        "name": "base",
        "seed": 4,
        "precision": "fp32",
        "num_workers": 0,
        "validation_samples": 1,
        "init": str(folder / "init"),
        "model": {"vocabulary": _FIRST_VOCABULARY, "text": _LANGUAGE_MODEL, "image": _IMAGE}
        | {"tokenizer": {"vocabulary_size": 300}},
        "data": {"sources": [{"name": "pages", "kind": "shards", "path": str(folder / "set")}]},
        "stages": [
            {
                "name": "read",
                "objective": "text",
                "frozen": ["vocabularies.*"],
                "steps": 10,
                "batch_size": 4,
                "learning_rate": 1.0e-2,
                "warmup_steps": 2,
                "validate_steps": 100,
                "save_steps": 5,
            }
        ],
    }
    path = folder / "base.yaml"
    path.write_text(yaml.safe_dump(fields, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def base(base_recipe_file: Path) -> Callable[..., Recipe]:
    """Return a function that gives the recipe of two frozen vocabularies with overrides."""
    return lambda *overrides: load_recipe(base_recipe_file, overrides)
