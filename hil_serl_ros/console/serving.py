"""A page and its server: local tools run it until Ctrl-C, a node runs it beside its executor."""

from __future__ import annotations

import socket
import threading
import webbrowser
from collections.abc import Callable

from fastapi import FastAPI
from nicegui import app, ui
from nicegui import server as nicegui_server

from hil_serl_ros.console.gate import Gate, GateSettings
from hil_serl_ros.console.web import PortTaken, WebServer

__all__ = ["PortTaken", "Server", "dress", "serve"]

STYLE = """
:root { --ground: #15181d; --panel: #1e2229; --line: #323842; --ink: #e6e9ee; --dim: #97a1b0;
        --success: #3ecf8e; --failure: #f0716b; --excluded: #7d8694; --here: #ffd166; }
body { background: var(--ground); color: var(--ink); font: 14px/1.45 system-ui, sans-serif; }
.nicegui-content { padding: 0; gap: 0; }
.bar { background: var(--panel); border-bottom: 1px solid var(--line); padding: 10px 20px; width: 100%; }
.dim { color: var(--dim); }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: 8px; padding: 14px; }
.key { font: 600 12px ui-monospace, monospace; border: 1px solid var(--line); border-bottom-width: 2px;
       border-radius: 4px; padding: 1px 7px; margin-right: 8px; background: var(--ground); }
pre, .mono { font-family: ui-monospace, monospace; }
img { display: block; }
"""
# A button that keeps the focus would take the next Enter too; a field must keep it, or nobody could write in it.
LET_GO = """
addEventListener('click', () => {
  const active = document.activeElement;
  if (!active?.matches('input:not([readonly]), textarea')) active?.blur();
});
"""


def dress(style: str = "") -> None:
    """Give the page that is being made the common look and ``style`` (CSS)."""
    ui.dark_mode(True)
    ui.colors(primary="#5b8def")
    ui.add_css(STYLE + style)
    ui.add_head_html(f"<script>{LET_GO}</script>")


class Server(WebServer):
    """One NiceGUI page behind a gate. Only one in the life of a process: NiceGUI keeps its state in its modules.

    Add further routes to ``app`` (a FastAPI) before the start; the page answers every path that has none. What is
    registered with ``nicegui.app`` works too, but its answers are compressed, which costs time for pictures.

    Args:
        page: makes the page, once per visitor.
        gate: address, and who may come in.
    """

    def __init__(self, page: Callable[[], None], title: str, gate: Gate) -> None:
        self.page, self.title = page, title
        self.app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        super().__init__(self.app, gate)

    def _listen(self) -> socket.socket:
        listener = super()._listen()
        ui.run_with(self.app, root=self.page, title=self.title, favicon="🦾", show_welcome_message=False)
        nicegui_server.Server.instance = self.uvicorn  # app.shutdown() ends it
        return listener


def serve(page: Callable[[], None], title: str, port: int, *, open_browser: bool) -> None:
    """Show ``page`` (which makes it, once per visitor) on this machine until its button or Ctrl-C ends it.

    Raises:
        PortTaken: the port is not free.
    """
    server = Server(page, title, Gate(GateSettings(port=port)))
    if open_browser:
        app.on_startup(threading.Thread(target=webbrowser.open, args=(server.gate.address,), daemon=True).start)
    server.run(title)
