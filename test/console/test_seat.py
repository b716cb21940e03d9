"""One driver at a time."""

from __future__ import annotations

from hil_serl_ros.console.seat import DRIVING_SILENCE, IDLE_SILENCE, Seat


def test_the_first_page_that_asks_sits_and_the_second_watches():
    seat = Seat()
    assert seat.take("one", "page 1", 10.0)
    assert not seat.take("two", "page 2", 11.0)
    assert seat.holder is not None
    assert (seat.holder.name, seat.holder.since) == ("page 1", 10.0)


def test_who_asks_again_sits_since_the_first_time():
    seat = Seat()
    seat.take("one", "page 1", 10.0)
    assert seat.take("one", "page 1", 11.0)
    assert seat.holder is not None
    assert seat.holder.since == 10.0


def test_a_seat_that_was_left_is_free():
    seat = Seat()
    seat.take("one", "page 1", 0.0)
    assert seat.leave("one")
    assert seat.take("two", "page 2", 0.0)


def test_only_who_sits_can_leave():
    seat = Seat()
    seat.take("one", "page 1", 0.0)
    assert not seat.leave("two")
    assert seat.has("one")


def test_a_driver_that_falls_silent_loses_the_seat_at_once():
    seat = Seat()
    seat.take("one", "page 1", 0.0)
    seat.hear("one", driving=True, now=1.0)
    assert seat.lost(1.0 + 0.9 * DRIVING_SILENCE) is None
    lost = seat.lost(1.0 + DRIVING_SILENCE)
    assert lost is not None
    assert lost.page == "one"
    assert seat.take("two", "page 2", 2.0)
    assert not seat.driving


def test_who_sits_and_does_not_drive_may_be_silent_for_longer_but_not_for_ever():
    seat = Seat()
    seat.take("one", "page 1", 0.0)
    assert seat.lost(0.9 * IDLE_SILENCE) is None
    assert seat.lost(IDLE_SILENCE) is not None


def test_the_word_of_an_onlooker_keeps_no_seat():
    seat = Seat()
    seat.take("one", "page 1", 0.0)
    seat.hear("two", driving=True, now=IDLE_SILENCE)
    assert not seat.driving
    assert seat.lost(IDLE_SILENCE) is not None


def test_a_new_driver_does_not_inherit_that_the_last_one_drove():
    seat = Seat()
    seat.take("one", "page 1", 0.0)
    seat.hear("one", driving=True, now=0.0)
    seat.leave("one")
    seat.take("two", "page 2", 0.0)
    assert not seat.driving
    assert seat.deadline() == IDLE_SILENCE


def test_a_free_seat_is_nobodys_loss():
    assert Seat().lost(1e9) is None
    assert Seat().deadline() is None
