"""The terminal that a person sits at: its keys, a few lines on it, and whether it is still there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from hil_serl_ros.settings import SettingError

if TYPE_CHECKING:
    from blessed.keyboard import Keystroke

# blessed's numbers of keys (curses', and Unicode's private ones of the kitty protocol) by KeyboardEvent.code.
NUMBERS = {
    259: "ArrowUp",
    258: "ArrowDown",
    260: "ArrowLeft",
    261: "ArrowRight",
    339: "PageUp",
    338: "PageDown",
    343: "Enter",
    263: "Backspace",
    361: "Escape",
    57441: "ShiftLeft",
    57447: "ShiftRight",
    57442: "ControlLeft",
    57448: "ControlRight",
}
QUERY = "\x1b[6n"  # where is the cursor? Every terminal answers.
ASK_EVERY = 0.1  # s


@dataclass(frozen=True)
class Stroke:
    """One key, or the window: ``code`` is a KeyboardEvent.code, "blur" when the window lost the focus."""

    code: str
    released: bool = False


class TerminalScreen:
    """The terminal on the standard streams.

    Args:
        silence: how long a terminal that answered before may be silent, s; then the line to it is dead.

    Raises:
        SettingError: they are no terminal.
    """

    def __init__(self, silence: float) -> None:
        if not (sys.__stdin__ and sys.__stdin__.isatty() and sys.__stdout__ and sys.__stdout__.isatty()):
            raise SettingError("the keyboard is read from a terminal: run this in one, over SSH with `ssh -t`")
        os.environ.setdefault("BLESSED_QUERY_TIMEOUT_SECONDS", "1")
        import blessed

        self._terminal = blessed.Terminal()
        self._silence = silence
        self._asked = 0.0
        self._due = 0  # answers
        self._answered: float | None = None
        self._drawn: list[str] = []
        self._in_sequence = False
        self.releases = self._terminal.get_kitty_keyboard_state() is not None

    @contextmanager
    def open(self) -> Iterator[None]:
        """Take the terminal over, and give it back as it was, whatever happens."""
        terminal = self._terminal
        with ExitStack() as stack:
            stack.enter_context(_withheld_errors())
            # Raw: Ctrl-C is a key like others, and Ctrl-S does not stop the output.
            for mode in (terminal.raw, terminal.fullscreen, terminal.hidden_cursor):
                stack.enter_context(mode())
            for mode in (terminal.bracketed_paste, terminal.focus_events):  # what is pasted is not typed
                stack.enter_context(mode())
            if self.releases:
                every = {"report_events": True, "report_alternates": True, "report_all_keys": True}
                stack.enter_context(terminal.enable_kitty_keyboard(disambiguate=True, **every))
            stack.callback(self._hear_out)
            yield

    def _hear_out(self) -> None:
        """Read the answers that are still due: the shell must not get them."""
        with suppress(EOFError, OSError):
            while self._due > 0 and self._terminal.inkey(timeout=self._silence):
                self._due -= 1

    def stroke(self, seconds: float, now: float) -> Stroke | None:
        """The next key within ``seconds``; ``now`` is s, monotonic.

        Raises:
            EOFError, OSError: the terminal is gone.
        """
        key = self._terminal.inkey(timeout=seconds, esc_delay=0.1)
        if not key:
            return None
        if key.key_name == "CPR_RESPONSE":
            self._answered, self._due = now, self._due - 1
            return None
        if self._in_sequence or key.key_name == "CSI":
            # An unknown sequence: its letters were not typed.
            self._in_sequence = key.key_name == "CSI" or not (key.isalpha() or key == "~")
            return None
        code = code_of(key)
        return Stroke(code, bool(key.released)) if code else None

    def alive(self, now: float) -> bool:
        """Whether the line to the terminal lives; ask it now and then."""
        if now - self._asked > ASK_EVERY:
            self._asked, self._due = now, self._due + 1
            self._write(QUERY)
        return self._answered is None or now - self._answered < self._silence

    def draw(self, lines: list[str]) -> None:
        """Show ``lines`` from the top."""
        if lines == self._drawn:
            return
        self._drawn = lines
        terminal = self._terminal
        rows = [
            terminal.move_xy(0, row) + terminal.truncate(line) + terminal.clear_eol for row, line in enumerate(lines)
        ]
        self._write("".join([*rows, terminal.clear_eos]))

    def bold(self, text: str) -> str:
        """``text`` impossible to miss."""
        return str(self._terminal.bold_reverse(f" {text} "))

    def _write(self, text: str) -> None:
        stream: Any = self._terminal.stream
        stream.write(text)
        stream.flush()


@contextmanager
def _withheld_errors() -> Iterator[None]:
    """What is logged to this terminal meanwhile comes after the screen: it would be written over it."""
    if not os.isatty(2):
        yield
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    with TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            file.seek(0)
            with suppress(OSError):  # it is gone
                os.write(2, file.read())


def code_of(key: Keystroke) -> str:
    """KeyboardEvent.code of a key; "blur" when the window lost the focus, "Escape" for Ctrl-C; empty: not ours."""
    name = key.key_name or ("" if len(key) != 1 else f"KEY_{'SPACE' if key == ' ' else key.upper()}")
    if key.code in NUMBERS:
        return NUMBERS[key.code]
    if name == "FOCUS_OUT":
        return "blur"
    if name == "KEY_CTRL_C":
        return "Escape"
    if not key.uses_keyboard_protocol and name.startswith(("KEY_CTRL_", "KEY_ALT_")):
        return ""  # there the gripper's Ctrl is no key of its own
    letter = name.rpartition("_")[2] if name.startswith("KEY_") else ""
    if letter == "SPACE":
        return "Space"
    return f"Key{letter}" if len(letter) == 1 and letter.isascii() and letter.isalpha() else ""
