"""Writes a LeRobotDataset v3 by lerobot's own writer: whole under its name, or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import av
import datasets
from lerobot.configs.video import RGBEncoderConfig
from lerobot.datasets import LeRobotDataset

from hil_serl_ros.data.dataset_episodes import Episode
from hil_serl_ros.data.dataset_extra import ExtraWriter
from hil_serl_ros.data.dataset_features import DatasetError, features, frame_of, frames_per_second
from hil_serl_ros.data.dataset_folder import new_folder
from hil_serl_ros.data.dataset_speed import frames_from_files, thrifty_writer
from hil_serl_ros.learning.layout import Layout

# lerobot's encoder drops frames when its queue is full; a whole episode always fits into this one.
QUEUE_FRAMES = 1_000_000
# With each episode lerobot copies the whole video file that it goes into: small files keep that from growing.
VIDEO_FILE_MEGABYTES = 1


class DatasetWriter:
    """Takes episodes; ``new_dataset`` makes one. Each chain of an episode becomes an episode of the dataset.

    Attributes:
        frames: written until now.
        episodes: of the dataset, until now.
    """

    def __init__(self, dataset: LeRobotDataset, layout: Layout) -> None:
        self._dataset = dataset
        self._layout = layout
        self._extra = ExtraWriter(layout)
        self.frames = self.episodes = 0

    def add(self, episode: Episode) -> None:
        """Write an episode."""
        for chain in episode.chains:
            self._extra.add(self.episodes, chain)
            with frames_from_files(self._dataset) if len(chain) == 1 else contextlib.nullcontext():
                for step in chain:
                    self._dataset.add_frame(frame_of(step) | {"task": self._layout.task})
                self._dataset.save_episode(parallel_encoding=False)
            self.episodes += 1
            self.frames += len(chain)

    def finish(self) -> None:
        """Write what comes after the last episode.

        Raises:
            DatasetError: there was none.
        """
        if not self.episodes:
            raise DatasetError("there is no episode to export")
        self._dataset.finalize()
        self._extra.save(self._dataset.root)


@contextlib.contextmanager
def new_dataset(path: Path, layout: Layout, *, robot: str, videos: bool) -> Iterator[DatasetWriter]:
    """A dataset of ``layout`` at ``path``; an exception in it leaves nothing.

    Args:
        path: of the dataset; it must not exist.
        layout: of the steps that will come.
        robot: what lerobot calls the robot's type.
        videos: pictures as video, else as PNG without any loss.

    Raises:
        DatasetError: the path exists, another export writes it, there is nothing to write, or the layout's rate is
            no whole number.
        OSError: the disk refuses.
    """
    rate, videos = frames_per_second(layout), videos and bool(layout.images)
    datasets.disable_progress_bars()  # one for each episode
    av.logging.set_libav_level(av.logging.ERROR)  # x264 tells its statistics
    with new_folder(path) as folder, thrifty_writer(tables_have_images=bool(layout.images) and not videos):
        dataset = LeRobotDataset.create(
            repo_id=path.name,
            root=folder,
            fps=rate,
            features=features(layout, videos=videos),
            robot_type=robot,
            use_videos=videos,
            streaming_encoding=videos,
            encoder_queue_maxsize=QUEUE_FRAMES,
            encoder_threads=1,  # small pictures: a thread for each camera is enough
            video_files_size_in_mb=VIDEO_FILE_MEGABYTES,
            video_backend="pyav",  # of reading, which nothing here does; to ask for the best one may print a page
            rgb_encoder=RGBEncoderConfig(vcodec="h264", crf=18, preset="veryfast"),
        )
        try:
            writer = DatasetWriter(dataset, layout)
            yield writer
            writer.finish()
        except BaseException:
            if dataset.writer is not None:
                dataset.writer.cancel_pending_videos()
            with contextlib.suppress(Exception):  # of a half written dataset, which goes anyway
                dataset.finalize()
            raise
