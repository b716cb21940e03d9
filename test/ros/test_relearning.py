"""Learning again from a log: the very weights of a learner that took the same steps one by one."""

from __future__ import annotations

import logged_run
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from logged_run import COLLECT, DEMONSTRATE, TRAIN

from hil_serl_ros.data.run_settings import run_settings
from hil_serl_ros.data.same_weights import trained_tensors
from hil_serl_ros.data.transition_log import read_log
from hil_serl_ros.learning.encoder import tensors_hash
from hil_serl_ros.learning.trainer import Trainer
from hil_serl_ros.ros.relearning import Relearning, run_index
from hil_serl_ros.ros.restoring import restore
from hil_serl_ros.settings import SettingError

PLAN = [(DEMONSTRATE, 4, True), (DEMONSTRATE, 3, False), (COLLECT, 3, True), (TRAIN, 9, True), (TRAIN, 6, False)]


def relearned(folder, until=None) -> Trainer:
    chosen = run_settings(folder)
    again = Relearning(chosen)
    for _ in again.through(run_index(chosen), until):
        pass
    return again.trainer


def weights(trainer: Trainer) -> str:
    return tensors_hash(trained_tensors(trainer.sac))


episodes = st.tuples(st.sampled_from([COLLECT, DEMONSTRATE, TRAIN, TRAIN]), st.integers(1, 7), st.booleans())


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=st.lists(episodes, min_size=1, max_size=6), per_step=st.integers(1, 2))
def test_the_same_steps_give_the_same_weights_bit_for_bit(tmp_path_factory, plan, per_step):
    made = logged_run.steps(plan)
    folder = logged_run.write(tmp_path_factory.mktemp("run"), made, updates_per_step=per_step)
    mine, reference = relearned(folder), logged_run.learned(made, updates_per_step=per_step)
    assert mine.sac.updates == reference.sac.updates
    assert weights(mine) == weights(reference)


def test_a_demonstration_that_failed_is_not_learned_from(tmp_path):
    made = logged_run.steps(PLAN)
    again = relearned(logged_run.write(tmp_path, made))
    assert len(again.replay.offline) == 4 + sum(step.intervention for step in made)


def test_learning_stops_where_it_is_told_to(tmp_path):
    made = logged_run.steps(PLAN)
    folder = logged_run.write(tmp_path, made)
    assert weights(relearned(folder, 20)) == weights(logged_run.learned(made[:20])) != weights(relearned(folder))


def test_the_demonstrations_that_the_run_was_given_are_learned_from_first(tmp_path):
    other = logged_run.steps([(DEMONSTRATE, 5, True)], seed=9, run="shown")
    shown = logged_run.write(tmp_path / "shown", other)
    made = logged_run.steps([(TRAIN, 12, True)])
    folder = logged_run.write(tmp_path / "run", made, demonstrations_folder=str(shown))
    assert (
        weights(relearned(folder))
        == weights(logged_run.learned(made, given=other))
        != weights(logged_run.learned(made))
    )


class Queue:
    """In the place of the learner's inbox: what a restart finds in the log and has yet to learn from."""

    def __init__(self) -> None:
        self.waiting = []

    def logged(self, message, data) -> None:
        pass

    def put(self, message) -> None:
        self.waiting.append(message)


@pytest.mark.parametrize("saved_at", [1, 5, 9])
def test_a_learner_that_was_resumed_from_a_checkpoint_amid_a_step_has_the_relearned_weights(tmp_path, saved_at):
    made = logged_run.steps(PLAN)
    folder = logged_run.write(tmp_path, made, updates_per_step=2)
    first = Relearning(run_settings(folder), updated=lambda: save_at(first, folder, saved_at))
    for _ in first.through(run_index(run_settings(folder))):
        pass
    again, queue = Relearning(run_settings(folder)), Queue()
    restore(folder / "checkpoints" / f"{saved_at:06d}", read_log(folder / "log"), again.lessons, queue)
    for message in queue.waiting:
        again.lessons.take(message, learn=True)
    assert len(queue.waiting) < len(made)
    assert weights(again.trainer) == weights(relearned(folder))


def save_at(learner: Relearning, folder, updates: int) -> None:
    if learner.trainer.sac.updates == updates:
        learner.save(folder / "checkpoints")


@pytest.mark.parametrize(("what", "words"), [("run", "is a step of run other, not of made"), ("layout", "layout")])
def test_a_step_of_another_run_is_refused_with_its_place(tmp_path, what, words):
    made = logged_run.steps([(TRAIN, 3, True)])
    setattr(made[1], what, "other")
    with pytest.raises(SettingError, match=words) as error:
        run_index(run_settings(logged_run.write(tmp_path, made)))
    assert "log/000000.mcap, message 1" in str(error.value)


def test_demonstrations_that_are_gone_are_named(tmp_path):
    folder = logged_run.write(tmp_path, logged_run.steps(PLAN), demonstrations_folder=str(tmp_path / "gone"))
    with pytest.raises(SettingError, match=r"demonstrations_folder: there is no folder .*gone"):
        Relearning(run_settings(folder))
