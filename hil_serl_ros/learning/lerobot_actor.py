"""Any policy of lerobot as the one that acts: ACT, Diffusion, VQ-BeT, TD-MPC, SmolVLA, with lerobot's own processors.

Offline: nothing is downloaded, and no code of a checkpoint is run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hil_serl_ros.learning.layout import Layout


class PolicyError(ValueError):
    """A checkpoint of lerobot's that cannot act here; the message is one sentence."""


def policy_type(folder: Path) -> str:
    """What kind of policy a ``pretrained_model`` folder holds, by lerobot's name; empty: it does not say."""
    try:
        return str(json.loads((folder / "config.json").read_text()).get("type", ""))
    except (OSError, ValueError):
        return ""


class LerobotActor:
    """Acts with a ``pretrained_model`` of lerobot's. What it plans ahead (a chunk of actions) it works through.

    Args:
        folder: of the checkpoint.
        layout: what is observed here, and done.

    Raises:
        PolicyError: it needs other features or actions than the layout's, something that is not on this machine, or
            lerobot cannot load it.
    """

    def __init__(self, folder: Path, layout: Layout) -> None:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before lerobot is imported
        from lerobot.configs.policies import PreTrainedConfig
        from lerobot.policies.factory import get_policy_class, make_pre_post_processors

        self._task = layout.task
        config: Any = None
        try:
            config = PreTrainedConfig.from_pretrained(folder)
            config.device = "cpu"
            if getattr(config, "pretrained_backbone_weights", None) is not None:
                config.pretrained_backbone_weights = None  # they are in the checkpoint
            _check(config, layout, folder)
            self._policy = get_policy_class(config.type).from_pretrained(folder, config=config).eval()
            self._before, self._after = make_pre_post_processors(
                config,
                pretrained_path=str(folder),
                preprocessor_overrides={"device_processor": {"device": "cpu"}},
            )
        except PolicyError:
            raise
        # lerobot raises whatever its parts raise; for the user it is one thing: this checkpoint does not load.
        except Exception as error:
            needs = getattr(config, "vlm_model_name", "") if isinstance(error, OSError) else ""
            if needs and not Path(needs).is_dir():
                why = f"{folder} needs the model {needs}, and there is no copy of it on this machine"
                raise PolicyError(f"{why}: set vlm_model_name in its config.json to a folder that holds it") from error
            words = " ".join(str(error).split())[:300]
            raise PolicyError(f"lerobot cannot load {folder}: {type(error).__name__}: {words}") from error

    def begin(self, seed: int) -> None:
        """Begin an episode: what is drawn (Diffusion's noise) is a function of ``seed``."""
        torch.manual_seed(seed)
        self.forget()

    def forget(self) -> None:
        """Drop what is planned and what was seen: a person has taken over, or another episode begins."""
        self._policy.reset()
        self._before.reset()
        self._after.reset()

    @torch.inference_mode()
    def act(self, observation: Mapping[str, np.ndarray], deterministic: bool = False) -> np.ndarray:
        """The next action; a plan is made where none is left.

        Args:
            observation: float32 [elements] by feature name, in the robot's units, and uint8 pictures [3, H, W].
            deterministic: nothing to choose here: lerobot's policies act in one way.

        Returns:
            float32 [A + 1]: each continuous element in [-1, 1], then the gripper class.
        """
        batch: dict[str, Any] = {name: _tensor(array) for name, array in observation.items()}
        batch["task"] = self._task
        action = self._after(self._policy.select_action(self._before(batch)))
        made = action.squeeze(0).float().numpy().copy()
        made[:-1] = np.clip(made[:-1], -1, 1)
        made[-1] = np.clip(np.round(made[-1]), 0, 2)
        return made.astype(np.float32)


def _tensor(array: np.ndarray) -> torch.Tensor:
    """lerobot's form: pictures from 0 to 1."""
    if array.dtype == np.uint8:
        return torch.from_numpy(array.astype(np.float32)) / 255
    return torch.from_numpy(np.asarray(array, np.float32))


def _check(config: Any, layout: Layout, folder: Path) -> None:
    """Refuse a policy that sees or does something else."""
    here = layout.shapes()
    for name, feature in config.input_features.items():
        shape = tuple(feature.shape)
        if name not in here:
            raise PolicyError(f"{folder} needs {name}, which is not observed here; observed are {', '.join(here)}")
        if shape != here[name]:
            raise PolicyError(f"{folder} needs {name} of shape {shape}; here it is {here[name]}")
    shape = tuple(config.output_features["action"].shape)
    if shape != (layout.action_size,):
        raise PolicyError(f"{folder} gives actions of shape {shape}; here they are {(layout.action_size,)}")
