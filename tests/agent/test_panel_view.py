"""What the panel shows of the agent: pictures that are not old, and its own hardware."""

from __future__ import annotations

from typing import cast

import msgspec
import pytest

from appliance.agent.identity import Identity
from appliance.agent.panel_view import PanelView, Wizard
from appliance.agent.photographer import Photographer
from appliance.agent.state import AgentState
from appliance.errors import CameraError
from appliance.panel.state import PanelState, QueuePage
from appliance.printer.api import Problem
from appliance.setup.api import SetupView
from appliance.sim.panel_setups import HOTSPOT


class Surroundings:
    """Line to the cloud, queue and camera in one."""

    online = True
    status_text = "Online."
    offline: tuple[float, float | None] | None = None
    waits_for_time = False
    available = True

    def __init__(self) -> None:
        self.page = QueuePage()
        self.taken: bytes | CameraError = b"one"

    async def picture(self) -> bytes:
        if isinstance(self.taken, CameraError):
            raise self.taken
        return self.taken


class Rig:
    def __init__(self) -> None:
        self.state = AgentState()
        self.around = Surroundings()
        self.setup: SetupView | None = None
        self.code = ""
        self.view = PanelView(
            PanelState(now=0.0),
            self.state,
            self.around,
            lambda: Identity(mac="02:00:00:00:00:01"),
            self.around,
            cast(Photographer, self.around),
            wizard=Wizard(lambda: self.setup, lambda: self.code),
        )


async def test_a_camera_that_fails_leaves_no_old_picture() -> None:
    rig = Rig()
    await rig.view.take_picture()
    assert (rig.view.look().picture, rig.view.look().picture_problem) == (b"one", "")
    rig.around.taken = CameraError("It does not answer.", short="Camera hangs")
    with pytest.raises(CameraError):
        await rig.view.take_picture()
    assert (rig.view.look().picture, rig.view.look().picture_problem) == (b"", "Camera hangs")
    rig.around.taken = b"two"
    await rig.view.take_picture()
    assert (rig.view.look().picture, rig.view.look().picture_problem) == (b"two", "")


async def test_a_closed_page_forgets_picture_and_problem() -> None:
    rig = Rig()
    await rig.view.take_picture()
    rig.view.forget_picture()
    assert rig.view.look().picture == b""
    rig.around.taken = CameraError("It does not answer.")
    with pytest.raises(CameraError):
        await rig.view.take_picture()
    rig.view.forget_picture()
    assert rig.view.look().picture_problem == ""


def test_the_first_problem_of_the_panels_hardware_is_shown() -> None:
    rig = Rig()
    assert rig.view.look().hardware is None
    stuck = Problem("Button stuck: ok", "It is down all the time.")
    rig.state.see_health("door", Problem("Pin 22: pin", "It cannot be used."))
    rig.state.see_health("buttons", stuck)
    assert rig.view.look().hardware == stuck
    rig.state.see_health("buttons", None)
    rig.state.see_health("door", None)
    assert rig.view.look().hardware is None


def test_the_plate_and_the_door_are_shown() -> None:
    rig = Rig()
    assert not rig.view.look().plate_full
    rig.state.see_plate(True)
    rig.state.see_door(2)
    assert (rig.view.look().plate_full, rig.view.look().door) == (True, 2)


def test_the_setup_is_shown_while_it_is_open() -> None:
    rig = Rig()
    assert (rig.view.look().setup, rig.view.look().code) == (None, "")
    rig.setup, rig.code = HOTSPOT.setup, "4071"
    assert (rig.view.look().setup, rig.view.look().code) == (HOTSPOT.setup, "4071")
    assert HOTSPOT.setup is not None
    rig.setup = msgspec.structs.replace(HOTSPOT.setup, active=False)
    assert rig.view.look().setup is None


def test_while_the_time_is_waited_for_no_hour_is_told() -> None:
    rig = Rig()
    rig.around.online = False
    rig.around.offline = (75.0, 80.0)
    assert rig.view.look().cloud.offline_since == 75.0
    rig.around.waits_for_time = True
    cloud = rig.view.look().cloud
    assert (cloud.no_time, cloud.offline_since, cloud.next_try) == (True, None, None)
