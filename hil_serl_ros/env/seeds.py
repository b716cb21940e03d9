"""Seeds of episodes: a pure function of the run's seed, the mode and the episode, never of history."""

from __future__ import annotations

import numpy as np

from hil_serl_ros.msg import ActorStatus

EVALUATION_SEED = 1_000_003  # evaluation is the same for every run, and apart from what is trained on


def episode_seed(run_seed: int, mode: int, episode: int) -> int:
    """Seed of the world's reset, 0 to 2**31 - 1.

    Evaluation episodes have the same seeds in every run, so that policies are compared on the same
    worlds; other modes draw from the run's own stream.
    """
    stream = [EVALUATION_SEED, episode] if mode == ActorStatus.MODE_EVALUATE else [run_seed, mode, episode]
    return int(np.random.SeedSequence(stream).generate_state(1)[0] & 0x7FFFFFFF)
