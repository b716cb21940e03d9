"""The actor's journal: whatever happens between steps, none is lost and none comes twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil_serl_ros.data import journal as module
from hil_serl_ros.data.journal import Journal
from hil_serl_ros.data.segment_folder import read_all, segments
from hil_serl_ros.data.segments import LogError

# What happens: n steps, the learner holds a share of them, an orderly restart, a kill in the middle of a step.
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 9)),
        st.tuples(st.just("held"), st.floats(0, 1)),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("kill"), st.integers(0, 40)),
    ),
    max_size=25,
)


def step(index: int) -> bytes:
    return f"step {index}".encode() * (index % 3 + 1)


def kill(journal: Journal, torn: int) -> None:
    """End as a kill in the middle of the next step does: the file stays open, half a message at its end."""
    writer = journal._writer
    if writer is not None:
        writer._write(b"\x05" + (1000).to_bytes(8, "little") + bytes(torn))
        writer._file.close()
    journal._segments.close()


def test_steps_can_be_taken_one_by_one_while_the_learner_takes_them_too(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SEGMENT_STEPS", 5)
    journal = Journal(tmp_path)
    for index in range(18):
        journal.append(index, step(index))
    pending = journal.pending(2)
    assert next(pending) == (2, step(2))
    journal.held(12)  # two files go, one of them not begun
    assert [index for index, _ in pending][-8:] == list(range(10, 18))
    journal.close()


@given(EVENTS)
@settings(deadline=None)
def test_any_interleaving_of_steps_acknowledgements_restarts_and_kills_loses_and_doubles_nothing(events):
    patch = pytest.MonkeyPatch()
    patch.setattr(module, "SEGMENT_STEPS", 4)
    with tempfile.TemporaryDirectory() as name:
        journal = Journal(Path(name))
        made = held = 0
        for event, value in events:
            if event == "append":
                for _ in range(value):
                    journal.append(made, step(made))
                    made += 1
            elif event == "held":
                held += int(value * (made - held))
                journal.held(held)
            else:
                open_file = journal._writer is not None
                journal.close() if event == "restart" else kill(journal, value)
                journal = Journal(Path(name))
                assert journal.torn == journal.mended == (event == "kill" and open_file)
            assert journal.next_index == made
            assert list(journal.pending(held)) == [(index, step(index)) for index in range(held, made)]
            assert len(segments(Path(name))) <= (made - held) // 4 + 3 + sum(
                e in ("restart", "kill") for e, _ in events
            )
        journal.close()
    patch.undo()


def test_what_the_learner_holds_leaves_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SEGMENT_STEPS", 10)
    journal = Journal(tmp_path)
    for index in range(100):
        journal.append(index, step(index))
        journal.held(index + 1)
        assert len(segments(tmp_path)) <= 2
    journal.close()
    again = Journal(tmp_path)
    assert again.next_index == 100  # though all are held: numbers never come twice
    again.close()


def test_a_step_out_of_turn_is_refused(tmp_path):
    journal = Journal(tmp_path)
    journal.append(0, b"")
    for index in (0, 2):
        with pytest.raises(ValueError, match="not the next one, 1"):
            journal.append(index, b"")
    journal.close()


def test_a_second_process_may_not_write_the_same_journal(tmp_path):
    journal = Journal(tmp_path)
    code = (
        "import sys; from pathlib import Path\n"
        "from hil_serl_ros.data.segment_folder import SegmentFolder\n"
        "SegmentFolder(Path(sys.argv[1]))"
    )
    other = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert other.returncode != 0
    assert "another process writes to" in other.stderr
    journal.close()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LogError, match="cannot be written: Not a directory"):
        Journal(tmp_path / "file" / "robot")


APPENDING = """
import sys
from pathlib import Path
from hil_serl_ros.data.segment_folder import SegmentFolder
from hil_serl_ros.data.segments import Kind, Record
folder = SegmentFolder(Path(sys.argv[1]))
writer = folder.new(Kind("/steps", "std_msgs/msg/String", "string data\\n"))
number = int(sys.argv[2])
while True:
    writer.append(Record(number, number, number, number.to_bytes(4, "little") * 2000))
    number += 1
    sys.stdout.buffer.write(number.to_bytes(4, "little"))
    sys.stdout.buffer.flush()
"""


def test_each_append_that_returned_outlives_sigkill(tmp_path):
    """Kills a process that appends as fast as it can, at other moments each time, and takes over its folder."""
    count = 0
    for life in range(5):
        process = subprocess.Popen([sys.executable, "-c", APPENDING, tmp_path, str(count)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 4 * (1 + 37 * life))
        process.send_signal(signal.SIGKILL)
        said = process.stdout.read()  # what it had said until then
        process.stdout.close()
        process.wait()
        numbers = [int.from_bytes(record.data[:4], "little") for record in read_all(tmp_path)]
        assert numbers == list(range(len(numbers)))
        if said:
            assert len(numbers) >= int.from_bytes(said[len(said) // 4 * 4 - 4 :][:4], "little")
        assert len(numbers) > count
        count = len(numbers)
