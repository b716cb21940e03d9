"""The operator's page as a visitor has it, in NiceGUI's simulation, and its pictures over real connections."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from chromium import Chromium, program
from fastapi import FastAPI, Response
from nicegui.testing import User
from nicegui.testing.user_simulation import user_simulation
from visiting import served

from hil_serl_ros.console.desk import HOLDING, PERSON, POLICY, Actor, Desk, Episode, Learner, Policy, Safety
from hil_serl_ros.console.operator_page import OperatorPage, View
from hil_serl_ros.console.seat import Seat
from hil_serl_ros.console.serving import LET_GO
from hil_serl_ros.env.keys import HELP
from hil_serl_ros.msg import ActorStatus


class Graph:
    """Answers what the page asks of the graph."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.refusal = ""

    def ask(self, name: str, done: Callable[[str], None], **request: Any) -> None:
        self.asked.append((name, request))
        done(self.refusal)


class Visit:
    """A desk, its page, and one visitor."""

    def __init__(self) -> None:
        self.desk, self.graph, self.seat = Desk(), Graph(), Seat()
        self.desk.on_actor(Actor("train", epoch=1))
        self.desk.on_safety(Safety(armed=True, driver=POLICY))
        self.page = OperatorPage(self.desk, ["front", "wrist"], self.graph.ask, self.seat)
        self.views: list[View] = []

    def run(self, act: Callable[[User], Awaitable[None]]) -> None:
        async def visit() -> None:
            async with user_simulation(lambda: self.views.append(View(self.page))) as user:
                await user.open("/")
                await act(user)

        asyncio.run(visit())

    def sit(self) -> None:
        self.seat.take("secret", "page 1", 0.0)
        self.say("secret")

    def say(self, session: str) -> None:
        self.views[0]._on_seat(SimpleNamespace(args={"session": session, "mine": True}))

    @property
    def band(self) -> set[str]:
        return set(self.views[0].band.classes)


@pytest.fixture
def visit():
    return Visit()


@pytest.mark.parametrize(
    ("safety", "band", "words"),
    [
        (Safety(armed=True, driver=POLICY), "policy", "POLICY DRIVES"),
        (Safety(armed=True, driver=PERSON), "person", "PERSON DRIVES"),
        (Safety(armed=True, driver=HOLDING, reason="no word from the actor"), "holding", "no word from the actor"),
        (Safety(stopped=True, reason="stop was published"), "stopped", "emergency stop: stop was published"),
    ],
)
def test_the_band_says_in_words_and_colour_who_drives(visit, safety, band, words):
    async def act(user: User) -> None:
        visit.desk.on_safety(safety)
        visit.views[0].refresh()
        await user.should_see(words)
        assert visit.band == {"band", band}

    visit.run(act)


def test_a_call_for_help_is_a_banner_with_its_reason_while_the_policy_drives(visit):
    async def act(user: User) -> None:
        await user.should_not_see("asks for help")
        visit.desk.policy = Policy(called=True, reason="the critics disagree")
        with user:  # as the page's timer does
            visit.views[0].refresh()
        await user.should_see("The policy asks for help: the critics disagree")
        visit.desk.on_safety(Safety(armed=True, driver=HOLDING))  # for a moment
        visit.views[0].refresh()
        await user.should_see("asks for help")
        visit.desk.on_safety(Safety(armed=True, driver=PERSON))  # somebody has come
        visit.views[0].refresh()
        await user.should_not_see("asks for help")
        visit.desk.on_safety(Safety(armed=True, driver=HOLDING))
        visit.desk.on_actor(Actor("idle", epoch=1))
        visit.views[0].refresh()
        await user.should_not_see("asks for help")

    visit.run(act)


def test_modes_are_asked_for_by_the_page_in_the_seat(visit):
    async def act(user: User) -> None:
        visit.sit()
        user.find("Demonstrate").click()
        user.find("Free drive").click()
        await asyncio.sleep(0)

    visit.run(act)
    assert visit.graph.asked == [
        ("set_mode", {"mode": ActorStatus.MODE_DEMONSTRATE, "episodes": 10}),
        ("set_mode", {"mode": ActorStatus.MODE_DRIVE, "episodes": 0}),
    ]


def test_a_page_that_watches_asks_for_nothing(visit):
    async def act(user: User) -> None:
        user.find("Train").click()
        await user.should_see("Take the seat first")

    visit.run(act)
    assert not visit.graph.asked


@pytest.mark.parametrize("session", ["", "guessed", None])
def test_a_visitor_who_only_says_that_the_seat_is_theirs_asks_for_nothing(visit, session):
    async def act(user: User) -> None:
        visit.sit()
        visit.say(session)
        user.find("Train").click()
        await user.should_see("Take the seat first")

    visit.run(act)
    assert not visit.graph.asked


def test_what_the_graph_refuses_is_told_in_its_words(visit):
    async def act(user: User) -> None:
        visit.sit()
        visit.graph.refusal = "mode 9 is unknown"
        user.find("Train").click()
        await user.should_see("mode 9 is unknown")

    visit.run(act)


