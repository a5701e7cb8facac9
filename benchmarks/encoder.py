"""Time and memory of the vision encoder, ours beside transformers' GOT-OCR2 encoder.

    python benchmarks/encoder.py [--threads 2] [--json FILE] [--check]

Both networks get the same random weights and the same image, and give 256 tokens of 1024 channels.
Each figure comes from a process of its own that holds one network, so that peak memory is that
network's: on a CPU the process's peak resident memory (VmHWM, the libraries included), on a GPU
what the allocator held at most. The outputs are compared in the same run.

On a GPU (`--device cuda`) theirs is the authors' way, eager attention; ours goes through the fused
kernel and through FlexAttention, and with `--compile` through torch.compile too. The share of the
device's peak (MFU) counts the operations of the formula, not those that a kernel makes besides.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from vary.vocabulary import ViTDetConfig, ViTDetVocabulary
from vary.vocabulary.attention import WAYS, RelativeAttention
from vary.vocabulary.weights import find_encoder

SIZES: dict[str, dict[str, Any]] = {
    "paper": {},
    "small": {
        "image_size": 128, "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4,
        "window_size": 3, "global_blocks": [1], "out_channels": 32, "merge_channels": [64, 40],
    },
}  # fmt: skip
WORKS = ("forward", "both")
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
# How many times as fast as theirs on two CPU cores, and what part of their peak memory.
BARS = {("bf16", "forward"): 6.0, ("fp32", "forward"): 2.5, ("bf16", "both"): 3.0}
MEMORY_BAR = 1 / 3
# Relative error of the tokens against theirs in fp32 (norm of the difference over the norm).
PARITY_BARS = {"fp32": 1e-4, "bf16": 0.05}
# Dense bf16, TFLOP/s, from the makers' data sheets; parts of the names that torch gives.
PEAKS = {"H100": 989.0, "H200": 989.0, "A100": 312.0}


class Reference(nn.Module):
    """Transformers' encoder and convolutions under the names that they have in a checkpoint."""

    def __init__(self, config: ViTDetConfig) -> None:
        from transformers import GotOcr2Config  # noqa: PLC0415 - our processes do without
        from transformers.models.got_ocr2 import modeling_got_ocr2  # noqa: PLC0415

        super().__init__()
        vision = {
            "image_size": config.image_size[0],
            "patch_size": config.patch_size[0],
            "hidden_size": config.hidden_size,
            "num_hidden_layers": config.num_hidden_layers,
            "num_attention_heads": config.num_attention_heads,
            "window_size": config.window_size[0],
            "global_attn_indexes": list(config.global_blocks),
            "mlp_dim": int(config.hidden_size * config.mlp_ratio),
            "output_channels": config.out_channels,
        }
        text = {"model_type": "qwen2", "hidden_size": config.token_size}
        whole = GotOcr2Config(vision_config=vision, text_config=text)
        self.vision_tower = modeling_got_ocr2.GotOcr2VisionEncoder(whole.vision_config)
        self.multi_modal_projector = modeling_got_ocr2.GotOcr2MultiModalProjector(whole)
        del self.multi_modal_projector.multimodal_projector

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (B, tokens, C) of (B, 3, H, W) pixels."""
        features = self.vision_tower(pixels).last_hidden_state
        halved = self.multi_modal_projector.conv_upsampler1(features)
        return self.multi_modal_projector.conv_upsampler2(halved).flatten(2).transpose(1, 2)


@torch.no_grad()
def randomise(module: nn.Module) -> None:
    """Give every parameter values of the scale that trained ones have."""
    generator = torch.Generator().manual_seed(0)
    for name, parameter in module.named_parameters():
        values = torch.randn(parameter.shape, generator=generator)
        if "rel_pos" in name:
            values *= 0.5
        elif "norm" in name:
            values = values * 0.1 + (1 if name.endswith("weight") else 0)
        elif name.endswith("bias"):
            values *= 0.1
        elif "pos_embed" not in name:
            values *= parameter[0].numel() ** -0.5
        parameter.copy_(values)


def build(network: str, config: ViTDetConfig, state: dict[str, Tensor]) -> nn.Module:
    """Return a network that holds these tensors, without a copy of them.

    Args:
        network: ``theirs``, or one of ours: a name of `WAYS`, or ``ours`` for the choice by device.
        config: sizes.
        state: `Reference`'s weights.
    """
    with torch.device("meta"):
        module = Reference(config) if network == "theirs" else ViTDetVocabulary(config)
    module.load_state_dict(state if network == "theirs" else find_encoder(state), assign=True)
    for part in module.modules():
        if isinstance(part, RelativeAttention) and network in WAYS:
            part.way = network
    return module.requires_grad_()


def tokens_of(output: Any) -> Tensor:
    """Return the tokens of either network's output."""
    return output if isinstance(output, Tensor) else output.last_hidden_state


