"""Checkpoints as lerobot lays them out: ``000100/{pretrained_model,training_state,algorithm}`` and ``last``.

``pretrained_model`` is what stock lerobot loads and runs, ``algorithm`` what its SAC keeps beside the policy, with
the target encoder under names that it skips. ``training_state`` is ours: it makes a resume exact.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from hil_serl_ros.data.atomic import point, write_folder
from hil_serl_ros.learning import lerobot_names, lerobot_policy
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.parameters import FlatParameters
from hil_serl_ros.learning.sac import SAC
from hil_serl_ros.learning.settings import LearnerSettings

LAST = "last"
MODEL = "model.safetensors"
PRETRAINED, TRAINING, ALGORITHM = "pretrained_model", "training_state", "algorithm"
MOMENTS = ("exp_avg", "exp_avg_sq")


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message is one sentence for the user."""


@dataclasses.dataclass(frozen=True)
class TrainingState:
    """What a resume needs beside tensors: the sampler's state and the learner's own counters, JSON numbers and text."""

    step: int
    sampler: dict[str, Any]
    counters: dict[str, Any]


class Checkpoints:
    """Saves checkpoints of one run below one folder."""

    def __init__(self, folder: Path, layout: Layout, settings: LearnerSettings) -> None:
        self.folder = folder
        self._layout = layout
        self._settings = settings
        self._constant: dict[str, bytes] | None = None

    def prepare(self) -> None:
        """Let lerobot write the files that never change in a run; slow, for it imports lerobot. Or ``save`` does it."""
        if self._constant is None:
            self._constant = _lerobot_files(self._layout, self._settings)

    def save(self, step: int, sac: SAC, sampler: Mapping[str, Any], counters: Mapping[str, Any]) -> Path:
        """Write ``folder/<step>`` completely, then point ``last`` to it."""
        self.prepare()
        assert self._constant is not None
        trunk, actor, target = sac.trunk.values, sac.actor.values, sac.target.values
        log_alpha = sac.log_alpha.values["log_alpha"]
        state: dict[str, Any] = {"step": step, "updates": sac.updates, "critic_steps": sac.critic_steps}
        state |= {"sampler": dict(sampler), "counters": dict(counters)}
        files = self._constant | {
            f"{PRETRAINED}/{MODEL}": _bytes(lerobot_names.policy_tensors(trunk, actor, sac.shape)),
            f"{ALGORITHM}/{MODEL}": _bytes(lerobot_names.algorithm_tensors(trunk, target, log_alpha, sac.shape)),
            f"{TRAINING}/training_step.json": json.dumps(state, indent=2).encode(),
            f"{TRAINING}/layout.json": sac.layout.to_json().encode(),
            f"{TRAINING}/optimizers.safetensors": _bytes(_moments(sac)),
            f"{TRAINING}/rng_state.safetensors": _bytes({"torch_generator": sac.generator.get_state()}),
        }
        path = self.folder / f"{step:06d}"
        if not path.exists():  # else a kill came between the whole folder and the link
            write_folder(path, files)
        point(self.folder / LAST, path.name)
        return path


def resume(path: Path, sac: SAC) -> TrainingState:
    """Bring ``sac`` to where it was when ``path`` (one checkpoint's folder, or ``last``) was saved, bit for bit.

    Raises:
        CheckpointError: not such a checkpoint, or of another layout or other shapes; ``sac`` may be half loaded.
    """
    _check_layout(path / TRAINING / "layout.json", sac.layout)
    load_pretrained(path, sac)
    _load_moments(_tensors(path / TRAINING / "optimizers.safetensors"), sac, path)
    state = _json(path / TRAINING / "training_step.json")
    try:
        sac.generator.set_state(_tensors(path / TRAINING / "rng_state.safetensors")["torch_generator"])
        sac.updates, sac.critic_steps = int(state["updates"]), int(state["critic_steps"])
        return TrainingState(int(state["step"]), dict(state["sampler"]), dict(state["counters"]))
    except KeyError as error:
        raise CheckpointError(f"the checkpoint {path} lacks {error}; it was not saved by this learner") from error


def load_pretrained(path: Path, sac: SAC) -> None:
    """Load policy and, where it is there, algorithm from a checkpoint of ours or of lerobot's.

    What lerobot's lacks starts anew: target encoder from the encoder, optimizers, and without ``algorithm`` the
    critics too. ``path`` is a checkpoint's folder or its ``pretrained_model``.

    Raises:
        CheckpointError: missing files, other shapes, or other normalization ranges.
    """
    folder = path if (path / MODEL).is_file() else path / PRETRAINED
    tensors = _tensors(folder / MODEL)
    _check_stats(_json(folder / "config.json"), sac.layout, path)
    algorithm = folder.parent / ALGORITHM / MODEL
    log_alpha = sac.log_alpha.values["log_alpha"]
    try:
        lerobot_names.load_policy(tensors, sac.trunk.values, sac.actor.values, sac.shape)
        sac.target.follow(sac.trunk, 1.0)
        if algorithm.is_file():
            lerobot_names.load_algorithm(_tensors(algorithm), sac.trunk.values, sac.target.values, log_alpha, sac.shape)
    except lerobot_names.ShapeError as error:
        raise CheckpointError(f"the checkpoint {path} is of another network: {error}") from error


