"""Morphology, runs and connected components of page images in plain numpy."""

from dataclasses import dataclass

import numpy as np

from vary.read.cutting.layout import Box


def running_max(image: np.ndarray, size: int, axis: int) -> np.ndarray:
    """Return the maximum over centred windows of `size` pixels along `axis`, edges repeated."""
    size = min(max(1, size), image.shape[axis])
    before = size // 2
    pad = [(0, 0), (0, 0)]
    pad[axis] = (before, size - 1 - before)
    out = np.pad(image, pad, mode="edge")
    covered = 1
    while covered < size:
        step = min(covered, size - covered)
        left = out[:-step] if axis == 0 else out[:, :-step]
        right = out[step:] if axis == 0 else out[:, step:]
        out = np.maximum(left, right)
        covered += step
    return out


def close_dark(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Fill dark features into which no `width` x `height` rectangle fits (grey closing)."""
    for axis, size in ((0, height), (1, width)):
        image = running_max(image, size | 1, axis)
    image = 255 - image
    for axis, size in ((0, height), (1, width)):
        image = running_max(image, size | 1, axis)
    return 255 - image


@dataclass(frozen=True)
class Runs:
    """Maximal horizontal runs of ink, row by row: `row`, half-open `x0`, `x1`; all (R,)."""

    row: np.ndarray
    x0: np.ndarray
    x1: np.ndarray

    @classmethod
    def of(cls, mask: np.ndarray) -> "Runs":
        """Return the runs of True in a (H, W) mask."""
        height, width = mask.shape
        padded = np.zeros((height, width + 2), np.int8)
        padded[:, 1:-1] = mask
        flips = np.flatnonzero(np.diff(padded, axis=1).ravel())
        row, x = np.divmod(flips, width + 1)
        return cls(row[::2], x[::2], x[1::2])

    def pixels(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return rows, columns and run indices of all pixels of the runs; each (P,)."""
        length = self.x1 - self.x0
        index = np.repeat(np.arange(len(length)), length)
        offset = np.arange(len(index)) - np.repeat(np.cumsum(length) - length, length)
        return self.row[index], self.x0[index] + offset, index


@dataclass(frozen=True)
class Components:
    """8-connected components: boxes `x0, y0, x1, y1` and `area`, all (N,) int; and their runs."""

    x0: np.ndarray
    y0: np.ndarray
    x1: np.ndarray
    y1: np.ndarray
    area: np.ndarray
    runs: Runs
    label: np.ndarray
    """(R,) component of each run."""

    def __len__(self) -> int:
        return len(self.x0)

    @property
    def width(self) -> np.ndarray:
        """Widths of the boxes."""
        return self.x1 - self.x0

    @property
    def height(self) -> np.ndarray:
        """Heights of the boxes."""
        return self.y1 - self.y0

    def box(self, index: int) -> Box:
        """Return the box of one component."""
        values = (self.x0, self.y0, self.x1, self.y1)
        x0, y0, x1, y1 = (int(value[index]) for value in values)
        return x0, y0, x1, y1

    @classmethod
    def of(cls, mask: np.ndarray) -> "Components":
        """Return the components of True in a (H, W) mask."""
        runs = Runs.of(mask)
        return cls.from_labels(runs, _label_runs(runs, mask.shape[1]))

    @classmethod
    def from_labels(cls, runs: Runs, label: np.ndarray) -> "Components":
        """Return the components that `label` (R,), 0..N-1, makes of the runs."""
        count = int(label.max()) + 1 if len(label) else 0
        far = np.iinfo(np.int64).max
        x0, y0 = np.full(count, far), np.full(count, far)
        x1, y1 = np.zeros(count, np.int64), np.zeros(count, np.int64)
        np.minimum.at(x0, label, runs.x0)
        np.minimum.at(y0, label, runs.row)
        np.maximum.at(x1, label, runs.x1)
        np.maximum.at(y1, label, runs.row + 1)
        area = np.bincount(label, weights=runs.x1 - runs.x0, minlength=count).astype(np.int64)
        return cls(x0, y0, x1, y1, area, runs, label)

    def select(self, keep: np.ndarray) -> "Components":
        """Return only the components where `keep` (N,) bool is True."""
        number = np.cumsum(keep) - 1
        inside = keep[self.label]
        runs = Runs(self.runs.row[inside], self.runs.x0[inside], self.runs.x1[inside])
        return Components.from_labels(runs, number[self.label[inside]])

    def split_at(self, component: int, rows: list[int]) -> "Components":
        """Return the components with one of them cut above each of `rows`; new ones at the end."""
        label = self.label.copy()
        mine = label == component
        for row in rows:
            label[mine & (self.runs.row >= row)] = label.max() + 1
        present = np.unique(label)
        return Components.from_labels(self.runs, np.searchsorted(present, label))


def _touching(runs: Runs, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of runs (upper, lower) that touch, corners included."""
    stride = width + 2
    start, end = runs.row * stride + runs.x0, runs.row * stride + runs.x1
    low = np.searchsorted(end, start + stride, side="left")
    high = np.searchsorted(start, end + stride, side="right")
    count = np.maximum(high - low, 0)
    upper = np.repeat(np.arange(len(start)), count)
    offset = np.arange(len(upper)) - np.repeat(np.cumsum(count) - count, count)
    return upper, low[upper] + offset


def _label_runs(runs: Runs, width: int) -> np.ndarray:
    """Return the component of each run, numbered 0..N-1 from the top."""
    return join_pairs(len(runs.row), *_touching(runs, width))


def join_pairs(count: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the set of each of `count` things, where pairs are in one set; numbered from 0."""
    parent = np.arange(count)
    while len(left):
        smaller = np.minimum(parent[left], parent[right])
        np.minimum.at(parent, parent[left], smaller)
        np.minimum.at(parent, parent[right], smaller)
        while True:
            root = parent[parent]
            if np.array_equal(root, parent):
                break
            parent = root
        apart = parent[left] != parent[right]
        left, right = left[apart], right[apart]
    return np.unique(parent, return_inverse=True)[1]
