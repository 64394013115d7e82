"""The display's thread: the newest screen, an even rate, and no failure that lasts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from queue import Queue

import pytest

from appliance.panel.display import DisplayError
from appliance.panel.painter import Painter
from appliance.panel.screen import Screen
from appliance.printer.api import Problem

PATIENCE = 20.0


class Glass:
    """A display that a test can break or hold up."""

    graphic = False

    def __init__(self) -> None:
        self.shown: Queue[tuple[str, float]] = Queue()
        self.events: list[str] = []
        self.error: Exception | None = None
        self.free = threading.Event()
        self.free.set()
        self.again: float | None = None

    def show(self, screen: Screen, elapsed: float) -> float | None:
        self.free.wait()
        if self.error:
            self.events.append("fail")
            raise self.error
        self.events.append(screen.title)
        self.shown.put((screen.title, elapsed))
        return self.again

    def refresh(self) -> None:
        self.events.append("refresh")

    def close(self) -> None:
        self.events.append("close")

    def next(self) -> str:
        return self.shown.get(timeout=PATIENCE)[0]


class Bench:
    def __init__(self, refresh: float = 0.0) -> None:
        self.glass = Glass()
        self.made = 0
        self.reports: Queue[Problem | None] = Queue()
        self.painter = Painter(
            self._make,
            self.reports.put,
            refresh=refresh,
            first_pause=0.01,
            patience=0.05,
        )
        self.painter.start()

    def _make(self) -> Glass:
        self.made += 1
        return self.glass

    def report(self) -> Problem | None:
        return self.reports.get(timeout=PATIENCE)

    def show(self, title: str) -> None:
        self.painter.show(Screen(title=title))


@pytest.fixture
def bench() -> Iterator[Bench]:
    one = Bench()
    yield one
    one.glass.free.set()
    one.glass.error = None
    one.painter.finish(Screen(title="end"), PATIENCE)


def test_a_screen_is_shown_and_health_is_told_once(bench: Bench) -> None:
    bench.show("one")
    assert bench.glass.next() == "one"
    assert bench.report() is None
    bench.show("two")
    assert bench.glass.next() == "two"
    assert bench.reports.empty()


def test_screens_that_come_while_one_is_drawn_are_skipped_but_for_the_newest(bench: Bench) -> None:
    bench.glass.free.clear()
    bench.show("first")
    while bench.painter._busy_since is None:  # it holds the first one
        time.sleep(0.001)
    for number in range(50):
        bench.show(str(number))
    bench.glass.free.set()
    assert [bench.glass.next(), bench.glass.next()] == ["first", "49"]
    assert bench.glass.shown.empty()


def test_many_screens_are_drawn_at_an_even_rate_and_the_last_one_stays(bench: Bench) -> None:
    begin = time.monotonic()
    drawn = 0
    for number in range(10):
        bench.show(str(number))
        while bench.glass.next() != str(number):
            drawn += 1
        drawn += 1
    took = time.monotonic() - begin
    assert drawn == 10
    assert took > (10 - 3 - 1) / 12, "three at once, then twelve a second"


def test_what_moves_is_drawn_again_with_its_age_and_values_do_not_start_it_anew(
    bench: Bench,
) -> None:
    bench.glass.again = 0.01
    bench.show("scrolls")
    ages = [bench.glass.shown.get(timeout=PATIENCE)[1] for _ in range(3)]
    assert ages == sorted(ages)
    assert ages[0] < ages[-1]
    bench.painter.show(Screen(title="scrolls", value="7 %"))
    ages.append(bench.glass.shown.get(timeout=PATIENCE)[1])
    assert ages[-1] >= ages[-2], "a percent does not start the scrolling again"
    begin = time.monotonic()
    bench.painter.show(Screen(title="another page"))
    while (shown := bench.glass.shown.get(timeout=PATIENCE))[0] != "another page":
        pass
    assert shown[1] <= time.monotonic() - begin, "its age is its own"


def test_an_idle_painter_sleeps(bench: Bench) -> None:
    bench.show("rest")
    bench.glass.next()
    begin = time.process_time()
    threading.Event().wait(0.3)
    assert time.process_time() - begin < 0.1, "it did not burn the processor meanwhile"
    assert bench.glass.shown.empty()


@pytest.mark.parametrize(
    ("error", "short", "made"),
    [
        (DisplayError("Nothing answers at 0x27.", short="No display"), "No display", 1),
        (ZeroDivisionError("oops"), "Display problem", 2),
    ],
)
def test_a_display_that_fails_is_told_once_and_initialised_anew(
    bench: Bench, error: Exception, short: str, made: int
) -> None:
    bench.glass.error = error
    bench.show("one")
    problem = bench.report()
    assert problem is not None
    assert problem.short == short
    while bench.glass.events.count("fail") < 3:
        time.sleep(0.001)
    assert bench.reports.empty(), "the same problem is told once"
    bench.show("two")
    bench.glass.error = None
    while bench.glass.next() != "two":
        pass  # "one" is shown once more when its next try had just begun
    assert bench.report() is None
    assert bench.made >= made
    order = bench.glass.events
    assert ("close" in order) is (made > 1)
    assert ("refresh" in order) is (made == 1)


def test_a_display_that_cannot_be_made_is_tried_again() -> None:
    glass, tries = Glass(), list[None]()

    def make() -> Glass:
        tries.append(None)
        if len(tries) < 3:
            raise DisplayError("There is no bus.", short="No bus")
        return glass

    reports: Queue[Problem | None] = Queue()
    painter = Painter(make, reports.put, refresh=0, first_pause=0.001)
    painter.start()
    painter.show(Screen(title="one"))
    assert glass.next() == "one"
    assert [reports.get(timeout=PATIENCE), reports.get(timeout=PATIENCE)] == [
        Problem("No bus", "There is no bus."),
        None,
    ]
    painter.finish(Screen(title="end"), PATIENCE)


def test_the_controller_is_refreshed_from_time_to_time() -> None:
    bench = Bench(refresh=0.02)
    bench.show("one")
    assert [bench.glass.next() for _ in range(3)] == ["one"] * 3
    assert bench.glass.events[:4] == ["one", "refresh", "one", "refresh"]
    bench.painter.finish(Screen(title="end"), PATIENCE)


def test_a_bus_that_hangs_is_told_and_its_recovery_too(bench: Bench) -> None:
    bench.glass.free.clear()
    bench.show("one")
    while bench.reports.empty():
        bench.painter.watch()
    problem = bench.report()
    assert problem is not None
    assert problem.short == "Display hangs"
    bench.glass.free.set()
    assert bench.report() is None


def test_a_bus_that_never_comes_back_leaves_the_painter_stuck(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.panel.painter.STUCK", 0.05)
    assert not bench.painter.stuck
    bench.glass.free.clear()
    bench.show("one")
    wait(lambda: bench.painter.stuck)
    bench.glass.free.set()
    wait(lambda: not bench.painter.stuck)


def wait(test: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not test():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_the_farewell_is_the_last_screen_and_no_bus_holds_it_up() -> None:
    bench = Bench()
    bench.show("one")
    bench.glass.next()
    bench.painter.finish(Screen(title="farewell"), PATIENCE)
    bench.show("too late")
    assert bench.glass.next() == "farewell"
    assert bench.glass.events[-1] == "farewell", "and the display is not closed: it stays"
    hanging = Bench()
    hanging.glass.free.clear()
    hanging.show("one")
    wait(lambda: hanging.painter._busy_since is not None)
    begin = time.monotonic()
    hanging.painter.finish(Screen(title="farewell"), 0.05)
    assert time.monotonic() - begin < PATIENCE
    hanging.glass.free.set()


def test_a_screen_that_says_farewell_stays_and_is_shown_from_its_beginning() -> None:
    bench = Bench()
    bench.painter.show(Screen(title="Shutting down", farewell=True))
    assert bench.glass.next() == "Shutting down"
    time.sleep(0.05)
    begin = time.monotonic()
    bench.painter.finish(Screen(title="Starting"), PATIENCE)
    took = time.monotonic() - begin
    title, elapsed = bench.glass.shown.get(timeout=PATIENCE)
    assert title == "Shutting down"
    assert elapsed <= took, "its age counts from the farewell"
    assert bench.glass.shown.empty()