def synchronise(device: str) -> None:
    """Wait until the device has done what it was given."""
    if device == "cuda":
        torch.cuda.synchronize()


def peak_mib(device: str) -> float:
    """Return the most memory that this process has held on the device."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 2**10
    raise RuntimeError("/proc/self/status has no VmHWM: peak memory is measured on Linux alone")


def timed(work: Callable[[], Any], device: str) -> tuple[Any, float]:
    """Return what the work gave and its seconds."""
    synchronise(device)
    start = time.perf_counter()
    result = work()
    synchronise(device)
    return result, time.perf_counter() - start


def time_forward(module: nn.Module, pixels: Tensor, device: str) -> dict[str, float]:
    """Return seconds of a forward pass that keeps nothing."""
    with torch.inference_mode():
        return {"forward": timed(lambda: module(pixels), device)[1]}


def time_both(module: nn.Module, pixels: Tensor, device: str) -> dict[str, float]:
    """Return seconds of a forward and a backward pass, apart and together."""
    output, forward = timed(lambda: module(pixels), device)
    loss = tokens_of(output).float().square().sum()
    backward = timed(loss.backward, device)[1]
    module.zero_grad(set_to_none=True)
    return {"forward_part": forward, "backward_part": backward, "both": forward + backward}


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Return the median seconds and the peak memory of one network, in this process.

    The tokens of `forward` go to a file beside the weights.
    """
    torch.set_num_threads(options.threads)
    config, device = ViTDetConfig(**SIZES[options.size]), options.device
    stored = torch.load(options.weights, map_location=device, mmap=device == "cpu")
    pixels = stored.pop("pixels").repeat(options.batch, 1, 1, 1)
    module = build(options.network, config, stored)
    del stored
    run = torch.compile(module) if options.compile else module
    take = time_forward if options.work == "forward" else time_both
    for _ in range(options.warm_up):
        take(run, pixels, device)
    rounds = [take(run, pixels, device) for _ in range(options.rounds)]
    found = {name: statistics.median(part[name] for part in rounds) for name in rounds[0]}
    found["peak_mib"] = peak_mib(device)
    if options.work == "forward":
        with torch.inference_mode():
            torch.save(tokens_of(run(pixels[:1])).float().cpu().clone(), options.tokens)
    return found


def count_flop(size: str, batch: int) -> dict[str, float]:
    """Return floating-point operations of the formula, forward and forward with backward."""
    with torch.device("meta"):
        config = ViTDetConfig(**SIZES[size])
        module, pixels = ViTDetVocabulary(config), torch.empty(batch, 3, *config.image_size)
    counted = {}
    for work in ("forward", "both"):
        with FlopCounterMode(display=False) as counter:
            tokens = module(pixels).last_hidden_state
            if work == "both":
                tokens.sum().backward()
        counted[work] = float(counter.get_total_flops())
    return counted


def run_apart(options: argparse.Namespace, network: str, dtype: str, work: str) -> dict[str, Any]:
    """Return `measure` of one network from a process of its own."""
    network, _, compiled = network.partition("+")
    folder = Path(options.folder)
    tokens = folder / f"{network}{compiled}-{dtype}.pt"
    command = [
        sys.executable, __file__, "--measure", "--network", network, "--work", work,
        "--weights", str(folder / f"{dtype}.pt"), "--tokens", str(tokens),
    ]  # fmt: skip
    for name in ("size", "device", "batch", "threads", "rounds", "warm_up"):
        command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    done = subprocess.run(
        command + ["--compile"] * bool(compiled), capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"failed": f"exit {done.returncode}: {last}"}
    return json.loads(done.stdout.splitlines()[-1])