def test_only_the_buttons_that_safety_would_obey_are_enabled(visit):
    def enabled() -> list[bool]:
        view = visit.views[0]
        view.refresh()
        return [button.enabled for button in (view.clear, view.arm, view.disarm)]

    async def act(_: User) -> None:
        assert enabled() == [False, False, True]
        visit.desk.on_safety(Safety(stopped=True))
        assert enabled() == [True, False, False]
        visit.desk.on_safety(Safety())
        assert enabled() == [False, True, False]

    visit.run(act)


def test_the_figures_of_learner_and_actor_are_shown(visit):
    async def act(user: User) -> None:
        await user.should_see("not there")  # the learner
        visit.desk.on_learner(Learner("learning", 120, 3, 40, 50, 20, 0.056))
        visit.desk.probability = 0.731
        visit.views[0].refresh()
        for words in ("learning, 120 updates, 3 owed", "56 ms", "of step 40", "50 steps, demonstrations 20", "0.73"):
            await user.should_see(words)

    visit.run(act)


def test_the_keys_are_told(visit):
    async def act(user: User) -> None:
        for key, words in HELP:
            await user.should_see(key)
            await user.should_see(words)

    visit.run(act)


def finished(recorded: int = 7) -> Episode:
    return Episode("train", 4, recorded, True, False, 30, 12, 1.0)


def test_an_episode_is_listed_drawn_shown_and_done_again(visit):
    async def act(user: User) -> None:
        visit.sit()
        for frame in (b"one", b"two"):
            visit.desk.on_frame("front", frame)
        visit.desk.on_episode(finished())
        view = visit.views[0]
        view.refresh()
        assert (
            view.history.table.rows[0] | {"serial": 1, "result": "success", "steps": 30} == view.history.table.rows[0]
        )
        assert [series["data"] for series in view.curves.chart.options["series"]] == [[0.0], [1.0], [0.4], [1.0]]
        with user:
            view.history.open(1)
        await user.should_see("train 4: success")
        assert view.history.pictures["front"].props["src"] == "/film/1/front/0.jpg"
        with user:
            view.history._tick()
        assert view.history.pictures["front"].props["src"] == "/film/1/front/1.jpg"
        user.find("Robot: do it again").click()
        await asyncio.sleep(0)

    visit.run(act)
    assert visit.graph.asked == [("set_mode", {"mode": ActorStatus.MODE_REPLAY, "episode": 7})]


def test_an_episode_that_was_not_recorded_cannot_be_done_again(visit):
    async def act(user: User) -> None:
        visit.sit()
        visit.desk.on_episode(finished(recorded=-1))
        with user:
            visit.views[0].history.open(1)
        await user.should_see("there are no pictures of it")
        user.find("Robot: do it again").click()
        await user.should_see("This episode was not recorded")

    visit.run(act)
    assert not visit.graph.asked


@pytest.fixture
def place(visit):
    app = FastAPI()
    visit.page.add_to(app)
    with served(app) as place:
        yield place


def test_each_new_picture_is_pushed_with_its_cameras_number(visit, place):
    socket = place.socket("/pictures")
    visit.desk.on_frame("wrist", b"jpeg")
    assert socket.recv(10) == b"\x01jpeg"
    visit.desk.on_frame("front", b"next")
    assert socket.recv(10) == b"\x00next"


def test_a_slow_page_gets_the_newest_picture_and_no_queue_of_old_ones(visit, place):
    socket = place.socket("/pictures")
    for number in range(4):  # as many as may be unanswered
        visit.desk.on_frame("front", b"%d" % number)
        assert socket.recv(10) == b"\x00%d" % number
    for number in range(4, 50):
        visit.desk.on_frame("front", b"%d" % number)
    with pytest.raises(TimeoutError):
        socket.recv(0.3)
    socket.send("next")
    assert socket.recv(10) == b"\x0049"


def test_pages_that_look_are_counted_until_they_close(visit, place):
    socket = place.socket("/pictures")
    visit.desk.on_frame("front", b"jpeg")
    socket.recv(10)
    assert visit.page.pictures.watching == 1
    socket.close()
    place.browser().get("/film/1/front/0.jpg")  # the server has had its turn
    for _ in range(200):
        if not visit.page.pictures.watching:
            break
        place.browser().get("/film/1/front/0.jpg")
    assert visit.page.pictures.watching == 0


def test_a_films_picture_has_an_address_and_others_have_none(visit, place):
    visit.desk.on_frame("front", b"jpeg")
    visit.desk.on_episode(finished())
    browser = place.browser()
    answer = browser.get("/film/1/front/0.jpg")
    assert (answer.status_code, answer.content) == (200, b"jpeg")
    for wrong in ("/film/1/front/1.jpg", "/film/1/front/-1.jpg", "/film/2/front/0.jpg", "/film/1/rear/0.jpg"):
        assert browser.get(wrong).status_code == 404


@pytest.mark.skipif(program() is None, reason="no Chromium is installed")
def test_a_click_leaves_the_focus_in_a_field_and_takes_it_from_a_button():
    app = FastAPI()
    page = f"<!doctype html><title>t</title><script>{LET_GO}</script><input type=number><button>b</button>"
    app.add_api_route("/page", lambda: Response(page, media_type="text/html"))
    with served(app) as place, Chromium() as browser:
        tab = browser.tab(f"{place.origin}/page")
        focus = "document.activeElement.tagName"
        tab.click("input")
        assert tab.ask(focus) == "INPUT"
        tab.click("button")
        assert tab.ask(focus) == "BODY"
