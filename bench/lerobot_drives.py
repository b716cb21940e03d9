"""Stock lerobot loads a checkpoint of ours and drives gym_hil's own environment, beside our own policy: one table.

Run ``python bench/lerobot_drives.py runs/first`` (about three minutes). gym_hil draws its cube from NumPy's global
generator, so that is what is seeded. gym_hil makes an OpenGL renderer even where nothing is drawn; here it gets one
that does nothing, so that the comparison needs no OpenGL.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import mujoco
import numpy as np
import torch

EPISODE_SEED = 70_000


class _NoRenderer:
    """Takes the place of ``mujoco.Renderer`` while gym_hil is used state only."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def render(self) -> None:
        """Draw nothing."""

    def close(self) -> None:
        """Nothing was opened."""


def environment():
    """gym_hil's PickCube with its own end-effector wrapper and a random cube."""
    mujoco.Renderer = _NoRenderer
    from gym_hil.envs import PandaPickCubeGymEnv
    from gym_hil.wrappers.hil_wrappers import DEFAULT_EE_STEP_SIZE, EEActionWrapper

    env = PandaPickCubeGymEnv(random_block_position=True)
    return EEActionWrapper(env, ee_action_step_size=DEFAULT_EE_STEP_SIZE, use_gripper=True)


def lerobot_policies(folder: Path) -> dict[str, Callable[[dict[str, np.ndarray]], np.ndarray]]:
    """lerobot's policy with lerobot's processors, sampling as ``select_action`` does and with the mean action."""
    from lerobot.policies.factory import make_pre_post_processors
    from lerobot.policies.gaussian_actor.modeling_gaussian_actor import GaussianActorPolicy

    policy = GaussianActorPolicy.from_pretrained(folder).eval()
    before, after = make_pre_post_processors(policy.config, pretrained_path=str(folder))

    def batch(seen: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
        raw = {"observation.state": seen["agent_pos"], "observation.environment_state": seen["environment_state"]}
        return before.process_observation({k: torch.from_numpy(np.float32(v)).unsqueeze(0) for k, v in raw.items()})

    def sampled(seen: dict[str, np.ndarray]) -> np.ndarray:
        action = policy.select_action(batch(seen))
        return torch.cat([after.process_action(action[..., :-1]), action[..., -1:]], -1)[0].numpy()

    def mean(seen: dict[str, np.ndarray]) -> np.ndarray:
        inputs = batch(seen)
        with torch.no_grad():
            continuous = torch.tanh(policy.forward(inputs)["action_mean"])
            gripper = policy.discrete_critic(inputs).argmax(-1, keepdim=True).float()
        return torch.cat([after.process_action(continuous), gripper], -1)[0].numpy()

    return {"lerobot, mean action": mean, "lerobot, select_action (samples)": sampled}


def our_policy(folder: Path) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
    """Our own acting policy with the same weights, mean action."""
    from hil_serl_ros.data.checkpoint import read_policy
    from hil_serl_ros.learning import networks
    from hil_serl_ros.learning.layout import panda_layout
    from hil_serl_ros.learning.lerobot_names import load_policy
    from hil_serl_ros.learning.parameters import FlatParameters
    from hil_serl_ros.learning.policy import Policy

    layout = panda_layout()
    settings, tensors = read_policy(folder, layout)
    shape, cpu = networks.shape_of(layout, settings), torch.device("cpu")
    trunk = FlatParameters(networks.trunk_shapes(shape), cpu)
    actor = FlatParameters(networks.actor_shapes(shape), cpu)
    load_policy(tensors, trunk.values, actor.values, shape)
    policy = Policy(layout, settings)
    policy.use(trunk.values, actor.values)
    return lambda seen: policy.act(
        {
            "observation.state": np.float32(seen["agent_pos"]),
            "observation.environment_state": np.float32(seen["environment_state"]),
        },
        deterministic=True,
    )


def successes(env, act: Callable[[dict[str, np.ndarray]], np.ndarray], episodes: int) -> int:
    """Episodes of at most 100 steps that end with gym_hil's reward of 1."""
    good = 0
    for episode in range(episodes):
        np.random.seed(EPISODE_SEED + episode)
        torch.manual_seed(EPISODE_SEED + episode)
        seen, _ = env.reset()
        for _ in range(100):
            seen, reward, terminated, _, _ = env.step(act(seen))
            if terminated:
                good += reward > 0
                break
    return good


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a run's folder or a pretrained_model folder")
    parser.add_argument("--episodes", type=int, default=200)
    arguments = parser.parse_args()
    folder = arguments.run
    if (folder / "checkpoints").is_dir():
        folder = folder / "checkpoints" / "last" / "pretrained_model"
    torch.set_num_threads(1)
    env = environment()
    print("| who drives gym_hil's PandaPickCube (random cube) | successes |")
    print("|---|---|")
    for name, act in {"ours, mean action": our_policy(folder), **lerobot_policies(folder)}.items():
        print(f"| {name} | {successes(env, act, arguments.episodes)} of {arguments.episodes} |", flush=True)


if __name__ == "__main__":
    main()