def write_inputs(options: argparse.Namespace) -> None:
    """Write the weights and the image that both networks get, in each precision."""
    config = ViTDetConfig(**SIZES[options.size])
    reference = Reference(config)
    randomise(reference)
    pixels = torch.randn(1, 3, *config.image_size, generator=torch.Generator().manual_seed(1))
    for dtype in options.dtypes:
        state = {**reference.state_dict(), "pixels": pixels}
        state = {name: value.to(DTYPES[dtype]) for name, value in state.items()}
        torch.save(state, Path(options.folder) / f"{dtype}.pt")


def compare_tokens(options: argparse.Namespace, networks: list[str]) -> dict[str, float]:
    """Return the relative error of each network's tokens against theirs in fp32, or in bf16."""
    folder = Path(options.folder)
    exact = next((p for d in ("fp32", "bf16") if (p := folder / f"theirs-{d}.pt").is_file()), None)
    if exact is None:
        return {}
    expected = torch.load(exact)
    errors = {}
    for network in networks:
        for dtype in options.dtypes:
            path = folder / f"{network.replace('+', '')}-{dtype}.pt"
            if path.is_file() and path != exact:
                found = torch.load(path)
                errors[f"{network} {dtype}"] = float((found - expected).norm() / expected.norm())
    return errors


def judge(rows: list[dict[str, Any]], errors: dict[str, float]) -> list[str]:
    """Return what does not hold, in words."""
    by_key = {(row["network"], row["dtype"], row["work"]): row for row in rows}
    wrong = [
        f"{row['network']} {row['dtype']} {row['work']}: {row['failed']}"
        for row in rows
        if "failed" in row
    ]
    for (network, dtype, work), ours in by_key.items():
        theirs = by_key.get(("theirs", dtype, work), {})
        if network != "ours" or "failed" in ours or not theirs or "failed" in theirs:
            continue
        times = theirs[work] / ours[work]
        bar = BARS.get((dtype, work))
        if bar and times < bar:
            wrong.append(f"{dtype} {work} is {times:.1f} times as fast as theirs, not {bar:g}")
        share = ours["peak_mib"] / theirs["peak_mib"]
        if share > MEMORY_BAR:
            wrong.append(f"{dtype} {work} takes {share:.2f} of their memory, not a third")
    for name, error in errors.items():
        if not name.startswith("theirs") and not error < PARITY_BARS[name.rsplit(" ", 1)[-1]]:
            wrong.append(f"tokens of {name} are {error:.1e} off")
    return wrong


def describe(row: dict[str, Any], theirs: dict[str, Any], rate: float | None) -> str:
    """Return the line of a network.

    Args:
        row: its figures.
        theirs: those of transformers' network at the same work.
        rate: its TFLOP/s over the device's peak; None where that is not known.
    """
    name = f"{row['dtype']}  {row['work']:8s} {row['network']:14s}"
    if "failed" in row:
        return f"{name} failed: {row['failed']}"
    line = f"{name} {row[row['work']]:8.3f} s  {row['peak_mib']:7.0f} MiB"
    if "backward_part" in row:
        line += f"  (forward {row['forward_part']:.3f}, backward {row['backward_part']:.3f} s)"
    if row["network"] != "theirs" and theirs and "failed" not in theirs:
        times = theirs[row["work"]] / row[row["work"]]
        line += f"  {times:.2f} x, {row['peak_mib'] / theirs['peak_mib']:.2f} of the memory"
    return line + (f"  MFU {rate:.1%}" if rate is not None else "")


def peak_tflops(options: argparse.Namespace) -> float | None:
    """Return the device's peak in TFLOP/s, if it is known."""
    if options.peak_tflops is not None or options.device != "cuda":
        return options.peak_tflops
    name = torch.cuda.get_device_name()
    return next((peak for part, peak in PEAKS.items() if part in name), None)


