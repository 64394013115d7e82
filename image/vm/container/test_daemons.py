"""systemd and the two daemons: readiness, watchdog, restart, the journal."""

from __future__ import annotations

import pytest

from image.vm.container.journal import started
from image.vm.container.machine import Container
from image.vm.container.talk import Talk

DAEMONS = ("polar-printer", "polar-agent")


@pytest.mark.parametrize("daemon", DAEMONS)
def test_told_that_it_is_ready_and_feeds_the_watchdog(appliance: Container, daemon: str) -> None:
    """Type=notify, and a WATCHDOG=1 by a daemon that is well before the time is over."""
    unit = f"{daemon}.service"
    state = appliance.show(unit, "Type", "ActiveState", "WatchdogUSec", "NRestarts")
    assert (state["Type"], state["ActiveState"], state["NRestarts"]) == ("notify", "active", "0")
    assert state["WatchdogUSec"] not in ("0", "infinity")
    before = appliance.prop(unit, "WatchdogTimestampMonotonic")
    appliance.await_change(unit, "WatchdogTimestampMonotonic", before)


def test_watchdog_bites_the_agent_alone(appliance: Container, talk: Talk) -> None:
    """An agent that hangs is killed and started again; the printer daemon is not touched."""
    printer = appliance.show("polar-printer.service", "MainPID", "NRestarts")
    before = int(appliance.prop("polar-agent.service", "NRestarts"))
    mark = appliance.journal.mark()
    appliance.run("kill", "-STOP", appliance.prop("polar-agent.service", "MainPID"))
    appliance.journal.wait_for_text("Watchdog timeout", "polar-agent.service", mark, limit=150)
    appliance.journal.wait(started("polar-agent.service"), "the agent is started again", mark)
    assert int(appliance.prop("polar-agent.service", "NRestarts")) == before + 1
    assert appliance.show("polar-printer.service", "MainPID", "NRestarts") == printer
    assert talk.view().version
