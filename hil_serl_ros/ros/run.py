"""Start, spin and end one node: the same for all, so that every end is a clean one."""

from __future__ import annotations

import errno
import gc
import signal
import sys
from collections.abc import Callable

import rclpy
from rclpy.executors import Executor, ExternalShutdownException
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from hil_serl_ros.settings import SettingError

# Full, over quota, read-only, broken: nothing that another start would mend.
DISK_REFUSES = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG}


def executor_of(node: Node) -> Executor:
    """An executor for one node. The events executor costs half of the default one's processor time.

    Its ``spin()`` does not wake up on the wheels of rclpy 7.1, ``spin_once`` does: use :func:`spin`.
    """
    executor = EventsExecutor(context=node.context)
    executor.add_node(node)
    return executor


_signalled = False


def _on_signal(number: int, frame: object) -> None:
    global _signalled
    _signalled = True


def turn(executor: Executor, node: Node, seconds: float) -> None:
    """Serve callbacks for at most ``seconds``; then, if the process was told to end, shut the context down.

    rclpy's own handler shuts it down at once, and whatever a callback publishes then fails.
    """
    executor.spin_once(timeout_sec=seconds)
    if _signalled:
        node.context.try_shutdown()


def spin(executor: Executor, node: Node) -> None:
    """Spin until the context is shut down."""
    while node.context.ok():
        turn(executor, node, 0.5)


def _said(error: Exception) -> int:
    """Say what is wrong in a sentence; the exit code."""
    print(f"error: {error}", file=sys.stderr, flush=True)
    return 2


def main(make: Callable[[], Node], argv: list[str] | None = None) -> None:
    """Run one node until Ctrl-C or SIGTERM. A wrong setting, or a disk that refuses, ends it with one sentence and exit
    code 2.

    A node with a method ``run(executor)`` has a loop of its own; any other is spun. A method
    ``close()`` is called at the end, whatever the end was.
    """
    # A KeyboardInterrupt would come up inside a callback, and the events executor aborts the process at that.
    signal.signal(signal.SIGINT, _on_signal)
    signal.signal(signal.SIGTERM, _on_signal)
    try:
        rclpy.init(args=argv, signal_handler_options=SignalHandlerOptions.NO)
    except rclpy_implementation.RCLError as error:
        print(f"error: {str(error).splitlines()[0]}", file=sys.stderr, flush=True)
        sys.exit(2)
    node: Node | None = None
    code = 0
    try:
        node = make()
        executor = executor_of(node)
        gc.freeze()  # what a start made stays: to look through it again takes tens of milliseconds, in a control period
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
        code = _said(error)
    except OSError as error:
        if error.errno not in DISK_REFUSES:
            raise
        code = _said(error)
    finally:
        if node is not None and hasattr(node, "close"):
            try:
                node.close()
            except OSError as error:
                if error.errno not in DISK_REFUSES:
                    raise
                code = _said(error)
        rclpy.try_shutdown()
    # A second signal must not turn a clean end into a death while the interpreter winds up.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # The executor and the middleware's threads are gone with the process: no destructor order to get wrong.
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(code)
