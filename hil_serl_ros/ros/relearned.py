"""Versions of a run's weights, learned again from its log or taken from its checkpoints, as files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save

from hil_serl_ros.data.atomic import write_file
from hil_serl_ros.data.checkpoint import PRETRAINED, TRAINING, CheckpointError, read_policy
from hil_serl_ros.data.log_index import LogIndex, Place
from hil_serl_ros.data.run_settings import RunSettings
from hil_serl_ros.data.same_weights import checkpoint_folders
from hil_serl_ros.learning import networks
from hil_serl_ros.learning.encoder import EncoderError
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.lerobot_names import ShapeError, load_acting
from hil_serl_ros.learning.parameters import FlatParameters
from hil_serl_ros.learning.policy import Policy
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.vision import Vision
from hil_serl_ros.learning.weights import WeightsError, pack, unpack
from hil_serl_ros.ros.relearning import Relearning
from hil_serl_ros.settings import SettingError, validate

FOLDER = "weights"  # in a rerun's folder: <version>.safetensors, and settings.json
SETTINGS = "settings.json"


def relearn_versions(settings: RunSettings, index: LogIndex, versions: set[int], folder: Path) -> Iterator[Place]:
    """Write ``versions`` of the weights to ``folder``, learned again from the log; yields each step learned from.

    A version is the number of steps whose updates are done.

    Raises:
        SettingError: a version that the log does not reach, or what ``Relearning`` raises.
    """
    if beyond := sorted(v for v in versions if not 0 <= v <= len(index.places)):
        raise SettingError(
            f"there is no version {beyond[0]} of the weights: {index.folder} has {len(index.places)} steps"
        )
    folder.mkdir()
    again = Relearning(settings)

    def keep() -> None:
        if again.trainer.transitions in versions:
            sac = again.trainer.sac
            data, _ = pack(sac.trunk.values, sac.actor.values, sac.shape)
            (folder / f"{again.trainer.transitions}.safetensors").write_bytes(data)

    keep()
    for place in again.through(index, max(versions)):
        keep()
        yield place
    _write_settings(folder, settings.learning)


def checkpoint_versions(settings: RunSettings) -> dict[int, Path]:
    """A run's checkpoints by the version of the weights in them; those saved amid the updates of a step have none."""
    found: dict[int, Path] = {}
    learning = settings.learning
    for path in checkpoint_folders(settings.folder).values():
        try:
            state = json.loads((path / TRAINING / "training_step.json").read_text())
            trained = max(0, int(state["counters"]["training_steps"]) - learning.online_step_before_learning)
            if not settings.lockstep or int(state["updates"]) == trained * learning.updates_per_step:
                found[int(state["counters"]["transitions"])] = path
        except (OSError, ValueError, KeyError):
            continue
    return found


def take_from_checkpoint(path: Path, version: int, layout: Layout, folder: Path) -> None:
    """Write the weights of the checkpoint ``path`` to ``folder`` as those of ``version``.

    Raises:
        SettingError: it cannot be used.
    """
    try:
        learning, tensors = read_policy(path / PRETRAINED, layout)
    except (CheckpointError, ShapeError) as error:
        raise SettingError(str(error)) from None
    folder.mkdir()
    (folder / f"{version}.safetensors").write_bytes(save(tensors))
    _write_settings(folder, learning)


def _write_settings(folder: Path, learning: LearnerSettings) -> None:
    write_file(folder / SETTINGS, json.dumps(dataclasses.asdict(learning), indent=2))


class Versions:
    """The policy of one robot, as its actor made it, under weights from a folder that the functions above wrote.

    Raises:
        SettingError: the folder's settings or the vision encoder cannot be used.
    """

    def __init__(self, folder: Path, layout: Layout) -> None:
        torch.set_num_threads(1)  # as the actor
        self._folder = folder
        try:
            settings = validate(LearnerSettings(**json.loads((folder / SETTINGS).read_text())))
            # The actor acts on the processor, wherever the learner learned.
            settings = dataclasses.replace(settings, device="cpu")
            vision = Vision(layout, settings) if layout.images else None
            self._shape = networks.shape_of(layout, settings)
        except (OSError, TypeError, ValueError, EncoderError) as error:
            raise SettingError(f"the weights in {folder} cannot be used: {error}") from None
        self._trunk = FlatParameters(networks.trunk_shapes(self._shape), torch.device("cpu"))
        self._actor = FlatParameters(networks.actor_shapes(self._shape), torch.device("cpu"))
        self.policy = Policy(layout, settings, vision=vision)
        self.policy.use(self._trunk.values, self._actor.values)
        self.there = {int(path.stem) for path in folder.glob("*.safetensors")}
        self._version = -1

    def use(self, version: int) -> None:
        """Act with ``version`` from now on.

        Raises:
            SettingError: it is not there, or no policy's.
        """
        if version == self._version:
            return
        file = self._folder / f"{version}.safetensors"
        try:
            data = file.read_bytes()
            load_acting(
                unpack(data, hashlib.sha256(data).hexdigest()), self._trunk.values, self._actor.values, self._shape
            )
        except (OSError, WeightsError, ShapeError) as error:
            raise SettingError(f"{file} cannot be used: {error}") from None
        self._version = version