def read_policy(path: Path, layout: Layout) -> tuple[LearnerSettings, dict[str, Tensor]]:
    """What acts in a ``pretrained_model`` of ours or of lerobot's: its settings and its tensors by lerobot's names.

    Raises:
        CheckpointError: missing or unreadable files, another kind of policy, or other normalization ranges.
    """
    config = _json(path / "config.json")
    _check_stats(config, layout, path)
    try:
        policy = config["policy_kwargs"]
        settings = LearnerSettings(
            hidden_dims=[int(width) for width in config["actor_network_kwargs"]["hidden_dims"]],
            latent_dim=int(config["latent_dim"]),
            std_min=float(policy["std_min"]),
            std_max=float(policy["std_max"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path / 'config.json'} is not a gaussian_actor's: {error}") from error
    return settings, _tensors(path / MODEL)


def _lerobot_files(layout: Layout, settings: LearnerSettings) -> dict[str, bytes]:
    """Configuration and processor files, written by lerobot's own savers."""
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        pretrained, algorithm = Path(folder) / PRETRAINED, Path(folder) / ALGORITHM
        pretrained.mkdir()
        algorithm.mkdir()
        lerobot_policy.policy_config(layout, settings)._save_pretrained(pretrained)
        for processor in lerobot_policy.processors(layout, settings):
            processor.save_pretrained(pretrained)
        lerobot_policy.algorithm_config(layout, settings)._save_pretrained(algorithm)
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                files[str(path.relative_to(folder))] = path.read_bytes()
    files[f"{PRETRAINED}/learner_settings.json"] = json.dumps(dataclasses.asdict(settings), indent=2).encode()
    return files


def _bytes(tensors: Mapping[str, Tensor]) -> bytes:
    return save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()})


def _groups(sac: SAC) -> dict[str, FlatParameters]:
    return {"critic": sac.trunk, "actor": sac.actor, "temperature": sac.log_alpha}


def _moments(sac: SAC) -> dict[str, Tensor]:
    """Adam's moments by tensor name, and its step counts."""
    out: dict[str, Tensor] = {}
    for group, params in _groups(sac).items():
        state = sac.optimizers[group].state[params.flat]
        if not state:
            continue  # not a step yet
        out[f"{group}.step"] = state["step"]
        for moment in MOMENTS:
            out |= {f"{group}.{moment}.{name}": view for name, view in params.views(state[moment]).items()}
    return out


@torch.no_grad()
def _load_moments(tensors: Mapping[str, Tensor], sac: SAC, path: Path) -> None:
    for group, params in _groups(sac).items():
        state = sac.optimizers[group].state[params.flat]
        state.clear()
        if f"{group}.step" not in tensors:
            continue
        state["step"] = tensors[f"{group}.step"].clone()
        for moment in MOMENTS:
            state[moment] = torch.zeros_like(params.flat)
            for name, view in params.views(state[moment]).items():
                stored = tensors.get(f"{group}.{moment}.{name}")
                if stored is None or stored.shape != view.shape:
                    raise CheckpointError(f"the checkpoint {path} has no {moment} of {name} in the shape needed")
                view.copy_(stored)


def _check_layout(file: Path, layout: Layout) -> None:
    saved = _json(file)
    if saved == json.loads(layout.to_json()):
        return
    fields = [f.name for f in dataclasses.fields(layout)]
    mine = json.loads(layout.to_json())
    field = next((name for name in fields if saved.get(name) != mine[name]), "fields")
    raise CheckpointError(
        f"the checkpoint {file.parent.parent} was made for another layout: its {field} is {saved.get(field)}, "
        f"this run's is {mine.get(field)}"
    )


def _check_stats(config: Mapping[str, Any], layout: Layout, path: Path) -> None:
    if config.get("type") != "gaussian_actor":
        raise CheckpointError(f"the checkpoint {path} is a policy of type {config.get('type')}, not gaussian_actor")
    stats = config.get("dataset_stats") or {}
    for name, wanted in lerobot_policy.dataset_stats(layout).items():
        if stats.get(name) != wanted:
            raise CheckpointError(
                f"the checkpoint {path} normalizes {name} by {stats.get(name)}; this run's layout says {wanted}"
            )


def _tensors(file: Path) -> dict[str, Tensor]:
    try:
        return dict(load_file(file))
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"cannot read the checkpoint's {file}: {error}") from error


def _json(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text()))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read the checkpoint's {file}: {error}") from error
