"""Start, spin and end one node: the same for all, so that every end is a clean one."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import rclpy
from rclpy.executors import Executor, ExternalShutdownException
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node

from hil_serl_ros.settings import SettingError


def executor_of(node: Node) -> Executor:
    """An executor for one node. The events executor costs half of the default one's processor time.

    Its ``spin()`` does not wake up on the wheels of rclpy 7.1, ``spin_once`` does: use :func:`spin`.
    """
    executor = EventsExecutor(context=node.context)
    executor.add_node(node)
    return executor


def spin(executor: Executor, node: Node) -> None:
    """Spin until the context is shut down."""
    while node.context.ok():
        executor.spin_once(timeout_sec=0.5)


def main(make: Callable[[], Node], argv: list[str] | None = None) -> None:
    """Run one node until Ctrl-C or SIGTERM. A wrong setting ends it with one sentence and exit code 2.

    A node with a method ``run(executor)`` has a loop of its own; any other is spun. A method
    ``close()`` is called at the end, whatever the end was.
    """
    # rclpy ends the context at a signal, and that ends every loop. Python's KeyboardInterrupt would come up inside
    # a callback, and the events executor aborts the process at that.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        rclpy.init(args=argv)
    except rclpy_implementation.RCLError as error:
        print(f"error: {str(error).splitlines()[0]}", file=sys.stderr, flush=True)
        sys.exit(2)
    node: Node | None = None
    code = 0
    try:
        node = make()
        executor = executor_of(node)
        if hasattr(node, "run"):
            node.run(executor)
        else:
            spin(executor, node)
    except ExternalShutdownException:
        pass
    except rclpy_implementation.RCLError:
        # A signal may end the context in the middle of anything; what then fails is no fault.
        if rclpy.ok():
            raise
    except SettingError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        code = 2
    finally:
        if node is not None and hasattr(node, "close"):
            node.close()
        rclpy.try_shutdown()
    # A second signal must not turn a clean end into a death while the interpreter winds up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # The executor and the middleware's threads are gone with the process: no destructor order to get wrong.
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
