"""Who is let in, over real connections to a real server."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request, WebSocket
from visiting import TOKEN, Place, served, trusting
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from hil_serl_ros.console.gate import TRIES, WINDOW, Gate, GateSettings, Tries, Visit
from hil_serl_ros.console.guard import LARGEST_BODY, LARGEST_FRAME
from hil_serl_ros.settings import SettingError

HUNDRED_MEGABYTES = 100_000_000


def behind() -> FastAPI:
    """What the gate protects: a page, a change, a socket that says what it hears."""
    app = FastAPI()
    app.state.bytes = app.state.changes = 0

    @app.get("/{path:path}")
    def page(path: str) -> dict[str, str]:
        return {"page": path}

    @app.post("/change")
    async def change(request: Request) -> int:
        async for part in request.stream():
            app.state.bytes += len(part)
        app.state.changes += 1
        return app.state.bytes

    @app.websocket("/teleop")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(str(len(text)))

    return app


@pytest.fixture
def app() -> FastAPI:
    return behind()


@pytest.fixture
def local(app: FastAPI) -> Iterator[Place]:
    with served(app) as place:
        yield place


@pytest.fixture
def locked(app: FastAPI) -> Iterator[Place]:
    with served(app, GateSettings(port=0, token=TOKEN)) as place:
        yield place


# -------------------- token --------------------
def test_by_default_it_binds_to_loopback_without_a_token(local):
    gate = Gate(GateSettings())
    assert (gate.settings.host, gate.token, gate.warning) == ("127.0.0.1", "", "")
    assert local.browser().get("/").status_code == 200


def test_on_any_other_address_a_token_is_made_and_stands_in_the_address():
    one, other = Gate(GateSettings(host="0.0.0.0")), Gate(GateSettings(host="0.0.0.0"))
    assert len(one.token) >= 32
    assert one.token != other.token
    assert one.address.endswith(f":8080/?token={one.token}")


def test_without_tls_another_address_is_warned_of():
    assert "without TLS" in Gate(GateSettings(host="0.0.0.0")).warning


def test_a_short_token_is_refused():
    with pytest.raises(SettingError, match="token is too short"):
        Gate(GateSettings(token="secret"))


def test_without_the_token_nothing_is_shown_or_changed(locked, app):
    with locked.browser() as browser:
        for answer in (browser.get("/"), browser.post("/change")):
            assert answer.status_code == 401
            assert answer.text == "Open this page once with the token: add ?token=... as printed at the start.\n"
    with pytest.raises(InvalidStatus) as refused, locked.socket():
        pass
    assert refused.value.response.status_code == 401
    assert app.state.changes == 0


def test_a_wrong_token_is_told_so_in_one_sentence(locked):
    answer = locked.browser().get("/", params={"token": "a-token-for-guests"})
    assert answer.status_code == 401
    assert answer.text == "That token is wrong; the right one was printed at the start.\n"
    assert "set-cookie" not in answer.headers


def test_the_right_token_once_gives_a_cookie_that_scripts_and_other_sites_cannot_use(locked):
    with locked.browser() as browser:
        answer = browser.get("/view", params={"token": TOKEN, "camera": "front"})
        assert answer.status_code == 200
        assert "url=/view?camera=front" in answer.text
        cookie = answer.headers["set-cookie"]
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
        assert TOKEN not in cookie
        assert browser.get("/view").json() == {"page": "view"}
        assert browser.post("/change", content=b"x").status_code == 200
        name, value = next(iter(browser.cookies.items()))
        with locked.socket(Cookie=f"{name}={value}") as socket:
            socket.send("hello")
            assert socket.recv(10) == "5"


def test_the_page_after_the_token_is_one_of_this_site(locked):
    answer = locked.browser().get(f"{locked.origin}//evil.example/", params={"token": TOKEN})
    assert "url=/evil.example/" in answer.text


def test_a_forged_cookie_does_not_open(locked):
    for value in ("", "x", TOKEN, "ü"):
        headers = {"Cookie": f"hil_serl_{locked.port}={value}".encode()}
        answer = httpx.get(locked.origin, headers=headers, trust_env=False)
        assert answer.status_code == 401


def test_a_tool_may_bring_the_token_in_a_header(locked):
    assert locked.browser(Authorization=f"Bearer {TOKEN}").post("/change").status_code == 200


def test_after_too_many_wrong_tokens_even_the_right_one_has_to_wait(locked):
    with locked.browser() as browser:
        for number in range(TRIES):
            assert browser.get("/", params={"token": f"guess {number}"}).status_code == 401
        answer = browser.get("/", params={"token": TOKEN})
    assert answer.status_code == 429
    assert answer.text == "Too many wrong tokens; wait 60 seconds.\n"


def test_who_waited_may_try_again_and_others_need_not_wait():
    now = 0.0
    tries = Tries(lambda: now)
    for _ in range(TRIES):
        tries.wrong("10.0.0.1")
    assert tries.spent("10.0.0.1")
    assert not tries.spent("10.0.0.2")
    now = WINDOW + 1
    assert not tries.spent("10.0.0.1")


def test_tries_of_many_addresses_do_not_fill_the_memory():
    tries = Tries(lambda: 0.0)
    for number in range(5000):
        tries.wrong(str(number))
    assert len(tries._wrong) == 1000


def test_the_sender_cannot_choose_the_address_that_is_counted(locked):
    for number in range(TRIES):
        locked.browser(**{"X-Forwarded-For": f"10.0.0.{number}"}).get("/", params={"token": "guess"})
    assert locked.browser(**{"X-Forwarded-For": "10.1.1.1"}).get("/", params={"token": TOKEN}).status_code == 429


# -------------------- names and origins --------------------
@pytest.mark.parametrize("name", ["evil.example", "evil.example:{port}", "localhost.evil.example", "", "[", "a@b:c"])
def test_a_name_that_is_not_this_machines_is_refused(local, app, name):
    with local.browser(Host=name.format(port=local.port)) as browser:
        assert browser.get("/").status_code == 403
        assert browser.post("/change").status_code == 403
    assert app.state.changes == 0


@pytest.mark.parametrize("name", ["localhost:{port}", "127.0.0.1:1234", "LOCALHOST", "[::1]:{port}", "192.168.1.7"])
def test_a_name_or_address_of_this_machine_passes(local, name):
    assert local.browser(Host=name.format(port=local.port)).get("/").status_code == 200


def test_a_further_name_can_be_given():
    gate = Gate(GateSettings(names=["Robot.lab"]))
    assert gate.check(Visit("/", "1.2.3.4", {"host": "robot.lab:8080"})) is None
    assert gate.check(Visit("/", "1.2.3.4", {"host": "robot.lab.evil.example"})) is not None


def test_on_the_network_it_goes_by_the_machines_name():
    own, token = socket.gethostname(), f"token={TOKEN}"
    on_network, local = (Gate(GateSettings(host=host, token=TOKEN)) for host in ("0.0.0.0", "127.0.0.1"))
    for name in (own, f"{own}.local:8080"):
        answer = on_network.check(Visit("/", "1.2.3.4", {"host": name}, query=token))
        assert answer is not None
        assert answer.status == 200
    refused = local.check(Visit("/", "1.2.3.4", {"host": f"{own}.local:8080"}, query=token))
    assert refused is not None
    assert refused.status == 403


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:1", "file://", "http://[", "http://evil.example:{port}", ""],
)
def test_another_sites_page_changes_nothing_and_opens_no_socket(local, app, origin):
    origin = origin.format(port=local.port)
    assert local.browser(Origin=origin).post("/change").status_code == 403
    assert local.browser(Origin=origin).get("/").status_code == 403
    with pytest.raises(InvalidStatus) as refused, local.socket(origin=origin):
        pass
    assert refused.value.response.status_code == 403
    assert app.state.changes == 0


def test_a_socket_without_an_origin_is_refused(local):
    with pytest.raises(InvalidStatus), local.socket(origin=None):
        pass


def test_a_rebound_name_is_refused_though_it_is_its_own_origin(local):
    name = f"evil.example:{local.port}"
    assert local.browser(Host=name, Origin=f"http://{name}").post("/change").status_code == 403
    with pytest.raises(InvalidStatus), local.socket(origin=f"http://{name}", Host=name):
        pass


def test_the_pages_own_requests_pass(local):
    assert local.browser(Origin=local.origin, **{"Sec-Fetch-Site": "same-origin"}).post("/change").status_code == 200
    with local.socket() as socket:
        socket.send("hello")
        assert socket.recv(10) == "5"


def test_a_foreign_page_may_link_here_and_not_load_pictures_from_here(local):
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert local.browser(**foreign, **{"Sec-Fetch-Mode": "navigate"}).get("/").status_code == 200
    assert local.browser(**foreign, **{"Sec-Fetch-Mode": "no-cors"}).get("/").status_code == 403
    assert local.browser(**foreign, **{"Sec-Fetch-Mode": "navigate"}).post("/change").status_code == 403


def test_the_page_is_no_frame_of_another_page(local):
    assert local.browser().get("/").headers["content-security-policy"] == "frame-ancestors 'none'"


# -------------------- sizes --------------------
def test_a_hundred_megabytes_are_refused_before_they_are_read(local, app):
    with local.wire() as wire:
        head = f"POST /change HTTP/1.1\r\nHost: {local.host}\r\nContent-Length: {HUNDRED_MEGABYTES}\r\n\r\n"
        wire.sendall(head.encode())  # and not one byte of the body
        assert wire.recv(100).startswith(b"HTTP/1.1 413 ")
    assert app.state.bytes == 0


def test_a_hundred_megabytes_in_chunks_are_cut_after_one(local, app):
    chunk = b"%x\r\n%s\r\n" % (65536, bytes(65536))
    sent = 0
    with local.wire() as wire:
        wire.sendall(f"POST /change HTTP/1.1\r\nHost: {local.host}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        try:
            while sent < HUNDRED_MEGABYTES:
                wire.sendall(chunk)
                sent += 65536
        except ConnectionError:
            pass
    assert sent < 20_000_000  # what the connection's buffers took
    assert app.state.bytes <= LARGEST_BODY
    assert app.state.changes == 0
    assert local.browser().get("/").status_code == 200  # it goes on serving


def test_chunks_that_are_too_many_are_answered_with_413(local):
    def chunks() -> Iterator[bytes]:
        for _ in range(3):
            yield bytes(LARGEST_BODY // 2)

    assert local.browser().post("/change", content=chunks()).status_code == 413


def test_a_body_of_the_largest_size_passes(local):
    assert local.browser().post("/change", content=bytes(LARGEST_BODY)).json() == LARGEST_BODY


def test_an_oversize_frame_closes_the_socket(local):
    with local.socket() as socket:
        socket.send("x" * LARGEST_FRAME)
        assert socket.recv(10) == str(LARGEST_FRAME)
        socket.send("x" * (LARGEST_FRAME + 1))
        with pytest.raises(ConnectionClosedError) as closed:
            socket.recv(10)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


# -------------------- TLS --------------------
@pytest.fixture
def pair(tmp_path: Path) -> tuple[str, str]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed; it makes the certificate of this test")
    files = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*command, *names, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


def test_with_a_certificate_it_speaks_tls_and_its_cookie_only_goes_there(app, pair):
    with served(app, GateSettings(port=0, token=TOKEN, certificate=pair[0], key=pair[1])) as place:
        assert place.gate.address.startswith("https://")
        with httpx.Client(base_url=f"https://{place.host}", verify=trusting(pair[0]), trust_env=False) as browser:
            assert "Secure" in browser.get("/", params={"token": TOKEN}).headers["set-cookie"].split("; ")
            assert browser.post("/change", headers={"Origin": f"https://{place.host}"}).status_code == 200
        with pytest.raises(httpx.HTTPError):
            place.browser().get("/")


def test_tls_files_that_cannot_be_used_are_refused_in_one_sentence(pair, tmp_path):
    certificate, key = pair
    missing = str(tmp_path / "missing.pem")
    with pytest.raises(SettingError, match=r"certificate .*missing.pem cannot be read \(No such file"):
        Gate(GateSettings(certificate=missing, key=key))
    with pytest.raises(SettingError, match="key is missing"):
        Gate(GateSettings(certificate=certificate))
    with pytest.raises(SettingError, match="no pair of PEM files"):
        Gate(GateSettings(certificate=key, key=certificate))
