"""A service whose answer comes when it is there, while its node goes on with everything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node


class SlowService:
    """All who ask before the answer is there get the same one.

    rclpy sends what a callback returns; its events executor knows no coroutines, and the default one comes back to them
    without a rest. So what a callback returns is not sent where it is nothing, and sent later.

    Args:
        node: whose service it is.
        kind: of the service.
        name: of the service.
        callback: of request and response; returns the response, or None: the answer comes later.
    """

    def __init__(self, node: Node, kind: type, name: str, callback: Callable[[Any, Any], Any]) -> None:
        self._service = node.create_service(kind, name, callback)
        self._send = self._service.send_response
        self._service.send_response = self._send_or_keep
        self._waiting: list[Any] = []  # headers of the requests

    def _send_or_keep(self, response: Any, header: Any) -> None:
        if response is None:
            self._waiting.append(header)
        else:
            self._send(response, header)

    def answer(self, response: Any) -> None:
        """Give everybody who waits the answer."""
        waiting, self._waiting = self._waiting, []
        for header in waiting:
            self._send(response, header)