def product_rate(options: argparse.Namespace, dtype: str) -> float:
    """Return the TFLOP/s of this machine's matrix products, at the size of the network's MLP."""
    device = torch.device(options.device)
    patches = torch.randn(4096, 768, device=device).to(DTYPES[dtype])
    layer = nn.Linear(768, 3072, device=device, dtype=DTYPES[dtype])
    torch.set_num_threads(options.threads)
    with torch.inference_mode():
        seconds = min(timed(lambda: layer(patches), options.device)[1] for _ in range(10))
    return 2 * 4096 * 768 * 3072 / seconds / 1e12


def describe_limit(rate: float, flop: float, theirs: dict[str, Any], work: str) -> str:
    """Return the line that says what this machine's products alone would take."""
    least = flop / rate / 1e12
    line = f"      limit: products at {rate:.2f} TFLOP/s alone take {least:.2f} s"
    if theirs and "failed" not in theirs:
        line += f", {theirs[work] / least:.1f} x at most"
    return line


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--size", choices=sorted(SIZES), default="paper")
    parser.add_argument("--batch", type=int, default=1, help="images at once")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warm-up", type=int, default=1)
    parser.add_argument("--dtypes", nargs="+", choices=sorted(DTYPES), default=sorted(DTYPES))
    parser.add_argument("--works", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--networks", nargs="+", help="theirs, ours, fused, flex, blocks, plain")
    parser.add_argument("--compile", action="store_true", help="ours compiled, besides")
    parser.add_argument("--peak-tflops", type=float, help="of the device, for MFU")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a bar is missed")
    hidden = parser.add_argument_group("of the processes that measure")
    hidden.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    for name in ("network", "work", "weights", "tokens"):
        hidden.add_argument(f"--{name}", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def choose_networks(options: argparse.Namespace) -> list[str]:
    """Return the networks to measure: theirs first, so that ours are told beside it."""
    if options.networks:
        names = list(options.networks)
    else:
        names = ["theirs", "ours"] + ["flex"] * (options.device == "cuda")
    if options.compile:
        names += [f"{name}+compile" for name in names]
    return names


def compare(options: argparse.Namespace) -> int:
    """Measure all, print a table and return 1 if a bar was asked for and missed."""
    networks = choose_networks(options)
    flop, peak = count_flop(options.size, options.batch), peak_tflops(options)
    rows: list[dict[str, Any]] = []
    write_inputs(options)
    rates = {dtype: product_rate(options, dtype) for dtype in options.dtypes}
    for dtype in options.dtypes:
        for work in options.works:
            theirs: dict[str, Any] = {}
            for network in networks:
                found = run_apart(options, network, dtype, work)
                row = {"network": network, "dtype": dtype, "work": work, **found}
                theirs = row if network == "theirs" else theirs
                rate = None
                if "failed" not in row:
                    row["tflops"] = flop[work] / row[work] / 1e12
                    rate = row["tflops"] / peak if peak else None
                rows.append(row)
                print(describe(row, theirs, rate), flush=True)
            print(describe_limit(rates[dtype], flop[work], theirs, work), flush=True)
    errors = compare_tokens(options, networks)
    for name, error in errors.items():
        print(f"tokens of {name}: relative error {error:.1e}")
    wrong = judge(rows, errors)
    print("\n".join(f"missed: {line}" for line in wrong) or "all bars hold")
    if options.json:
        report = {"torch": torch.__version__, "device": options.device, "flop": flop,
                  "product_tflops": rates, "rows": rows, "errors": errors,
                  "missed": wrong}  # fmt: skip
        options.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    return int(options.check and bool(wrong))


def main() -> int:
    """Run the comparison, or one measurement for it."""
    options = parse_arguments()
    if options.measure:
        print(json.dumps(measure(options)))
        return 0
    with tempfile.TemporaryDirectory() as options.folder:
        return compare(options)


if __name__ == "__main__":
    sys.exit(main())
