"""The actor's side of the stream: a step is on disk before it leaves, and leaves again until it is held."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from rclpy.serialization import deserialize_message

from hil_serl_ros.data.journal import Journal
from hil_serl_ros.msg import ActorStatus, Held, LearnerStatus, Transition
from hil_serl_ros.ros import outbox as module
from hil_serl_ros.ros.outbox import RESEND_AFTER, RESEND_BYTES, RESEND_MOST, Outbox
from hil_serl_ros.settings import SettingError

MINE = '{"clock":"lockstep","layout":{"control_period":0.1}}'


class Wire:
    """Stands where the node stands: what is published is kept, and the learner's word is given by hand."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.journal: Journal | None = None
        self.on_disk: list[int] = []  # steps in the journal at each publication
        self.hear: Any = None
        self.meet: Any = None

    def create_publisher(self, *_: object) -> Any:
        return SimpleNamespace(publish=self._publish)

    def create_subscription(self, kind: type, topic: str, callback: Any, profile: Any) -> None:
        if kind is LearnerStatus:
            self.hear = callback
        else:
            self.meet = callback

    def _publish(self, data: bytes) -> None:
        assert self.journal is not None
        self.on_disk.append(len(list(self.journal.pending(0))))
        self.sent.append(data)

    def indices(self) -> list[int]:
        return [deserialize_message(data, Transition).index for data in self.sent]


class Actor:
    def __init__(self, folder: Any) -> None:
        self.wire = Wire()
        self.wire.journal = self.journal = Journal(folder)
        self.outbox = Outbox(self.wire, self.journal, "arm", "run", MINE)

    def told(self, count: int, robot: str = "arm", run: str = "run", theirs: str = MINE) -> None:
        self.wire.hear(LearnerStatus(run=run, configuration=theirs, held=[Held(robot=robot, count=count)]))


@pytest.fixture
def clock(monkeypatch):
    now = SimpleNamespace(seconds=0.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now.seconds, time_ns=lambda: 0))
    return now


@pytest.fixture
def actor(tmp_path, clock):
    actor = Actor(tmp_path)
    yield actor
    actor.journal.close()


def stall(actor: Actor, clock: Any, held: int) -> None:
    """The learner speaks for long enough, and makes no progress."""
    actor.told(held)
    clock.seconds += RESEND_AFTER / 2
    actor.told(held)
    clock.seconds += RESEND_AFTER / 2 + 0.1
    actor.told(held)


def test_a_step_is_in_the_journal_before_it_is_published(actor):
    for _ in range(3):
        actor.outbox.send(Transition())
    assert actor.wire.on_disk == [1, 2, 3]
    assert actor.wire.indices() == [0, 1, 2]
    assert actor.outbox.sent == 3


def test_a_learner_that_keeps_up_is_sent_nothing_twice(actor, clock):
    for step in range(5):
        actor.outbox.send(Transition())
        clock.seconds += RESEND_AFTER
        actor.told(step + 1)
    assert actor.outbox.resent == 0
    assert actor.outbox.held == 5


def test_what_a_silent_learner_lacks_is_sent_again_and_only_that(actor, clock):
    for _ in range(5):
        actor.outbox.send(Transition())
    actor.told(2)
    actor.told(2)
    assert actor.outbox.resent == 0  # not at once: it may be on its way
    stall(actor, clock, 2)
    assert actor.wire.indices()[5:] == [2, 3, 4]
    actor.told(2)
    assert actor.outbox.resent == 3  # and not with every word of it


def test_the_same_bytes_are_sent_again(actor, clock):
    actor.outbox.send(Transition(episode=7, reward=0.5))
    stall(actor, clock, 0)
    assert actor.wire.sent[1] == actor.wire.sent[0]


def test_only_so_many_are_on_their_way_again_and_the_next_follow_as_the_learner_takes_them(actor, clock):
    for _ in range(RESEND_MOST + 20):
        actor.outbox._journal.append(actor.outbox.sent, b"step")
    stall(actor, clock, 0)
    assert len(actor.wire.sent) == RESEND_MOST
    actor.told(5)
    assert len(actor.wire.sent) == RESEND_MOST + 5
    actor.told(RESEND_MOST)
    assert actor.outbox.resent == RESEND_MOST + 20  # each once


