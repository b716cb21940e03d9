"""``hil-serl conformance``: does a robot's node keep the contract (docs/your_robot.md)?

It runs against the node alone, and stands in `safety`'s place: it commands the robot itself.
"""

from __future__ import annotations

import argparse
import sys

import rclpy

from hil_serl_ros.env.contract import FAIL, RULES, judge
from hil_serl_ros.env.probe import NoRobot, Probe
from hil_serl_ros.ros.run import executor_of
from hil_serl_ros.settings import SettingError

WIDTH = max(len(rule.name) for rule in RULES)
TOLD = """It moves the arm: 2 cm up, forward and to the left, each time back again, and the gripper by a tenth; then it
resets it, and the arm goes where its own routine goes. Clear 5 cm around the tool and the way of that routine, and keep
a hand at the stop. (--still moves nothing.)"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("--namespace", default="", help="of the robot's node (default: none)")
    parser.add_argument("--still", action="store_true", help="without the rules that move the arm")
    parser.add_argument("--yes", action="store_true", help="move it without asking first")


def run(arguments: argparse.Namespace) -> int:
    """Look at each rule and print a line; 0 where none is broken.

    Raises:
        SettingError: no robot is there, or `safety` is; or nobody is there to ask.
    """
    if not arguments.still and not arguments.yes:
        print(TOLD, flush=True)
        if not sys.stdin.isatty():
            raise SettingError("it moves the arm, and nobody is there to ask: say --yes, or --still")
        input("Press Enter to go on, Ctrl-C to end. ")
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node(
        "conformance", namespace=arguments.namespace, context=context, start_parameter_services=False
    )
    executor = executor_of(node)
    probe = Probe(node, executor)
    probe.told = lambda said: print(f"{'':6}{'':{WIDTH}}  the robot: {said}", flush=True)
    counts: dict[str, int] = {}
    try:
        for verdict in judge(probe, still=arguments.still):
            counts[verdict.result] = counts.get(verdict.result, 0) + 1
            print(f"{verdict.result}  {verdict.rule.name:{WIDTH}}  {verdict.rule.sentence}", flush=True)
            if verdict.seen:
                print(f"{'':6}{'':{WIDTH}}  -> {verdict.seen}", flush=True)
    except NoRobot as reason:
        raise SettingError(str(reason)) from None
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown(context=context)
    print(f"conformance: {', '.join(f'{count} {result}' for result, count in counts.items())}")
    return int(FAIL in counts)
