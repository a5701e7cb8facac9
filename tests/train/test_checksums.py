"""Checksums see every byte."""

import pytest
import torch

from vary.train.checksums import checksum

DTYPES = [torch.float32, torch.bfloat16, torch.int64, torch.bool]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [1, 7, 64, 1001])
def test_any_changed_byte_shows(dtype, size):
    tensor = torch.zeros(size, dtype=dtype)
    before = checksum(tensor)
    for place in {0, size // 2, size - 1}:
        changed = tensor.clone()
        changed[place] = 1
        assert checksum(changed) != before
        assert checksum(changed.clone()) == checksum(changed)


def test_the_lowest_bit_shows():
    tensor = torch.rand(3, 50_001)
    changed = tensor.clone()
    changed[2, 40_000] = torch.nextafter(changed[2, 40_000], torch.tensor(2.0))
    assert checksum(changed) != checksum(tensor)


def test_order_counts_across_chunks():
    """300,000 words: more than are summed at once."""
    tensor = torch.arange(300_000)
    swapped = tensor.clone()
    swapped[[0, 299_999]] = swapped[[299_999, 0]]
    rolled = tensor.roll(1 << 16)
    assert len({checksum(part) for part in (tensor, swapped, rolled)}) == 3


def test_views_are_summed_as_what_they_show():
    base = torch.arange(40, dtype=torch.float32)
    assert checksum(base[1:33]) == checksum(base[1:33].clone())
    grid = base.reshape(5, 8).t()
    assert checksum(grid) == checksum(grid.contiguous())


def test_zeros_of_other_sizes_and_nothing():
    assert checksum(torch.zeros(0)) == 0
    assert checksum(torch.tensor(3.0)) != 0
