"""Checkpoints as lerobot lays them out: ``000100/{pretrained_model,training_state,algorithm}`` and ``last``.

``pretrained_model`` is what stock lerobot loads and runs, ``algorithm`` what its SAC keeps beside the policy, with
the target encoder under names that it skips. ``training_state`` is ours: it makes a resume exact.

A vision encoder is whole in ``pretrained_model``, frozen or not: its tensors are in ``model.safetensors``, and one
that is not lerobot's own small one is a folder ``vision_encoder`` beside it, whose absolute path ``config.json``
gives to lerobot. We read the folder beside it; for lerobot a checkpoint that was moved needs that path edited.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from hil_serl_ros.data.atomic import point, write_folder
from hil_serl_ros.data.digests import NAME as DIGESTS
from hil_serl_ros.data.digests import damaged, digests
from hil_serl_ros.data.lerobot_files import ALGORITHM, MODEL, PRETRAINED, files_of, lerobot_files, placed
from hil_serl_ros.learning import lerobot_names, lerobot_policy, networks
from hil_serl_ros.learning.encoder import (
    ENCODER_ALIASES,
    IN_POLICY,
    VISION,
    EncoderError,
    build,
    tensors_hash,
    vision_tensors,
)
from hil_serl_ros.learning.layout import Layout
from hil_serl_ros.learning.sac import SAC
from hil_serl_ros.learning.settings import LearnerSettings

LAST = "last"
TRAINING = "training_state"


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
        self._vision: dict[str, Tensor] = {}  # the vision encoder as it was at the start

    @property
    def prepared(self) -> bool:
        """``save`` has nothing slow to do first."""
        return self._constant is not None

    def prepare(self) -> None:
        """Have the files that never change in a run: the last checkpoint's, else lerobot's, which take seconds.

        Without it ``save`` does it.
        """
        if self._constant is None:
            last = (self.folder / LAST).resolve()
            self._constant = files_of(last, self._settings) or lerobot_files(self._layout, self._settings)
        if self._layout.images and not self._vision:
            self._vision = build(self._settings.vision_encoder, self._settings.vision_encoder_seed).state_dict()

    def save(self, step: int, sac: SAC, sampler: Mapping[str, Any], counters: Mapping[str, Any]) -> Path:
        """Write ``folder/<step>`` completely, then point ``last`` to it."""
        self.prepare()
        assert self._constant is not None
        trunk, actor, target = sac.trunk.values, sac.actor.values, sac.target.values
        log_alpha = sac.log_alpha.values["log_alpha"]
        state: dict[str, Any] = {"step": step, "updates": sac.updates, "critic_steps": sac.critic_steps}
        state |= {"sampler": dict(sampler), "counters": dict(counters)}
        path = self.folder / f"{step:06d}"
        policy = {f"{ENCODER_ALIASES[0]}{VISION}{name}": tensor for name, tensor in self._vision.items()}
        policy |= lerobot_names.policy_tensors(trunk, actor, sac.shape)
        files = placed(self._constant, (path / PRETRAINED / IN_POLICY).resolve()) | {
            f"{PRETRAINED}/{MODEL}": _bytes(policy),
            f"{ALGORITHM}/{MODEL}": _bytes(lerobot_names.algorithm_tensors(trunk, target, log_alpha, sac.shape)),
            f"{TRAINING}/training_step.json": json.dumps(state, indent=2).encode(),
            f"{TRAINING}/layout.json": sac.layout.to_json().encode(),
            f"{TRAINING}/optimizers.safetensors": _bytes(_moments(sac)),
            f"{TRAINING}/rng_state.safetensors": _bytes({"torch_generator": sac.generator.get_state()}),
        }
        if not path.exists():  # else a kill came between the whole folder and the link
            write_folder(path, files | {DIGESTS: digests(files)})
        point(self.folder / LAST, path.name)
        return path


def newest(folder: Path, damage: Callable[[str], None]) -> Path | None:
    """The last checkpoint in ``folder`` that is as it was written; None: there is none.

    Newer ones that are damaged are set aside under another name, each said to ``damage`` in a sentence.
    """
    while (last := folder / LAST).is_symlink():
        path = last.parent / last.readlink()
        wrong = damaged(path) if path.is_dir() else [f"{path} is missing"]
        if not wrong:
            return path
        if path.is_dir():
            path.rename(path.with_name(f"{path.name}.damaged"))
        older = [p for p in folder.glob("[0-9]*") if p.name.isdigit() and int(p.name) < int(path.name)]
        damage(f"{'; '.join(wrong)}; the checkpoint before it is used" if older else "; ".join(wrong))
        if not older:
            last.unlink()
            return None
        point(last, max(older, key=lambda p: int(p.name)).name)
    return None


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
        CheckpointError: missing files, other shapes, another frozen vision encoder, or other normalization ranges.
    """
    folder = _policy_folder(path)
    tensors = _tensors(folder / MODEL)
    _check_stats(_json(folder / "config.json"), sac.layout, path)
    _check_vision(tensors, sac, folder)
    algorithm = folder.parent / ALGORITHM / MODEL
    log_alpha = sac.log_alpha.values["log_alpha"]
    try:
        policy = lerobot_names.trainable(tensors, sac.shape)
        lerobot_names.load_policy(policy, sac.trunk.values, sac.actor.values, sac.shape)
        sac.target.follow(sac.trunk, 1.0)
        if algorithm.is_file():
            lerobot_names.load_algorithm(_tensors(algorithm), sac.trunk.values, sac.target.values, log_alpha, sac.shape)
    except lerobot_names.ShapeError as error:
        raise CheckpointError(f"the checkpoint {path} is of another network: {error}") from error


