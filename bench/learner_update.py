"""One learner update (2 critic steps and 1 actor step, batch 256) by stock lerobot and by us, on the same shapes.

    python bench/learner_update.py [--rounds 15] [--threads 1 2] [--latent 256]
    python bench/learner_update.py --cameras 2 --encoder small --threads 2 --rounds 3
    python bench/learner_update.py --cameras 2 --encoder resnet10 --threads 2 --rounds 3

The machine is shared and noisy, so the contenders take turns and the figures are medians and their ratio in the
same run. Times are of the whole update as the learner calls it. With cameras (128x128, frozen encoder) ours draw
their batches from the replay, cached features and all; lerobot gets the same batch of pictures each time, for free.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hil_serl_ros.learning import lerobot_policy
from hil_serl_ros.learning.encoder import build, save
from hil_serl_ros.learning.layout import Layout, panda_layout
from hil_serl_ros.learning.losses import Batch
from hil_serl_ros.learning.replay import Replay
from hil_serl_ros.learning.sac import SAC
from hil_serl_ros.learning.settings import LearnerSettings
from hil_serl_ros.learning.step import Step

SIDE = 128
STORED = 300  # steps with pictures: more than fit into a processor's cache
TURNS = 5  # of ours to one of lerobot's, where that takes seconds
VARIANTS = {
    "ours, float32": {"compile": False, "mixed_precision": "none"},
    "ours, float32, compiled": {"compile": True, "mixed_precision": "none"},
    "ours, bfloat16": {"compile": False, "mixed_precision": "bf16"},
    "ours, bfloat16, compiled": {"compile": True, "mixed_precision": "bf16"},
}


def random_batch(layout: Layout, rows: int, generator: torch.Generator) -> Batch:
    """Numbers of the right shapes; what they are does not change the time."""

    def observation() -> dict[str, torch.Tensor]:
        return {name: torch.randn(rows, *shape, generator=generator) for name, shape in layout.shapes().items()}

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


def moved(batch: Batch, device: str) -> Batch:
    """The batch on the device."""

    def to(value: Any) -> Any:
        return {k: v.to(device) for k, v in value.items()} if isinstance(value, dict) else value.to(device)

    return Batch(*(to(value) for value in batch))


def stored(layout: Layout, settings: LearnerSettings) -> Replay:
    """A replay with steps of noise in it, every other one an intervention."""
    replay, random = Replay(layout, settings), np.random.default_rng(0)

    def observation() -> dict[str, np.ndarray]:
        seen = {name: random.standard_normal(v.size, np.float32) for name, v in layout.vectors.items()}
        return seen | {name: random.integers(0, 256, shape, np.uint8) for name, shape in layout.images.items()}

    action = np.array([0.1, 0.2, 0.3, 1], np.float32)
    for i in range(STORED):
        replay.add(Step(i, 0, i, observation(), action, 0.0, False, False, intervention=i % 2 == 0))
    return replay


def lerobot_update(layout: Layout, settings: LearnerSettings, batch: Batch, encoder: str) -> Callable[[], Any]:
    """Stock lerobot's update on the same batch; ``encoder`` is the folder of its vision encoder, if not its own."""
    from lerobot.policies.gaussian_actor.modeling_gaussian_actor import GaussianActorPolicy
    from lerobot.rl.algorithms.sac import SACAlgorithm

    config = lerobot_policy.algorithm_config(layout, settings, encoder)
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
    parser.add_argument("--cameras", type=int, default=0, choices=(0, 1, 2), help="128x128 pictures of each step")
    parser.add_argument("--encoder", default="small", choices=("small", "resnet10"), help="frozen vision encoder")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--no-compile", action="store_true", help="leave the compiled variants out")
    arguments = parser.parse_args()
    logging.disable(logging.INFO)
    torch.set_num_threads(1)
    device = arguments.device
    if device != "cpu" and not torch.cuda.is_available():
        parser.exit(0, "there is no GPU here that torch can use: nothing measured on one\n")

    pictures = dict.fromkeys(("front", "wrist")[: arguments.cameras], (3, SIDE, SIDE))
    layout = panda_layout(environment_state=not pictures, images=pictures)
    settings = LearnerSettings(
        latent_dim=arguments.latent,
        vision_encoder=arguments.encoder,
        device=device,
        online_buffer_capacity=STORED,
        offline_buffer_capacity=STORED,
    )
    batch = moved(random_batch(layout, settings.batch_size, torch.Generator().manual_seed(0)), device)
    sample = stored(layout, settings).sample if pictures else lambda: batch
    seen = f"{len(pictures)} cameras {SIDE}x{SIDE}, {arguments.encoder} frozen, " if pictures else ""
    print(f"{seen}batch {settings.batch_size}, hidden {settings.hidden_dims}, latent {settings.latent_dim}, {device}")
    print("| threads | contender | median, ms | least, ms | first, ms | times faster |")
    print("|---|---|---|---|---|---|")
    for threads in arguments.threads:
        torch.set_num_threads(threads)
        torch._dynamo.reset()
        with tempfile.TemporaryDirectory() as folder:
            if pictures and arguments.encoder != "small":
                save(build(arguments.encoder), Path(folder))
            contenders: dict[str, Callable[[], Any]] = {"lerobot": lerobot_update(layout, settings, batch, folder)}
        for name, changes in VARIANTS.items():
            if changes["compile"] and arguments.no_compile:
                continue
            learner = SAC(layout, dataclasses.replace(settings, **changes))  # type: ignore[arg-type]
            contenders[name] = lambda learner=learner: learner.update(sample)  # type: ignore[misc]
        first = {name: _seconds(update, device) for name, update in contenders.items()}
        times: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(arguments.rounds):
            for name, update in contenders.items():
                for _ in range(TURNS if pictures and name != "lerobot" else 1):
                    times[name].append(_seconds(update, device))
        reference = statistics.median(times["lerobot"])
        for name, taken in times.items():
            median = statistics.median(taken)
            print(
                f"| {threads} | {name} | {median * 1e3:.1f} | {min(taken) * 1e3:.1f} | {first[name] * 1e3:.0f} "
                f"| {reference / median:.2f} |"
            )


def _seconds(update: Callable[[], Any], device: str) -> float:
    begin = time.perf_counter()
    update()
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
