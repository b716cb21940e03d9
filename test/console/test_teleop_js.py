"""The browser's half of the teleop socket, in a real browser without a window."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chromium import Chromium, Tab, program
from fastapi import Response
from test_teleop_socket import Console, Page, pad
from visiting import TOKEN, served

from hil_serl_ros.console.gate import GateSettings
from hil_serl_ros.console.seat import Seat
from hil_serl_ros.msg import TeleopAction

pytestmark = [
    pytest.mark.skipif(program() is None, reason="no Chromium is installed"),
]
PAGE = """<!doctype html><title>t</title><script src="/static/teleop.js"></script>
<input id="text"><button id="button" onclick="clicks += 1">b</button><div style="height: 5000px"></div>
<script>
let clicks = 0;
window.heard = [];
teleop.addEventListener('refused', (event) => heard.push(event.detail));
</script>"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as browser:
        yield browser


@pytest.fixture
def console() -> Iterator[Console]:
    console = Console(Seat(driving_silence=2.0, idle_silence=10.0))  # the machine may be busy
    console.app.add_api_route("/page", lambda: Response(PAGE, media_type="text/html"))
    with served(console.app) as console.place:
        yield console


@pytest.fixture
def tab(browser: Chromium, console: Console) -> Iterator[Tab]:
    tab = opened(browser, console)
    yield tab
    tab.close()


def opened(browser: Chromium, console: Console) -> Tab:
    tab = browser.tab(f"{console.place.origin}/page")
    tab.until("teleop.state.connected")
    return tab


def seated(tab: Tab) -> Tab:
    tab.ask("teleop.takeSeat()")
    tab.until("teleop.state.mine")
    return tab


def driving(console: Console, tab: Tab) -> Tab:
    """The page drives forward, with the arrow held."""
    seated(tab)
    for code, down in (("Space", True), ("Space", False), ("ArrowUp", True)):
        tab.key(code, down)
    until(console, lambda action: action.intervening and action.motion[0] == 1)
    return tab


def until(console: Console, holds) -> TeleopAction:
    """The next action of which it holds."""
    while not holds(action := console.next()):
        pass
    return action


def test_keys_drive_and_their_release_is_told(console, tab):
    driving(console, tab)
    tab.key("ArrowUp", False)
    assert until(console, lambda a: not any(a.motion)).intervening


def test_a_page_without_the_seat_sends_no_hands_and_leaves_the_keys_to_the_browser(console, tab):
    tab.key("ArrowDown", True)
    tab.key("ArrowDown", False)
    tab.until("scrollY > 0")
    assert console.published.empty()


def test_driving_keys_do_nothing_else_on_the_page(console, tab):
    seated(tab)
    tab.ask("document.querySelector('#button').focus()")
    for code in ("ArrowDown", "Space", "Enter"):
        tab.key(code, True)
        tab.key(code, False)
    console.until(TeleopAction.EVENT_SUCCESS)
    assert tab.ask("[scrollY, clicks]") == [0, 0]


def test_keys_typed_into_a_text_do_not_drive(console, tab):
    seated(tab)
    tab.click("#text")
    tab.key("KeyA", True, "a")
    tab.key("KeyA", False, "a")
    assert tab.ask("document.querySelector('#text').value") == "a"
    tab.ask("teleop.press('pause')")
    assert until(console, lambda a: a.event).event == TeleopAction.EVENT_PAUSE


def test_a_key_pressed_and_released_between_two_heartbeats_is_told(console, tab):
    seated(tab)
    down = "{code: 'Enter', key: 'Enter', cancelable: true, bubbles: true}"
    tab.ask(f"['keydown', 'keyup'].forEach((kind) => document.body.dispatchEvent(new KeyboardEvent(kind, {down})))")
    console.until(TeleopAction.EVENT_SUCCESS)


@pytest.mark.parametrize("name", ["success", "failure", "again", "pause", "resume", "stop", "reset", "demonstrate"])
def test_every_button_of_the_page_is_its_event(console, tab, name):
    seated(tab)
    tab.ask(f"teleop.press('{name}')")
    console.until(getattr(TeleopAction, f"EVENT_{name.upper()}"))


def test_a_page_that_loses_the_focus_stops_driving_and_says_so(console, tab):
    driving(console, tab)
    tab.ask("document.hasFocus = () => false")
    tab.ask("dispatchEvent(new Event('blur'))")
    assert not console.until_lost().intervening
    assert tab.ask("teleop.state.away")
    tab.ask("delete document.hasFocus")
    tab.ask("dispatchEvent(new Event('focus'))")
    assert not until(console, lambda a: a.connected).intervening
    assert not any(console.next().motion)


