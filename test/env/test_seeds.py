"""Seeds of episodes: the same worlds for every evaluation, and none of them trained on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hil_serl_ros.env.modes import DEMONSTRATE, EVALUATE, TRAIN
from hil_serl_ros.env.seeds import episode_seed

EVALUATION = {episode_seed(0, EVALUATE, episode) for episode in range(200)}


@given(st.integers(0, 2**31), st.integers(0, 10_000))
def test_evaluation_has_the_same_seeds_in_every_run(run, episode):
    assert episode_seed(run, EVALUATE, episode) == episode_seed(0, EVALUATE, episode)


def test_no_evaluation_seed_is_trained_on():
    trained = {episode_seed(run, mode, e) for run in range(20) for mode in (DEMONSTRATE, TRAIN) for e in range(300)}
    assert not EVALUATION & trained


def test_episodes_of_one_run_have_seeds_of_their_own():
    seeds = [episode_seed(7, mode, e) for mode in (DEMONSTRATE, TRAIN) for e in range(500)]
    assert len(set(seeds)) == len(seeds)
    assert len(EVALUATION) == 200


def test_runs_train_on_worlds_of_their_own():
    assert not {episode_seed(1, TRAIN, e) for e in range(300)} & {episode_seed(2, TRAIN, e) for e in range(300)}


@given(st.integers(0, 2**62), st.sampled_from([DEMONSTRATE, TRAIN, EVALUATE]), st.integers(0, 2**32))
def test_a_seed_fits_the_reset_and_depends_on_nothing_else(run, mode, episode):
    seed = episode_seed(run, mode, episode)
    assert 0 <= seed < 2**31
    assert seed == episode_seed(run, mode, episode)
