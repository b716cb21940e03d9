"""What lerobot's writer does for every frame and need not: more than half of an export's time."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy as np
from datasets import arrow_dataset
from lerobot.datasets import LeRobotDataset, compute_stats, dataset_writer

ROWS = 32  # of each picture are looked at for statistics; lerobot itself takes every n-th pixel of large ones


class GatheredStats(compute_stats.RunningQuantileStats):
    """lerobot's statistics, made of all batches at once: a histogram of each episode, not of each frame."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._batches: list[np.ndarray] = []

    def update(self, batch: np.ndarray) -> None:
        """Take numbers whose last dimension is the feature's."""
        self._batches.append(batch.reshape(-1, batch.shape[-1]).copy())

    def get_statistics(self) -> dict[str, np.ndarray]:
        """Of all that was taken."""
        super().update(np.concatenate(self._batches))
        self._batches.clear()
        return dict(super().get_statistics())


@contextlib.contextmanager
def thrifty_writer(*, tables_have_images: bool) -> Iterator[None]:
    """Within it lerobot 0.6.1 writes the same files but for statistics of pictures, from a grid of pixels.

    Without this, lerobot makes a histogram of every pixel of each small picture, looks for pictures to embed in each
    row of tables that have none, and hashes each episode for a cache that nobody reads.
    """
    whole = compute_stats.auto_downsample_height_width

    def sparse(picture: np.ndarray, *sizes: Any) -> np.ndarray:
        smaller = whole(picture, *sizes)
        skip = max(1, min(smaller.shape[1:]) // ROWS)
        return smaller[:, ::skip, ::skip]

    with contextlib.ExitStack() as stack:
        stack.enter_context(patch.object(compute_stats, "auto_downsample_height_width", sparse))
        stack.enter_context(patch.object(compute_stats, "RunningQuantileStats", GatheredStats))
        stack.enter_context(patch.object(arrow_dataset, "generate_fingerprint", lambda table: uuid.uuid4().hex[:16]))
        if not tables_have_images:
            stack.enter_context(patch.object(dataset_writer, "embed_images", lambda table: table))
        yield


@contextlib.contextmanager
def frames_from_files(dataset: LeRobotDataset) -> Iterator[None]:
    """Within it pictures go to the video encoder by way of files.

    lerobot 0.6.1's direct way has no statistics of an episode of a single frame, and then cannot write its table.
    """
    writer = dataset.writer
    assert writer is not None
    with patch.object(writer, "_streaming_encoder", None):
        yield
