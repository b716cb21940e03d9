"""Quality of service, chosen here and nowhere else, by the kind of data."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy


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


# Absolute targets, numbered: only the newest counts, and it must arrive.
COMMAND = _profile(1)
# What a person did: every edge counts.
TELEOP = _profile(20)
# Steps of the robot: none may be lost. The actor's journal covers what this queue cannot.
TRANSITION = _profile(1000)
# A late or restarted node gets the newest at once.
LATCHED = _profile(1, latched=True)
# As above; in lockstep the actor needs an exact version, so a few are kept.
WEIGHTS = _profile(4, latched=True)
# Finished episodes: few, and each matters to a late reader.
EPISODES = _profile(100, latched=True)
