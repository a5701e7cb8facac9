"""Sums that tell whether a byte of a tensor changed, at the speed that memory is read with."""

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

# Words of 8 bytes that are summed at once: few enough for a core's cache, enough to keep a GPU
# busy. What is computed beside the tensor is as small, whatever the tensor's size.
_CPU_WORDS, _DEVICE_WORDS = 1 << 16, 1 << 22
_WORD_BYTES = 8
_CHAIN = 6364136223846793005  # odd, so that no change is lost by multiplying (modulo 2^64)


@torch.no_grad()
def checksum(tensor: Tensor) -> int:
    """Return a sum over a tensor's bytes, weighted by their places, modulo 2^64.

    Words of 8 bytes count by odd weights, so that a change in one word always shows, and changes in
    several go unseen by a chance of about 1 in 2^64. It is no protection against intent. Sums of
    integers do not depend on their order, so devices agree. Of a sharded tensor it is the sum of
    this process's own share.
    """
    data = tensor.to_local() if isinstance(tensor, DTensor) else tensor
    data = data.detach().contiguous().flatten().view(torch.uint8)
    size = _CPU_WORDS if data.device.type == "cpu" else _DEVICE_WORDS
    weights = torch.arange(1, 2 * size, 2, device=data.device)
    total = torch.zeros((), dtype=torch.int64, device=data.device)
    for chunk in data.split(size * _WORD_BYTES):
        words = _words(chunk)
        total = total * _CHAIN + (words * weights[: len(words)]).sum()
    return int(total)


def _words(chunk: Tensor) -> Tensor:
    """Return bytes as integers of 8 bytes, zeros behind the last."""
    missing = -len(chunk) % _WORD_BYTES
    if missing:
        chunk = torch.cat([chunk, chunk.new_zeros(missing)])
    elif chunk.storage_offset() % _WORD_BYTES:
        chunk = chunk.clone()
    return chunk.view(torch.int64)
