"""A picture of a classifier's worst mistakes: what the cameras saw, what it said, what was right."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hil_serl_ros.data.labelled import LabelledEpisode

SHOWN = 12  # frames at most
COLUMNS = 4
CELL = 1.5  # inches of one camera's picture
DPI = 110


def draw_mistakes(
    episodes: Sequence[LabelledEpisode], probabilities: np.ndarray, threshold: float, picture: Path
) -> None:
    """Draw the frames whose probability is furthest on the wrong side, the worst first; whole or not at all.

    Without a mistake, the frames that came nearest to one are drawn.

    Args:
        episodes: judged.
        probabilities: of their frames, in their order, [N].
        threshold: of a success.
        picture: PNG to write.

    Raises:
        OSError: it cannot be written.
    """
    frames = [(episode, index) for episode in episodes for index in range(len(episode.labels))]
    labels = np.concatenate([episode.labels for episode in episodes])
    wrong = np.where(labels, threshold - probabilities, probabilities - threshold)
    order = np.argsort(-wrong, kind="stable")
    mistakes = int(((probabilities >= threshold) != labels).sum())
    shown = order[: min(mistakes or COLUMNS, SHOWN)]
    cameras = len(episodes[0].cameras)
    rows, columns = -(-len(shown) // COLUMNS), min(COLUMNS, len(shown))
    figure = Figure(figsize=(columns * cameras * CELL + 0.3, rows * (CELL + 0.45) + 0.5), layout="constrained")
    FigureCanvasAgg(figure)  # no display, and no state that other figures share
    word = f"the {len(shown)} worst of {mistakes} mistakes" if mistakes else "no mistake; the nearest to one"
    figure.suptitle(f"{word} on {len(frames)} held-out frames, threshold {threshold:.3f}", fontsize="medium")
    for place, number in enumerate(shown):
        episode, index = frames[number]
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.imshow(np.concatenate(list(episode.pictures[index].transpose(0, 2, 3, 1)), axis=1))
        axes.set_axis_off()
        truth = "success" if labels[number] else "failure"
        title = f"{truth}, judged {probabilities[number]:.3f}\n{episode.name}, frame {episode.frames[index]}"
        axes.set_title(title, fontsize="x-small")
    part = picture.with_suffix(".part.png")
    figure.savefig(part, dpi=DPI)
    part.replace(picture)
