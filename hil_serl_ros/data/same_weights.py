"""Whether a checkpoint holds the very weights of a learner, and if not, where it has others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from hil_serl_ros.data.checkpoint import ALGORITHM, MODEL, PRETRAINED, CheckpointError
from hil_serl_ros.learning.encoder import tensors_hash
from hil_serl_ros.learning.lerobot_names import algorithm_tensors, policy_tensors
from hil_serl_ros.learning.sac import SAC


@dataclass(frozen=True)
class Comparison:
    """A learner's weights beside those of a checkpoint.

    Attributes:
        name: the checkpoint's: its number of updates.
        sha256: over names, shapes and bytes of all trained tensors: policy, critics, targets, temperature.
        saved_sha256: the same of the checkpoint.
        different: names of the tensors that differ, by part.
        largest: the largest difference of one number; infinite where shapes differ.
    """

    name: str
    sha256: str
    saved_sha256: str
    different: list[str]
    largest: float

    @property
    def same(self) -> bool:
        """Bit for bit."""
        return self.sha256 == self.saved_sha256

    def __str__(self) -> str:
        if self.same:
            return f"checkpoint {self.name}: same weights, sha256 {self.sha256}"
        words = f"{len(self.different)} tensors differ, by at most {self.largest:.3g}, first {self.different[0]}"
        return f"checkpoint {self.name}: other weights; {words}; sha256 {self.sha256}, saved {self.saved_sha256}"


def trained_tensors(sac: SAC) -> dict[str, Tensor]:
    """All that is trained, by the part of a checkpoint and lerobot's name."""
    policy = policy_tensors(sac.trunk.values, sac.actor.values, sac.shape)
    log_alpha = sac.log_alpha.values["log_alpha"]
    algorithm = algorithm_tensors(sac.trunk.values, sac.target.values, log_alpha, sac.shape)
    named = {f"{PRETRAINED} {name}": tensor for name, tensor in policy.items()}
    named |= {f"{ALGORITHM} {name}": tensor for name, tensor in algorithm.items()}
    return {name: tensor.detach().cpu() for name, tensor in named.items()}


def compare(path: Path, sac: SAC) -> Comparison:
    """Hold the checkpoint's folder ``path`` against ``sac``.

    Raises:
        CheckpointError: it cannot be read, or lacks what is trained.
    """
    mine = trained_tensors(sac)
    theirs: dict[str, Tensor] = {}
    for part in (PRETRAINED, ALGORITHM):
        file = path / part / MODEL
        try:
            theirs |= {f"{part} {name}": tensor for name, tensor in load_file(file).items()}
        except (OSError, SafetensorError) as error:
            raise CheckpointError(f"cannot read the checkpoint's {file}: {error}") from error
    if missing := next((name for name in mine if name not in theirs), None):
        raise CheckpointError(f"the checkpoint {path} has no {missing}")
    theirs = {name: theirs[name] for name in mine}
    different, largest = [], 0.0
    for name, tensor in mine.items():
        other = theirs[name]
        if tensor.shape != other.shape:
            different.append(name)
            largest = float("inf")
        elif not torch.equal(tensor, other):
            different.append(name)
            largest = max(largest, float((tensor - other).abs().max()))
    return Comparison(path.name, tensors_hash(mine), tensors_hash(theirs), different, largest)


def checkpoint_folders(run: Path) -> dict[int, Path]:
    """The checkpoints of a run by their number of updates, the oldest first."""
    folders = (run / "checkpoints").glob("[0-9]*")
    return {int(path.name): path for path in sorted(folders) if path.name.isdigit() and path.is_dir()}