def with_saved_encoder(settings: LearnerSettings, path: Path) -> LearnerSettings:
    """The settings with the vision encoder that a checkpoint holds: a resume needs neither its folder nor its seed."""
    return dataclasses.replace(settings, vision_encoder=str(_policy_folder(path).resolve()))


def read_policy(path: Path, layout: Layout) -> tuple[LearnerSettings, dict[str, Tensor]]:
    """What acts in a ``pretrained_model`` of ours or of lerobot's: its settings and its tensors by lerobot's names.

    The settings' vision encoder is the checkpoint's own.

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
        if layout.images:
            settings = dataclasses.replace(
                with_saved_encoder(settings, path),
                freeze_vision_encoder=bool(config["freeze_vision_encoder"]),
                image_embedding_pooling_dim=int(config["image_embedding_pooling_dim"]),
            )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path / 'config.json'} is not a gaussian_actor's: {error}") from error
    try:
        shape = networks.shape_of(layout, settings)
    except EncoderError as error:
        raise CheckpointError(f"the checkpoint {path} has no usable vision encoder: {error}") from error
    return settings, lerobot_names.trainable(_tensors(path / MODEL), shape)


def _policy_folder(path: Path) -> Path:
    return path if (path / MODEL).is_file() else path / PRETRAINED


def _check_vision(tensors: Mapping[str, Tensor], sac: SAC, folder: Path) -> None:
    """Refuse other features than the critics were trained on; what is trained of the encoder may differ."""
    if not sac.layout.images:
        return
    trained = dict(sac.shape.trained.named_parameters()) if sac.shape.trained is not None else {}
    mine = build(sac.settings.vision_encoder, sac.settings.vision_encoder_seed).state_dict()
    theirs = vision_tensors(tensors)
    fixed = [{name: t for name, t in each.items() if name not in trained} for each in (mine, theirs)]
    if tensors_hash(fixed[0]) != tensors_hash(fixed[1]):
        raise CheckpointError(
            f"the checkpoint {folder} stands on another vision encoder than {sac.settings.vision_encoder}: "
            f"set vision_encoder to {folder.resolve()}"
        )


def _bytes(tensors: Mapping[str, Tensor]) -> bytes:
    return save({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()})


def _moments(sac: SAC) -> dict[str, Tensor]:
    """Adam's moments by tensor name, and its step counts."""
    out: dict[str, Tensor] = {}
    for group, adam in sac.optimizers.items():
        if not adam.count:
            continue  # not a step yet
        out[f"{group}.step"] = adam.count
        for name, flat in adam.moments.items():
            out |= {f"{group}.{name}.{tensor}": view for tensor, view in adam.parameters.views(flat).items()}
    return out


@torch.no_grad()
def _load_moments(tensors: Mapping[str, Tensor], sac: SAC, path: Path) -> None:
    for group, adam in sac.optimizers.items():
        adam.count.copy_(tensors.get(f"{group}.step", torch.zeros(())))
        for name, flat in adam.moments.items():
            flat.zero_()
            for tensor, view in adam.parameters.views(flat).items() if adam.count else ():
                stored = tensors.get(f"{group}.{name}.{tensor}")
                if stored is None or stored.shape != view.shape:
                    raise CheckpointError(f"the checkpoint {path} has no {name} of {tensor} in the shape needed")
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
