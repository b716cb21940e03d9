"""Observations in single arrays, each stored once however many steps and rings refer to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hil_serl_ros.learning.layout import Layout

# Of one observation's pictures: feature name to (variants, channels, rows, columns) float16.
Features = Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]]


def columns(
    layout: Layout, variants: Mapping[str, tuple[int, ...]] | None = None
) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
    """Shape and number type of what is kept of one observation, by feature name; arguments as ``Store``'s."""
    out: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {}
    for name, shape in layout.shapes().items():
        if variants and name in variants:
            out[name] = (variants[name], np.dtype(np.float16))
        else:
            out[name] = (shape, np.dtype(np.uint8 if name in layout.images else np.float32))
    return out


def bytes_per_row(layout: Layout, variants: Mapping[str, tuple[int, ...]] | None = None) -> int:
    """Memory of one observation; arguments as ``Store``'s."""
    return sum(math.prod(shape) * kind.itemsize for shape, kind in columns(layout, variants).values())


class Store:
    """Rows of observations. A row is free again when nothing holds it.

    Args:
        layout: features and their shapes.
        capacity: rows.
        variants: feature name to the shape (variants, channels, rows, columns) of the features that are kept in
            the pictures' stead; empty: the pictures themselves are kept.
        encode: makes those features, once, when an observation comes.
    """

    def __init__(
        self,
        layout: Layout,
        capacity: int,
        variants: Mapping[str, tuple[int, ...]] | None = None,
        encode: Features | None = None,
    ) -> None:
        self.capacity = capacity
        self._variants = dict(variants or {})
        self._encode = encode
        # The kernel gives memory for a row when it is written first.
        self._arrays = {
            name: np.zeros((capacity, *shape), kind) for name, (shape, kind) in columns(layout, variants).items()
        }
        self._holders = np.zeros(capacity, np.int64)
        self._free = list(range(capacity - 1, -1, -1))

    @property
    def full(self) -> bool:
        """No row is free."""
        return not self._free

    @property
    def nbytes(self) -> int:
        """Memory of the arrays when all rows have been written."""
        return sum(array.nbytes for array in (*self._arrays.values(), self._holders))

    def put(self, observation: Mapping[str, np.ndarray]) -> int:
        """Store an observation that fits the layout; its row, which nothing holds yet."""
        row = self._free.pop()
        made = self._encode(observation) if self._encode is not None and self._variants else {}
        for name, array in self._arrays.items():
            array[row] = made[name] if name in made else observation[name]
        return row

    def hold(self, row: int) -> None:
        """One more step refers to ``row``."""
        self._holders[row] += 1

    def release(self, row: int) -> None:
        """One step less refers to ``row``; the last one frees it."""
        self._holders[row] -= 1
        if self._holders[row] <= 0:
            self._holders[row] = 0
            self._free.append(row)

    def gather(self, rows: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
        """Observations of ``rows`` by feature name; of each picture's variants one is drawn."""
        out = {}
        for name, array in self._arrays.items():
            if name in self._variants:
                out[name] = array[rows, random.integers(0, array.shape[1], len(rows))]
            else:
                out[name] = array[rows]
        return out
