"""The owner's own commands: what is listed, and that nothing else is ever carried out."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.agent.custom import (
    PLATE_IS_CLEAR,
    CustomCommands,
    UnknownCustomCommand,
    with_plate_clear,
)
from appliance.config import CustomCommand
from appliance.host.power import PowerAction
from appliance.polar import messages
from appliance.printer.client import PrinterClient


class Recorder:
    """The printer, the host and the agent's restart, in one list of what was done."""

    def __init__(self) -> None:
        self.done: list[object] = []

    async def run_gcode(self, lines: list[str]) -> list[str]:
        self.done.append(lines)
        return []

    async def request(self, action: PowerAction) -> None:
        self.done.append(action)

    def restart(self) -> None:
        self.done.append("restart")

    async def clear_plate(self) -> None:
        self.done.append("clear")


def build(commands: list[CustomCommand]) -> tuple[CustomCommands, Recorder]:
    recorder = Recorder()
    printer = cast(PrinterClient, recorder)
    custom = CustomCommands(commands, printer, recorder, recorder.restart, recorder.clear_plate)
    return custom, recorder


texts = st.text(min_size=1, max_size=64)
gcode = st.builds(
    CustomCommand,
    label=texts,
    gcode=st.lists(st.sampled_from(["M104 S200", "G28", "M600"]), min_size=1),
    help=st.text(max_size=30),
    confirm=st.text(max_size=30),
)
actions = st.builds(
    CustomCommand,
    label=texts,
    action=st.sampled_from(["restart-agent", "reboot", "shutdown", "plate-clear"]),
)
settings = st.lists(gcode | actions, max_size=8, unique_by=lambda one: one.label)

EXPECTED = {
    "restart-agent": "restart",
    "reboot": PowerAction.REBOOT,
    "shutdown": PowerAction.SHUTDOWN,
    "plate-clear": "clear",
}


@given(settings)
def test_every_listed_name_does_what_its_label_says(commands: list[CustomCommand]) -> None:
    custom, recorder = build(commands)
    entries = custom.listing("P3D1").custom_command_list
    assert [entry.label for entry in entries] == [one.label for one in commands]
    assert len({entry.command for entry in entries}) == len(commands)

    async def run_all() -> None:
        for entry in entries:
            await custom.run(entry.command)
            await asyncio.sleep(0)

    asyncio.run(run_all())
    assert recorder.done == [EXPECTED.get(one.action, one.gcode) for one in commands]


@given(settings, st.text(max_size=200))
def test_no_other_name_does_anything(commands: list[CustomCommand], name: str) -> None:
    custom, recorder = build(commands)
    if name in {entry.command for entry in custom.listing("P3D1").custom_command_list}:
        return
    with pytest.raises(UnknownCustomCommand) as refusal:
        asyncio.run(custom.run(name))
    assert refusal.value.long.isprintable()
    assert len(refusal.value.long) < 400
    assert recorder.done == []


@given(settings)
def test_the_list_reads_the_same_in_the_cloud_and_holds_no_gcode(
    commands: list[CustomCommand],
) -> None:
    custom, _ = build(commands)
    listing = custom.listing("P3D1")
    event, payload = messages.encode(listing)
    assert messages.parse_from_printer(event, payload) == listing
    assert payload["customCommandList"] == payload["commandList"]
    for entry, one in zip(listing.custom_command_list, commands, strict=True):
        assert entry.command not in one.gcode
        assert (entry.help_text or "", entry.confirm_text or "") == (one.help, one.confirm)


def test_an_empty_list_removes_what_was_listed_before() -> None:
    event, payload = messages.encode(build([])[0].listing("P3D1"))
    assert event == "customCommandList"
    assert payload["customCommandList"] == []


@given(settings, st.booleans())
def test_a_plate_to_be_confirmed_has_its_entry_once(
    commands: list[CustomCommand], confirm: bool
) -> None:
    listed = with_plate_clear(commands, confirm)
    assert listed[: len(commands)] == commands, "the owner's come first, as they stand"
    named = sum(one.action == "plate-clear" for one in commands)
    added = 1 if confirm and not named else 0
    assert listed[len(commands) :] == [PLATE_IS_CLEAR] * added


async def test_the_entry_that_stands_there_by_itself_clears_the_plate() -> None:
    custom, recorder = build(with_plate_clear([], True))
    [entry] = custom.listing("P3D1").custom_command_list
    assert entry.label == "Build plate is clear"
    await custom.run(entry.command)
    assert recorder.done == ["clear"]
