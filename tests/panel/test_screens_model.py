"""A model of the local page on the panel: sliced, canceled, printed."""

from __future__ import annotations

from msgspec.structs import replace

from appliance.panel.actions import Cancel
from appliance.panel.page import Page, Place
from appliance.panel.pages_print import cancel_page
from appliance.panel.rules import busy, preparing
from appliance.panel.screens import home_screen
from appliance.polar.codes import StatusCode
from appliance.polar.job import LocalModel
from appliance.sim.panel_examples import EXAMPLES, IDLE

MODEL = LocalModel(key="m", name="part.stl", path="/x", detail="34 %: Infilling layers")
SLICING = replace(IDLE, status=StatusCode.TCPIP, model=MODEL)


def test_how_far_it_is_shows_as_for_a_job_of_the_cloud() -> None:
    screen = home_screen(SLICING)
    assert (screen.title, screen.value, screen.lines[0].text) == ("Slicing", "34%", "part.stl")
    assert screen.bar is not None
    assert screen.bar.fraction == 0.34


def test_it_keeps_other_prints_away_and_can_be_canceled() -> None:
    assert busy(SLICING)
    assert preparing(SLICING) is MODEL
    view = cancel_page(Place(page=Page.CANCEL), SLICING)
    assert view is not None
    assert view.text == "part.stl"
    assert any(isinstance(item.do.action, Cancel) for item in view.items if item.do is not None)
    asked = replace(SLICING, model=replace(MODEL, cancel_requested=True))
    assert cancel_page(Place(page=Page.CANCEL), asked) is None


def test_canceling_names_it() -> None:
    asked = replace(MODEL, cancel_requested=True)
    screen = home_screen(replace(SLICING, status=StatusCode.CANCELING, model=asked))
    assert screen.title == "Canceling"
    assert "part.stl" in [line.text for line in screen.lines]


def test_once_it_is_printed_the_print_is_shown() -> None:
    printing = replace(EXAMPLES["printing"], status=StatusCode.TCPIP, job=None, model=MODEL)
    assert home_screen(printing) == home_screen(EXAMPLES["printing"])
