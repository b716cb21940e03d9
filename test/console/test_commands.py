"""Both commands as processes: where they listen, how they end, what they refuse."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest
from recorded import episode, record

from hil_serl_ros.cli import main
from hil_serl_ros.console import label_page
from hil_serl_ros.console.filmstrip import films
from hil_serl_ros.data.labels import NAME, read_labels

WAIT = 60  # s, for a machine that is busy
CODE = "import sys; from hil_serl_ros.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    return number


def run_until_interrupted(arguments: list[str], port: int) -> tuple[int, str, list[str]]:
    """Exit code, output, and the addresses listened on."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "NICEGUI"))}
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, *arguments, "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )
    guard = threading.Timer(WAIT, process.kill)
    guard.start()
    try:
        assert process.stdout is not None
        listening: list[str] = []
        while not listening and process.poll() is None:
            listening = listeners(port)
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=WAIT)[0]
    finally:
        guard.cancel()
        process.kill()
        process.wait()
    return process.returncode, output, listening


def listeners(port: int) -> list[str]:
    """Hexadecimal local addresses, IPv4 and IPv6, that anything listens on at ``port``."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as file:
            rows = [line.split() for line in file.readlines()[1:]]
        found += [row[1].split(":")[0] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port]
    return found


LOOPBACK = socket.inet_aton("127.0.0.1")[::-1].hex().upper()


def test_label_listens_on_this_machine_only_and_ctrl_c_ends_it_with_the_labels_kept(tmp_path, port):
    record(tmp_path, episode(0, 3, 2, size=16))
    page = label_page.LabelPage(films(episode(0, 3, 2, size=16)), tmp_path / NAME, "run")
    page.press("enter")
    code, output, listening = run_until_interrupted(["classifier", "label", str(tmp_path)], port)
    assert (code, listening) == (0, [LOOPBACK]), output
    assert "1 of 1 episodes labelled" in output
    assert "Traceback" not in output
    assert read_labels(tmp_path / NAME) == {("robot", 0): {0: 0, 1: 0, 2: 1, 3: 1}}


def test_crop_listens_on_this_machine_only_and_ctrl_c_ends_it(tmp_path, port):
    cv2.imwrite(str(tmp_path / "front.png"), np.zeros((16, 16, 3), np.uint8))
    code, output, listening = run_until_interrupted(["crop", "--from", str(tmp_path / "front.png")], port)
    assert (code, listening) == (0, [LOOPBACK]), output
    assert "crops: [0.0, 0.0, 1.0, 1.0]" in output
    assert "Traceback" not in output


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(error) == 1
    return error[0]


def test_a_taken_port_is_one_sentence(tmp_path, capsys):
    record(tmp_path, episode(0, 2, None, size=16))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = other.getsockname()[1]
        said = refused(capsys, "classifier", "label", str(tmp_path), "--port", str(number))
    assert f"port {number}" in said


def test_a_missing_folder_is_one_sentence(tmp_path, capsys):
    assert "there is no folder" in refused(capsys, "classifier", "label", str(tmp_path / "none"))


def test_a_run_without_pictures_is_one_sentence(tmp_path, capsys):
    steps = episode(0, 2, None, size=16)
    for step in steps:
        step.observation.images, step.observation.image_names = [], []
    record(tmp_path, steps)
    assert "without pictures" in refused(capsys, "classifier", "label", str(tmp_path))


def test_a_corrupt_table_is_one_sentence(tmp_path, capsys):
    record(tmp_path, episode(0, 2, None, size=16))
    (tmp_path / NAME).write_text("robot,episode,frame,label\nrobot,0,0,7\n")
    assert "line 2" in refused(capsys, "classifier", "label", str(tmp_path))
