r"""Character error of a model on the held-out blocks of its recipe, and that of guessing.

    python benchmarks/read_blocks.py recipes/page-small.yaml --model runs/page-small/pages/final \
        data.text=FOLDER [--stage pages] [--number 128] [--json FILE]

Faces and texts are those that the recipe holds out. What a model gets right without looking is
measured beside it: with a blank picture in the place of the page, and with the picture of another
page. A model that reads is far better than both.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from vary.data.engines.base import Reject
from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.train.build import load
from vary.train.measure import character_errors
from vary.train.recipe import load_recipe
from vary.train.run import stage_mixture
from vary.train.sources import Example, Materials

_TOGETHER = 16
_SPARE_TOKENS = 24


@dataclass(frozen=True)
class Result:
    """What was read of all blocks, and how wrong it is."""

    texts: list[str]
    errors: list[int]

    def rate(self, truths: Sequence[str]) -> float:
        """Return errors over characters, all blocks together."""
        return sum(self.errors) / sum(map(len, truths))

    def interval(self, truths: Sequence[str], draws: int = 2000) -> tuple[float, float]:
        """Return the 95 % bootstrap interval of the rate, by block."""
        errors, lengths = np.array(self.errors), np.array([len(text) for text in truths])
        picks = np.random.default_rng(0).integers(len(errors), size=(draws, len(errors)))
        low, high = np.percentile(errors[picks].sum(1) / lengths[picks].sum(1), [2.5, 97.5])
        return float(low), float(high)


def held_out(
    recipe_path: Path, overrides: list[str], stage_name: str, number: int
) -> list[Example]:
    """Return blocks of a stage's mixture that nothing was learned from."""
    recipe = load_recipe(recipe_path, overrides)
    stage = next((s for s in recipe.stages if s.name == stage_name), recipe.stages[-1])
    mixture = stage_mixture(recipe, stage, Materials(recipe), held_out=True)
    examples: list[Example] = []
    place = 10_000  # beyond those that the run itself is measured with
    while len(examples) < number:
        name, index = mixture.place(place)
        place += 1
        try:
            examples.append(mixture.sources[name].example(index))
        except Reject:
            continue
    return examples


@torch.no_grad()
def read(
    model: VaryForConditionalGeneration,
    processor: VaryProcessor,
    pictures: Sequence[Image.Image],
    truths: Sequence[str],
) -> Result:
    """Return what the model makes of pictures, against what stands on them."""
    texts: list[str] = []
    most = max(map(len, truths)) + _SPARE_TOKENS
    for start in range(0, len(pictures), _TOGETHER):
        inputs = processor(pictures[start : start + _TOGETHER]).to(model.device)
        with torch.autocast(model.device.type, torch.bfloat16):
            written = model.generate(**inputs, max_new_tokens=most, do_sample=False)
        texts += processor.decode_answers(written[:, inputs["input_ids"].shape[1] :])
    return Result(texts, [character_errors(a, b) for a, b in zip(texts, truths, strict=True)])


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("overrides", nargs="*", help="as for `vary train`")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--stage", default="", help="whose held-out blocks; else the last's")
    parser.add_argument("--number", type=int, default=128)
    parser.add_argument("--show", type=int, default=6, help="samples to print")
    parser.add_argument("--json", type=Path)
    given = parser.parse_intermixed_args()
    examples = held_out(given.recipe, given.overrides, given.stage, given.number)
    model, processor = load(given.model)
    model.eval()
    truths = [example.text for example in examples]
    pictures = [example.picture for example in examples]
    of_another = [*pictures[1:], pictures[0]]
    results = {
        "read": read(model, processor, pictures, truths),
        "blank picture": read(
            model, processor, [Image.new("L", p.size, 255) for p in pictures], truths
        ),
        "another's picture": read(model, processor, of_another, truths),
    }
    report = {"blocks": len(truths), "characters": sum(map(len, truths))}
    for name, result in results.items():
        low, high = result.interval(truths)
        report[name] = {"error": round(result.rate(truths), 4), "interval": [low, high]}
        print(f"{name}: character error {result.rate(truths):.4f} ({low:.4f} to {high:.4f})")
    by_page = [
        error / len(text) for error, text in zip(results["read"].errors, truths, strict=True)
    ]
    report["median of blocks"] = round(float(np.median(by_page)), 4)
    print(f"median of blocks: {report['median of blocks']}")
    for text, truth in list(zip(results["read"].texts, truths, strict=True))[: given.show]:
        print(f"\n--- truth\n{truth}\n--- read\n{text}")
    if given.json:
        report["samples"] = [
            {"truth": truth, "read": text, "errors": errors}
            for truth, text, errors in zip(
                truths, results["read"].texts, results["read"].errors, strict=True
            )
        ]
        given.json.write_text(json.dumps(report, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
