"""What the local page asks of the agent."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.agent.web_deeds import WebDeeds
from appliance.errors import JobRefused
from appliance.host.power import PowerAction
from appliance.printer import api
from appliance.web.deeds import Deeds, start
from appliance.web.uploads import Stored, UploadRefused
from tests.web.local_world import FakeDeeds


class FakePower:
    def __init__(self) -> None:
        self.asked: list[PowerAction] = []

    async def request(self, action: PowerAction) -> None:
        self.asked.append(action)


class Pauses:
    def __init__(self) -> None:
        self.kinds: list[api.PauseKind] = []

    async def pause(self, kind: api.PauseKind) -> api.Snapshot:
        self.kinds.append(kind)
        return api.Snapshot()


class FakeActs(FakeDeeds):
    """Those of the command line."""

    async def register(self, account: object) -> None:
        raise NotImplementedError

    async def unregister(self) -> None:
        raise NotImplementedError


class Parts:
    def __init__(self) -> None:
        self.acts, self.power, self.printer = FakeActs(), FakePower(), Pauses()
        self.restarts = 0
        self.models: list[tuple[Path, Path | None, str]] = []
        self.deeds: Deeds = WebDeeds(self.acts, self.printer, self.power, self._restart, self)

    def request(self, model: Path, config: Path | None, name: str) -> None:
        self.models.append((model, config, name))

    def _restart(self) -> None:
        self.restarts += 1


async def test_each_wish_reaches_its_part() -> None:
    parts = Parts()
    parts.acts.printing()
    await parts.deeds.pause(api.PauseKind.COLD)
    await parts.deeds.resume()
    await parts.deeds.clear_plate()
    await parts.deeds.restart_agent()  # also while something is printed
    await parts.deeds.cancel()
    assert parts.printer.kinds == [api.PauseKind.COLD]
    assert parts.acts.asked == ["resume", "clear", "cancel"]
    assert parts.restarts == 1


@pytest.mark.parametrize(
    "state", [api.JobState.PRINTING, api.JobState.PAUSED, api.JobState.CANCELING]
)
async def test_the_device_stays_on_while_something_is_printed(state: api.JobState) -> None:
    parts = Parts()
    parts.acts.printing(state)
    for deed in (parts.deeds.restart_device, parts.deeds.shut_down):
        with pytest.raises(JobRefused, match="Vase is not over yet"):
            await deed()
    assert parts.power.asked == []


async def test_the_device_is_restarted_and_switched_off() -> None:
    parts = Parts()
    parts.acts.printing(api.JobState.COMPLETED)
    await parts.deeds.restart_device()
    parts.acts.snapshot = None
    await parts.deeds.shut_down()
    assert parts.power.asked == [PowerAction.REBOOT, PowerAction.SHUTDOWN]


async def test_a_file_is_begun_as_one_from_the_network(tmp_path: Path) -> None:
    parts = Parts()
    path = tmp_path / "a.gcode"
    path.write_bytes(b"G28\n")
    for _ in range(2):
        await start(parts.deeds, Stored("a.gcode", path, 4, 0.0))
    first, second = parts.acts.started
    assert (first.job_id, first.source, first.path) == ("123", api.Source.NETWORK, str(path))
    assert first.key != second.key  # a file may be printed again


async def test_a_model_is_sliced_with_the_settings_kept_here(tmp_path: Path) -> None:
    parts = Parts()
    stl = Stored("a.stl", tmp_path / "a.stl", 4, 0.0)
    threemf = Stored("b.3MF", tmp_path / "b.3MF", 4, 0.0)
    profile = Stored("mine.ini", tmp_path / "mine.ini", 4, 0.0)
    with pytest.raises(UploadRefused, match="needs slicing settings"):
        await start(parts.deeds, stl)
    await start(parts.deeds, stl, profile)
    await start(parts.deeds, threemf)
    assert parts.models == [(stl.path, profile.path, "a.stl"), (threemf.path, None, "b.3MF")]
    assert parts.acts.started == []
