"""Put a finished run's checkpoint where it ships: weights in bf16, a card beside them.

Usage: python scripts/ship_checkpoint.py RUN/STAGE/final src/vary/checkpoints/nano --card CARD.md
"""

import argparse
import hashlib
import shutil
import sys
from pathlib import Path

import torch

from vary.model import VaryForConditionalGeneration, VaryProcessor
from vary.model.configuration import STRIP_DECODERS

_LARGEST_BYTES = 24 * 2**20


def main() -> int:
    """Return 0 when the checkpoint lies in its place, 1 when it is too large to ship."""
    parser = argparse.ArgumentParser(description="Copy a checkpoint in bf16, with its card.")
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--card", type=Path, required=True, help="Markdown; {facts} is filled in")
    parser.add_argument("--decoder", choices=STRIP_DECODERS, default="lm", help="who reads strips")
    parser.add_argument(
        "--task",
        action="append",
        default=["chart"],
        help="what it reads besides what it was trained for; charts are read by any strips' reader",
    )
    arguments = parser.parse_args()
    beside = arguments.target.with_name(arguments.target.name + ".part")
    model = VaryForConditionalGeneration.from_pretrained(arguments.source, dtype=torch.bfloat16)
    model.config.strip_decoder = arguments.decoder
    # The vocabulary reads the names and numbers of charts, whatever it was trained on.
    model.config.tasks = list(dict.fromkeys([*model.config.tasks, *arguments.task]))
    model.save_pretrained(beside)
    VaryProcessor.from_pretrained(arguments.source).save_pretrained(beside)
    weights = beside / "model.safetensors"
    facts = "\n".join(
        [
            f"- parameters: {sum(p.numel() for p in model.parameters()):,} in bfloat16",
            f"- weights: {weights.stat().st_size:,} bytes, sha256 "
            f"{hashlib.sha256(weights.read_bytes()).hexdigest()}",
            f"- tasks: {', '.join(model.config.tasks)}",
        ]
    )
    card = arguments.card.read_text(encoding="utf-8").replace("{facts}", facts)
    (beside / "README.md").write_text(card, encoding="utf-8")
    weights.chmod(0o644)
    size = sum(path.stat().st_size for path in beside.iterdir())
    if size > _LARGEST_BYTES:
        print(f"{beside} has {size:,} bytes, more than {_LARGEST_BYTES:,}: not put in place")
        return 1
    shutil.rmtree(arguments.target, ignore_errors=True)
    beside.rename(arguments.target)
    print(f"{arguments.target}: {size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
