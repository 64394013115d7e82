"""A print, and everything around it that goes wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.printer.api import JobState, LinkState
from image.vm.container.adapter import Adapter, moves, moves_of
from image.vm.container.journal import started
from image.vm.container.machine import Container
from image.vm.container.talk import Talk
from image.vm.container.world import World

LONG = 2500  # moves: some 20 seconds
FOR_EVER = 100_000


@pytest.fixture(autouse=True)
def _ready(talk: Talk, printer: Adapter) -> Iterator[None]:
    """The printer answers, the plate is clear; after it nothing prints."""
    talk.be_ready()
    yield
    talk.be_ready()


def test_print_goes_on_without_the_agent(
    appliance: Container, talk: Talk, world: World, printer: Adapter
) -> None:
    """A job of the cloud: the agent is killed, comes back, is restarted; each line goes once."""
    gcode, serial = moves(LONG), talk.serial()
    daemon = appliance.prop("polar-printer.service", "MainPID")
    mark = appliance.journal.mark()
    job = world.start(serial, "killed.gcode", gcode)
    printer.wait_for_moves()
    appliance.run("kill", "-KILL", appliance.prop("polar-agent.service", "MainPID"))
    appliance.journal.wait(started("polar-agent.service"), "the agent is started again", mark)
    appliance.run("systemctl", "restart", "polar-agent.service")
    assert talk.wait_job(lambda job: True).state is JobState.PRINTING, "too short a print"
    assert world.wait_end(serial, job).ending == "completed"
    assert printer.executed(gcode) == moves_of(gcode)
    assert appliance.prop("polar-printer.service", "MainPID") == daemon
    found = {e["_SYSTEMD_UNIT"] for e in appliance.journal.entries[mark:] if e.get("JOB_ID") == job}
    assert found == {"polar-printer.service", "polar-agent.service"}


def test_stopping_the_printer_daemon_leaves_the_heaters_off(
    appliance: Container, talk: Talk, printer: Adapter
) -> None:
    """When the daemon goes it turns them off, and the print ends with a reason."""
    talk.print("hot.gcode", "M140 S60\nM104 S200\n" + moves(FOR_EVER))
    printer.wait_for_moves()
    assert printer.targets() == {"T0": 200.0, "B": 60.0}
    appliance.run("systemctl", "stop", "polar-printer.service")
    assert printer.targets() == {"T0": 0.0, "B": 0.0}
    assert appliance.prop("polar-agent.service", "ActiveState") == "active"
    appliance.run("systemctl", "start", "polar-printer.service")
    job = talk.wait_job(lambda job: job.state.ended)
    assert job.state is not JobState.COMPLETED
    assert job.reason


def test_adapter_pulled_out_during_a_print(
    appliance: Container, talk: Talk, printer: Adapter
) -> None:
    """The job ends with the reason; put back, the printer is found again."""
    talk.print("pulled.gcode", "M104 S200\n" + moves(FOR_EVER))
    printer.wait_for_moves()
    printer.unplug(appliance)
    job = talk.wait_job(lambda job: job.state.ended)
    assert job.state is JobState.FAILED
    assert "heaters may still be on" in job.reason, job.reason
    assert talk.wait_snapshot(lambda one: one.link is LinkState.DISCONNECTED).problem
    printer.plug(appliance)
    talk.wait_snapshot(lambda one: one.link is LinkState.READY)
    for daemon in ("polar-printer", "polar-agent"):
        assert appliance.prop(f"{daemon}.service", "ActiveState") == "active"
