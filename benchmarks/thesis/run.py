"""The paper's claim at a small scale: what a vocabulary beside a general one adds, and harms.

    python benchmarks/thesis/run.py --out DIR [--scale 1.0] [--minutes N] [--seeds 1 2 3]
    python benchmarks/thesis/plot.py DIR --out docs/images

All arms, seed after seed; a vocabulary learns before the first arm that needs it (docs/thesis.md).
Each result is a JSON in DIR; what is there is not done again. One thread. Nothing is downloaded:
pictures are drawn with the installed fonts, the words are those of words.txt or letters by lot.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from arms import ARMS, Plan, train_arm
from negatives import train_further
from samples import Cache
from torch import nn
from vocabularies import (
    Learning,
    PageVocabulary,
    SceneHead,
    general_config,
    nano_vocabulary,
    scene_accuracy,
    second_config,
    sharp_config,
    train_general,
)

# At scale 1: about 75 minutes of one core.
_COUNTS = {"short": 1000, "pages": 2200, "scenes": 3000, "test-pages": 250, "test-scenes": 250}
_GENERAL = {
    "general": (general_config, 900),
    "second": (second_config, 450),
    "sharp": (sharp_config, 500),
}
_FURTHER_STEPS = 150
_ARM_STEPS, _SHORT_STEPS = 330, 110


class Workbench:
    """A run's folder, and what is in it.

    Args:
        out: the folder.
        scale: on all steps and samples.
    """

    def __init__(self, out: Path, scale: float) -> None:
        self.out, self.scale = out, scale
        counts = {part: max(32, round(count * scale)) for part, count in _COUNTS.items()}
        self.cache = Cache(out / "tokens", counts)  # type: ignore[arg-type]
        self.pages: dict[str, PageVocabulary] = {}
        out.mkdir(parents=True, exist_ok=True)

    def steps(self, number: int) -> int:
        """Return a number of steps at this scale."""
        return max(6, round(number * self.scale))

    def path(self, name: str) -> Path:
        """Return where a result lies."""
        return self.out / f"{name}.json"

    def keep(self, name: str, result: dict[str, Any]) -> None:
        """Write a result, whole or not at all."""
        beside = self.path(name).with_suffix(".part")
        beside.write_text(json.dumps(result, indent=1), encoding="utf-8")
        beside.rename(self.path(name))
        print(time.strftime("%H:%M:%S"), name, flush=True)


def save_weights(bench: Workbench, name: str, modules: dict[str, nn.Module]) -> None:
    """Keep the weights of a vocabulary and what belongs to it."""
    beside = bench.out / f"{name}.part"
    torch.save({key: module.state_dict() for key, module in modules.items()}, beside)
    beside.rename(bench.out / f"{name}.pt")


def load_weights(bench: Workbench, name: str, modules: dict[str, nn.Module]) -> None:
    """Take kept weights."""
    kept = torch.load(bench.out / f"{name}.pt", weights_only=True)
    for key, module in modules.items():
        module.load_state_dict(kept[key])
        module.eval()


def prepare_general(bench: Workbench, name: str) -> None:
    """Train a general vocabulary, and make its tokens."""
    config_of, steps = _GENERAL[name]
    config = config_of()
    if not bench.path(f"vocabulary-{name}").is_file():
        started = time.process_time()
        seed = 11 + list(_GENERAL).index(name)
        page, head, losses = train_general(config, Learning(bench.steps(steps)), seed)
        seconds = time.process_time() - started
        save_weights(bench, name, {"page": page, "head": head})
        told = scene_accuracy(page, head)
        bench.keep(
            f"vocabulary-{name}", {"losses": losses, "cpu_seconds": seconds, "accuracy": told}
        )
    page = PageVocabulary(config)
    load_weights(bench, name, {"page": page})
    add_vocabulary(bench, name, page)
    if name == "general" and not bench.cache.has("pixels"):
        bench.cache.add("pixels", page, as_pixels=True)


def add_vocabulary(bench: Workbench, name: str, page: PageVocabulary) -> None:
    """Take a vocabulary in, and make its tokens where they are not there."""
    bench.pages[name] = page
    if not bench.cache.has(name):
        started = time.process_time()
        bench.cache.add(name, page)
        print(time.strftime("%H:%M:%S"), f"tokens of {name}: {time.process_time() - started:.0f} s")


def prepare_further(bench: Workbench, name: str) -> None:
    """Train nano's vocabulary further with or without negatives, and make its tokens."""
    kind, seed = name.split("-")
    if not bench.path(f"vocabulary-{name}").is_file():
        started = time.process_time()
        learning = Learning(bench.steps(_FURTHER_STEPS))
        page, result = train_further(kind == "with", learning, int(seed))
        save_weights(bench, name, {"page": page})
        bench.keep(f"vocabulary-{name}", {**result, "cpu_seconds": time.process_time() - started})
    page = nano_vocabulary()
    load_weights(bench, name, {"page": page})
    add_vocabulary(bench, name, page)


def prepare(bench: Workbench, name: str) -> None:
    """Make a vocabulary ready, unless it is."""
    if name in bench.pages:
        return
    if name == "nano":
        add_vocabulary(bench, name, nano_vocabulary())
    elif name in _GENERAL:
        prepare_general(bench, name)
    else:
        prepare_further(bench, name)


def forgetting(bench: Workbench, page: nn.Module) -> dict[str, Any]:
    """Return what the general vocabulary's own head still tells after it learned to read."""
    general = bench.pages["general"]
    head = SceneHead(general.config.vitdet.out_channels)
    load_weights(bench, "general", {"head": head})
    assert isinstance(page, PageVocabulary)
    return {"before": scene_accuracy(general, head), "after": scene_accuracy(page.eval(), head)}


def do_arm(bench: Workbench, name: str, seed: int) -> None:
    """Train and measure an arm of a seed; vocabularies that it needs come first."""
    arm = ARMS[name]
    names = [vocabulary.format(seed=seed) for vocabulary in arm.vocabularies]
    for vocabulary in names:
        prepare(bench, vocabulary)
    plan = Plan(bench.steps(_ARM_STEPS), bench.steps(_SHORT_STEPS))
    result, model = train_arm(arm, bench.pages, bench.cache, seed, plan)
    if arm.unfrozen:
        result["own_head"] = forgetting(bench, model.vocabularies[0])
    bench.keep(f"arm-{name}-{seed}", {"arm": name, "seed": seed, **result})
    for vocabulary in names:
        if vocabulary not in {*_GENERAL, "nano"}:
            bench.cache.remove(vocabulary)  # only this arm needs it; its tokens take half a GB


def work(bench: Workbench, names: list[str], seeds: list[int]) -> Iterator[None]:
    """Do all arms that are not there yet, with a pause after each."""
    for seed in seeds:
        for name in names:
            if not bench.path(f"arm-{name}-{seed}").is_file():
                do_arm(bench, name, seed)
                yield


def main() -> None:
    """Run, or go on."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0, help="on all steps and samples")
    parser.add_argument("--minutes", type=float, help="start no arm after so many")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    given = parser.parse_args()
    torch.set_num_threads(1)
    until = time.monotonic() + 60 * given.minutes if given.minutes else float("inf")
    for _ in work(Workbench(given.out, given.scale), given.arms, given.seeds):
        if time.monotonic() > until:
            print("stopped by --minutes; the same command goes on")
            return


if __name__ == "__main__":
    main()
