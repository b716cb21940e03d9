"""``hil-serl replay``: play a recorded episode's executed actions through simulation or a robot."""

from __future__ import annotations

import argparse

from hil_serl_ros.commands import again


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    again.add_arguments(parser, "replay")
    parser.add_argument(
        "--on-robot",
        action="store_true",
        help="in real time, on the robot whose node is running already; a person arms it and can take over",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the graph until the episode is over; the exit code."""
    episode = again.episode_of(arguments)
    person = sum(step.intervention for step in episode.steps)
    print(
        f"episode {episode.number} of robot {episode.robot}: {len(episode.steps)} steps, {person} of them a person's, "
        f"seed {episode.steps[0].seed}"
    )
    if arguments.on_robot:
        return again.start("replay_on_robot", episode, arguments, {"clock": "realtime", "armed_at_start": False})
    return again.start("replay", episode, arguments, {"clock": "lockstep", **again.SIMULATED})
