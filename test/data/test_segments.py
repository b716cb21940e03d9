"""Files that a kill cut anywhere: every whole message is kept in order, once, and the torn end is counted."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcap.reader import make_reader

from hil_serl_ros.data import segments as module
from hil_serl_ros.data.segments import Kind, LogError, Record, SegmentWriter, is_whole, mend, read

KIND = Kind("/steps", "std_msgs/msg/String", "string data\n")
PAYLOADS = st.lists(st.binary(max_size=60), max_size=8)


def write(path: Path, payloads: list[bytes], *, end: bool) -> list[int]:
    """Write a file; its length in bytes after the head and after each message."""
    path.unlink(missing_ok=True)
    writer = SegmentWriter(path, KIND)
    lengths = [path.stat().st_size]
    for number, data in enumerate(payloads):
        writer.append(Record(100 + number, 50 + number, number, data))
        lengths.append(path.stat().st_size)
    if end:
        writer.close()
    else:
        writer._file.close()  # as a kill does
    return lengths


def messages(path: Path) -> list[bytes]:
    return [record.data for record in read(path)]


@given(PAYLOADS, st.booleans(), st.floats(0, 1))
def test_of_a_file_cut_at_any_byte_every_whole_message_is_recovered_once_and_in_order(tmp_path_factory, data, end, at):
    path = tmp_path_factory.getbasetemp() / "cut.mcap"
    lengths = write(path, data, end=end)
    total = path.stat().st_size
    cut = round(at * total)
    os.truncate(path, cut)
    whole = max(0, sum(length <= cut for length in lengths) - 1)
    assert messages(path) == data[:whole]  # before it is mended

    torn = mend(path)

    if cut == total and end:
        assert torn == 0
    elif whole == 0:
        assert not path.exists()
        return
    elif whole < len(data):
        assert torn == cut - lengths[whole]
    assert is_whole(path)
    assert messages(path) == data[:whole]
    with path.open("rb") as file:
        summary = make_reader(file, validate_crcs=True).get_summary()
    assert summary.statistics.message_count == whole
    assert mend(path) == 0  # once is enough
    assert messages(path) == data[:whole]


def test_a_message_is_in_the_file_when_append_returns(tmp_path):
    writer = SegmentWriter(tmp_path / "a.mcap", KIND)
    for number in range(3):
        writer.append(Record(number, number, number, b"x" * 10))
        assert len(messages(tmp_path / "a.mcap")) == number + 1
    writer.close()


def test_messages_keep_their_times_and_numbers(tmp_path):
    record = Record(log_time=12, publish_time=7, sequence=3, data=b"data")
    writer = SegmentWriter(tmp_path / "a.mcap", KIND)
    writer.append(record)
    writer.close()
    assert list(read(tmp_path / "a.mcap")) == [record]


def test_a_wall_clock_that_is_set_back_does_not_put_messages_out_of_order(tmp_path):
    writer = SegmentWriter(tmp_path / "a.mcap", KIND)
    for time in (10, 5, 11):
        writer.append(Record(time, time, 0, b""))
    writer.close()
    assert [record.log_time for record in read(tmp_path / "a.mcap")] == [10, 10, 11]


@pytest.mark.parametrize("fits", [0, 1, 20, 35])
def test_a_message_that_a_full_disk_takes_in_part_leaves_no_trace_and_can_be_written_again(tmp_path, monkeypatch, fits):
    path = tmp_path / "a.mcap"
    writer = SegmentWriter(path, KIND)
    writer.append(Record(1, 1, 0, b"first"))

    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fill(handle: int, parts: tuple[bytes, ...]) -> int:
        return os.write(handle, b"".join(parts)[:fits]) if fits else refuse()

    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(module.os, "writev", fill)
        patch.setattr(module.os, "write", lambda handle, data: real(handle, data) if len(data) == fits else refuse())
        with pytest.raises(LogError, match=r"cannot be written: No space left on device; the 1 messages") as caught:
            writer.append(Record(2, 2, 1, b"second"))
    assert caught.value.errno == errno.ENOSPC
    assert messages(path) == [b"first"]
    writer.append(Record(3, 3, 1, b"again"))
    writer.close()
    assert messages(path) == [b"first", b"again"]
    with path.open("rb") as file:
        assert make_reader(file).get_summary().statistics.message_count == 2


def test_a_write_that_the_kernel_cuts_short_leaves_no_trace(tmp_path):
    """A limit on the file's size acts as a full disk does: the kernel takes what fits, then refuses."""
    path = tmp_path / "a.mcap"
    writer = SegmentWriter(path, KIND)
    writer.append(Record(1, 1, 0, b"first"))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 50, hard))
    try:
        with pytest.raises(LogError, match="File too large"):
            writer.append(Record(2, 2, 1, bytes(1000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert messages(path) == [b"first"]
    assert path.stat().st_size == writer.held.size
    writer.append(Record(3, 3, 1, b"again"))
    writer.close()
    assert messages(path) == [b"first", b"again"]


def test_a_file_that_cannot_be_started_is_not_left_behind(tmp_path, monkeypatch):
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module.os, "writev", refuse)
    with pytest.raises(LogError):
        SegmentWriter(tmp_path / "a.mcap", KIND)
    assert list(tmp_path.iterdir()) == []


def test_zeros_that_a_power_cut_left_are_a_torn_end(tmp_path):
    path = tmp_path / "a.mcap"
    write(path, [b"one", b"two"], end=False)
    with path.open("ab") as file:
        file.write(bytes(100))
    assert mend(path) == 100
    assert messages(path) == [b"one", b"two"]


def test_an_open_file_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "a.mcap"
    write(path, [b"one"], end=False)
    path.write_bytes(path.read_bytes().replace(b"hil_serl_ros", b"another_tool"))
    before = path.read_bytes()
    with pytest.raises(LogError, match="another program"):
        mend(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_mcap_is_left_alone(tmp_path):
    path = tmp_path / "a.mcap"
    path.write_bytes(b"a letter to my aunt, and quite a long one: it has more than thirty-seven letters")
    with pytest.raises(LogError, match="not an MCAP file"):
        mend(path)
    assert path.stat().st_size == 80


def test_a_file_whose_messages_have_other_fields_is_refused_and_not_misread(tmp_path):
    text = "# as std_msgs/msg/String, with one more\nstring data\nbool more\n"
    writer = SegmentWriter(tmp_path / "old.mcap", Kind("/steps", "std_msgs/msg/String", text))
    writer.append(Record(1, 1, 0, b"12345678"))
    writer.close()
    with pytest.raises(LogError, match="another version: its std_msgs/msg/String has other fields"):
        list(read(tmp_path / "old.mcap"))


def test_comments_and_spaces_are_no_other_version(tmp_path):
    writer = SegmentWriter(tmp_path / "old.mcap", Kind("/steps", "std_msgs/msg/String", "# so\n\nstring   data # it\n"))
    writer.append(Record(1, 1, 0, b"12345678"))
    writer.close()
    assert len(list(read(tmp_path / "old.mcap"))) == 1