def test_large_steps_are_sent_again_few_at_a_time(actor, clock):
    step = bytes(RESEND_BYTES // 4)
    for _ in range(8):
        actor.outbox._journal.append(actor.outbox.sent, step)
    stall(actor, clock, 2)
    assert len(actor.wire.sent) == 4
    actor.told(3)
    assert len(actor.wire.sent) == 5


def test_after_a_cut_of_the_link_what_is_on_its_way_is_waited_for_first(actor, clock):
    for _ in range(3):
        actor.outbox.send(Transition())
    actor.told(0)
    clock.seconds += 30  # nothing is heard meanwhile
    actor.told(0)
    assert actor.outbox.resent == 0
    actor.told(3)
    stall(actor, clock, 3)
    assert actor.outbox.resent == 0


def test_steps_that_come_by_themselves_meanwhile_are_not_sent_again(actor, clock):
    for _ in range(RESEND_MOST + 20):
        actor.outbox._journal.append(actor.outbox.sent, b"step")
    stall(actor, clock, 0)
    actor.told(RESEND_MOST + 15)
    assert actor.outbox.resent == RESEND_MOST + 5


def test_a_restarted_actor_goes_on_with_the_next_number_and_sends_what_is_missing(actor, clock, tmp_path):
    for _ in range(4):
        actor.outbox.send(Transition())
    actor.journal.close()
    again = Actor(tmp_path)
    assert again.outbox.sent == 4
    stall(again, clock, 1)
    assert again.wire.indices() == [1, 2, 3]
    again.outbox.send(Transition())
    assert again.wire.indices()[-1] == 4
    again.journal.close()


def test_a_learner_that_lost_its_log_is_sent_all_again(actor, clock):
    for _ in range(3):
        actor.outbox.send(Transition())
    actor.told(3)
    stall(actor, clock, 0)
    assert actor.wire.indices()[3:] == [0, 1, 2]


def test_the_words_of_another_run_or_about_another_robot_count_for_nothing(actor, clock):
    actor.outbox.send(Transition())
    actor.told(1, run="other")
    assert actor.outbox.learner is None
    actor.told(1, robot="other")
    assert actor.outbox.held == 0
    for _ in range(3):
        clock.seconds += RESEND_AFTER / 2 + 0.1
        actor.told(1, robot="other")
    assert actor.outbox.resent == 1


def test_an_actor_that_lost_its_journal_goes_on_with_the_number_that_the_learner_waits_for(actor):
    actor.told(7)
    actor.outbox.send(Transition())
    assert actor.wire.indices() == [7]


def test_a_learner_of_another_configuration_is_refused_with_the_difference_named(actor):
    theirs = MINE.replace("0.1", "0.05").replace("lockstep", "realtime")
    with pytest.raises(
        SettingError, match=r"clock is lockstep here, realtime there; control_period is 0\.1 here, 0\.05"
    ):
        actor.told(0, theirs=theirs)
    actor.told(0, run="other", theirs=theirs)  # not this actor's learner
    assert actor.outbox.learner is None


def test_of_two_actors_of_one_name_the_later_one_ends_and_says_what_to_do(actor):
    actor.outbox.started = 100
    for robot, run, started in (("arm", "run", 100), ("arm", "run", 200), ("leg", "run", 1), ("arm", "other", 1)):
        actor.wire.meet(ActorStatus(robot=robot, run=run, started=started))
    with pytest.raises(SettingError, match="another actor of run 'run' calls itself 'arm'; give this one another name"):
        actor.wire.meet(ActorStatus(robot="arm", run="run", started=99))


def test_after_a_long_rest_a_new_step_is_not_taken_for_a_missing_one(actor, clock):
    actor.outbox.send(Transition())
    actor.told(1)
    clock.seconds += 100 * RESEND_AFTER
    actor.told(1)
    actor.outbox.send(Transition())
    actor.told(1)
    assert actor.outbox.resent == 0