def test_a_hidden_page_stops_driving(console, tab):
    driving(console, tab)
    tab.ask("Object.defineProperty(document, 'hidden', {value: true})")
    tab.ask("document.dispatchEvent(new Event('visibilitychange'))")
    assert not console.until_lost().intervening


def test_a_page_that_is_left_stops_driving(console, browser):
    tab = driving(console, opened(browser, console))
    tab.do("Page.navigate", url="about:blank")
    assert not console.until_lost().intervening
    tab.close()


def test_a_crashed_page_stops_driving(console):
    with Chromium() as browser:
        driving(console, opened(browser, console))
        browser.kill()
        assert not console.until_lost().intervening


def test_escape_gives_the_seat_up_and_hands_back(console, tab):
    driving(console, tab)
    tab.key("Escape", True)
    word = until(console, lambda a: not a.intervening)
    assert word.connected
    assert not console.until_lost().intervening
    tab.until("!teleop.state.mine")


def test_the_second_page_watches_knows_who_drives_and_can_stop(console, tab, browser):
    driving(console, tab)
    other = opened(browser, console)
    other.until("teleop.state.driving && teleop.state.holder && teleop.state.since <= new Date()")
    other.ask("teleop.takeSeat()")
    other.until("heard.some((why) => why.includes('has had the seat'))")
    assert not other.ask("teleop.state.mine")
    other.key("KeyS", True)
    assert console.until(TeleopAction.EVENT_STOP).source != console.socket.source
    other.ask("teleop.press('stop')")
    console.until(TeleopAction.EVENT_STOP)
    other.close()
    assert until(console, lambda a: a.source == console.socket.source).intervening


def test_a_seat_that_was_lost_needs_the_keys_to_be_pressed_anew(console, tab):
    driving(console, tab)
    held = "const end = performance.now() + 3000; while (performance.now() < end);"
    tab.ask(f"(() => {{ {held} }})()")  # the page hangs
    console.until_lost()
    tab.until("!teleop.state.mine")
    seated(tab)
    word = until(console, lambda a: a.connected)
    assert (word.intervening, any(word.motion)) == (False, False)


def test_after_the_console_was_away_the_page_is_there_again(console, tab, browser):
    driving(console, tab)
    forged = Page(console.place.socket())
    assert forged.number == 0
    tab.ask("teleop.state.mine")
    for socket in list(console.socket._pages.values()):
        socket.session = "another"  # as after a restart of the console
    tab.until("!teleop.state.connected")
    assert "no connection" in tab.ask("teleop.state.why")
    tab.until("teleop.state.connected && !teleop.state.mine")


def test_the_round_trip_is_measured(console, tab):
    tab.until("teleop.roundTrip.last > 0 && teleop.roundTrip.worst >= teleop.roundTrip.median")


def test_the_printed_address_opens_the_page_and_its_socket_and_leaves_no_token_in_sight(browser):
    console = Console()
    console.app.add_api_route("/", lambda: Response(PAGE, media_type="text/html"))
    with served(console.app, GateSettings(port=0, token=TOKEN)) as place:
        tab = browser.tab(place.gate.address)
        tab.until("window.teleop?.state.connected")
        assert tab.ask("location.href") == f"{place.origin}/"
        assert tab.ask("document.cookie") == ""
        tab.ask("teleop.press('stop')")
        assert {console.next().event, console.next().event} == {TeleopAction.EVENT_STOP}  # by socket and by POST
        tab.close()


GAMEPAD = """
window.pad = null;
navigator.getGamepads = () => [null, pad && {...pad, index: 1, id: 'test pad', connected: true, mapping: 'standard'}];
window.shape = ({axes, buttons}) => ({axes, buttons: buttons.map((value) => ({value, pressed: value > 0}))});
"""


def test_a_gamepad_drives_and_when_it_is_pulled_the_link_is_lost(console, tab):
    seated(tab)
    tab.ask(GAMEPAD)
    tab.ask(f"pad = shape({pad(0.5, drives=True)})")
    action = until(console, lambda a: a.intervening)
    assert action.motion[0] == pytest.approx(0.5, abs=1e-3)
    tab.until("teleop.state.pad === 'test pad'")
    tab.ask("pad = null")
    assert not console.until_lost().intervening
    assert not until(console, lambda a: a.connected).intervening
