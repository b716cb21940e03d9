"""One learner update (2 critic steps and 1 actor step, batch 256) by stock lerobot and by us, on the same shapes.

    python bench/learner_update.py [--rounds 15] [--threads 1 2] [--latent 256]

The machine is shared and noisy, so the contenders take turns and the figures are medians and their ratio in the
same run. Times are of the whole update as the learner calls it, sampling left out for both.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from hil_serl_ros.learning import lerobot_policy
from hil_serl_ros.learning.layout import Layout, panda_layout
from hil_serl_ros.learning.losses import Batch
from hil_serl_ros.learning.sac import SAC
from hil_serl_ros.learning.settings import LearnerSettings

VARIANTS = {
    "ours, float32": {"compile": False, "mixed_precision": "none"},
    "ours, float32, compiled": {"compile": True, "mixed_precision": "none"},
    "ours, bfloat16": {"compile": False, "mixed_precision": "bf16"},
    "ours, bfloat16, compiled": {"compile": True, "mixed_precision": "bf16"},
}


def random_batch(layout: Layout, rows: int, generator: torch.Generator) -> Batch:
    """Numbers of the right shapes; what they are does not change the time."""

    def observation() -> dict[str, torch.Tensor]:
        return {name: torch.randn(rows, v.size, generator=generator) for name, v in layout.vectors.items()}

    return Batch(
        observation=observation(),
        next_observation=observation(),
        action=torch.rand(rows, len(layout.continuous), generator=generator) * 2 - 1,
        gripper=torch.randint(0, len(layout.gripper_classes), (rows,), generator=generator),
        reward=torch.rand(rows, generator=generator),
        terminated=(torch.rand(rows, generator=generator) < 0.1).float(),
        penalty=torch.zeros(rows),
        operator=torch.zeros(rows),
    )


def lerobot_update(layout: Layout, settings: LearnerSettings, batch: Batch) -> Callable[[], Any]:
    """Stock lerobot's update on the same batch."""
    from lerobot.policies.gaussian_actor.modeling_gaussian_actor import GaussianActorPolicy
    from lerobot.rl.algorithms.sac import SACAlgorithm

    config = lerobot_policy.algorithm_config(layout, settings)
    algorithm = SACAlgorithm(GaussianActorPolicy(config.policy_config), config)
    algorithm.make_optimizers_and_scheduler()
    theirs = {
        "state": batch.observation,
        "next_state": batch.next_observation,
        "action": torch.cat([batch.action, batch.gripper.float().unsqueeze(1)], dim=1),
        "reward": batch.reward,
        "done": batch.terminated,
        "complementary_info": {"discrete_penalty": batch.penalty},
    }

    def endless() -> Iterator[Any]:
        while True:
            yield theirs

    batches = endless()
    return lambda: algorithm.update(batches)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="turns of each contender; the median counts")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="torch threads")
    parser.add_argument("--latent", type=int, default=256, help="width of each encoder's output")
    parser.add_argument("--no-compile", action="store_true", help="leave the compiled variants out")
    arguments = parser.parse_args()
    logging.disable(logging.INFO)
    torch.set_num_threads(1)

    layout, settings = panda_layout(), LearnerSettings(latent_dim=arguments.latent)
    batch = random_batch(layout, settings.batch_size, torch.Generator().manual_seed(0))
    print(f"batch {settings.batch_size}, hidden {settings.hidden_dims}, latent {settings.latent_dim}, ms per update")
    print(f"{'threads':>7}  {'contender':<26}{'median':>8}{'least':>8}{'first':>9}{'times faster':>14}")
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        torch._dynamo.reset()
        contenders: dict[str, Callable[[], Any]] = {"lerobot": lerobot_update(layout, settings, batch)}
        for name, changes in VARIANTS.items():
            if changes["compile"] and arguments.no_compile:
                continue
            learner = SAC(layout, dataclasses.replace(settings, **changes))  # type: ignore[arg-type]
            contenders[name] = lambda learner=learner: learner.update(lambda: batch)  # type: ignore[misc]
        first, times = {}, {name: [] for name in contenders}
        for name, update in contenders.items():
            first[name] = _seconds(update)
            update()
        for _ in range(arguments.rounds):
            for name, update in contenders.items():
                times[name].append(_seconds(update))
        reference = statistics.median(times["lerobot"])
        for name, taken in times.items():
            median = statistics.median(taken)
            print(
                f"{threads:>7}  {name:<26}{median * 1e3:>8.1f}{min(taken) * 1e3:>8.1f}{first[name] * 1e3:>9.0f}"
                f"{reference / median:>14.2f}"
            )


def _seconds(update: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    update()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
