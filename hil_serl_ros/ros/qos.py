"""Quality of service, chosen here and nowhere else, by the kind of data."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

RECORD_DEPTH = 200  # messages of one topic


def _profile(depth: int, *, reliable: bool = True, latched: bool = False) -> QoSProfile:
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


def publish_state(*, lockstep: bool) -> QoSProfile:
    """For whoever publishes a state or a frame: in lockstep one drop would stop the world.

    In realtime the newest sample is worth more than an old one that is sent again.
    """
    return _profile(10, reliable=True) if lockstep else _profile(2, reliable=False)


def receive_state(*, lockstep: bool) -> QoSProfile:
    """For whoever subscribes to a state or a frame; matches :func:`publish_state`."""
    return publish_state(lockstep=lockstep)


def robot_status(*, lockstep: bool) -> QoSProfile:
    """For the robot's status between it and `safety`.

    A lockstep robot is silent until it is commanded, and `safety` commands nothing before it knows the
    status: one that starts late must get the last one, or both would wait for ever.
    """
    return _profile(10, latched=True) if lockstep else publish_state(lockstep=False)


def record(offered: QoSProfile) -> QoSProfile:
    """For who writes down all that comes of a topic: as it is offered, and a queue that bridges a busy moment."""
    latched = offered.durability == DurabilityPolicy.TRANSIENT_LOCAL
    reliable = offered.reliability == ReliabilityPolicy.RELIABLE
    return _profile(max(RECORD_DEPTH, offered.depth), reliable=reliable, latched=latched)


# Absolute targets, numbered: only the newest counts, and it must arrive.
COMMAND = _profile(1)
# The classifier's word on each observation: the step waits for it.
REWARD = _profile(10)
# What the policy thinks of its chances, once a step: who answers it waits for each.
POLICY_STATE = _profile(10)
# What a person did: every edge counts. The queue is longer than a link takes to mend a loss.
TELEOP = _profile(100)
# What the hands of a person do, in realtime: only the newest word counts, and none waits for one that was lost.
HANDS = _profile(1, reliable=False)
# Steps of the robot: none may be lost. The actor's journal covers what this queue cannot.
TRANSITION = _profile(1000)
# A late or restarted node gets the newest at once.
LATCHED = _profile(1, latched=True)
# As above, heard by who speaks there too: its own word must not push out that of another one.
LATCHED_BY_SEVERAL = _profile(10, latched=True)
# As above; in lockstep the actor needs an exact version, so a few are kept.
WEIGHTS = _profile(4, latched=True)
# Finished episodes: few, and each matters to a late reader.
EPISODES = _profile(100, latched=True)
# tf2's own, so that one frame's late message does not push out another's.
TRANSFORMS = _profile(100)
# Pictures of the state for a person to look at: only the newest counts, and rviz2 asks for reliable ones.
SHOWN = _profile(1)
