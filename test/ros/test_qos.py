"""Quality of service by kind of data."""

from __future__ import annotations

import pytest
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSCompatibility, ReliabilityPolicy, qos_check_compatible

from hil_serl_ros.ros import qos


def test_in_lockstep_no_state_may_be_lost():
    assert qos.publish_state(lockstep=True).reliability == ReliabilityPolicy.RELIABLE
    assert qos.receive_state(lockstep=True).reliability == ReliabilityPolicy.RELIABLE


def test_in_realtime_a_newer_state_is_worth_more_than_an_old_one_sent_again():
    profile = qos.publish_state(lockstep=False)
    assert profile.reliability == ReliabilityPolicy.BEST_EFFORT
    assert profile.depth <= 2


@pytest.mark.parametrize("lockstep", [True, False])
def test_publishers_and_subscribers_of_states_fit(lockstep):
    fit, why = qos_check_compatible(qos.publish_state(lockstep=lockstep), qos.receive_state(lockstep=lockstep))
    assert fit != QoSCompatibility.ERROR, why


@pytest.mark.parametrize("name", ["COMMAND", "TELEOP", "TRANSITION", "LATCHED", "WEIGHTS", "EPISODES"])
def test_all_that_counts_is_reliable_and_bounded(name):
    profile = getattr(qos, name)
    assert profile.reliability == ReliabilityPolicy.RELIABLE
    assert profile.history == HistoryPolicy.KEEP_LAST
    assert profile.depth >= 1


@pytest.mark.parametrize("lockstep", [True, False])
def test_all_hear_the_robots_status_and_a_late_safety_gets_it_in_lockstep(lockstep):
    status = qos.robot_status(lockstep=lockstep)
    for receiver in (status, qos.receive_state(lockstep=lockstep)):
        assert qos_check_compatible(status, receiver)[0] != QoSCompatibility.ERROR
    assert (status.durability == DurabilityPolicy.TRANSIENT_LOCAL) == lockstep


def test_only_the_newest_command_counts():
    assert qos.COMMAND.depth == 1
    assert qos.COMMAND.durability == DurabilityPolicy.VOLATILE  # an old command must not meet a late robot


@pytest.mark.parametrize("name", ["LATCHED", "LATCHED_BY_SEVERAL", "WEIGHTS", "EPISODES"])
def test_a_late_or_restarted_node_gets_the_newest_at_once(name):
    assert getattr(qos, name).durability == DurabilityPolicy.TRANSIENT_LOCAL


def test_hands_in_realtime_wait_for_no_word_that_was_lost():
    assert qos.HANDS.reliability == ReliabilityPolicy.BEST_EFFORT
    assert qos_check_compatible(qos.TELEOP, qos.HANDS)[0] != QoSCompatibility.ERROR
