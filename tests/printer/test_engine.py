"""The engine with a virtual Marlin on a pseudo-terminal, asked through the real socket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.errors import ApplianceError, JobRefused, PrinterError
from appliance.printer import api
from appliance.printer.api import JobState, LinkState, PauseKind
from appliance.printer.engine import RESET_HINT
from appliance.sim.faults import FaultKind
from appliance.sim.marlin import MarlinOptions, VirtualMarlin
from appliance.sim.printer import PtyPrinter
from tests.printer.talking import reset_at

Daemon = Any  # the fixture's class; conftest modules cannot be imported

HOST = {"M105", "M108", "M110", "M114", "M115", "M155", "M400", "M876"}


def tower(layers: int) -> list[str]:
    """Commands of a tower, no two moves alike; heats first, everything off at its end."""
    lines = ["M104 S200", "M140 S60", "G28", "M109 S200", "G90", "M82", "G92 E0"]
    for layer in range(layers):
        lines.append(f"G1 Z{0.2 + 0.2 * layer:.2f} F600")
        for corner, (x, y) in enumerate(((20, 20), (40, 20), (40, 40), (20, 40))):
            extruded = 0.4 * layer + 0.1 * corner + 0.1
            lines.append(f"G1 X{x + layer / 1000:.3f} Y{y} E{extruded:.2f} F3000")
    return [*lines, "M104 S0", "M140 S0", "M107", "M84"]


def printed(board: PtyPrinter) -> list[str]:
    return [line for line in board.marlin.executed if line.split()[0] not in HOST]


def cold(marlin: VirtualMarlin) -> bool:
    return all(heater.target == 0 for _, heater in marlin.machine.heaters())


def far(lines: int) -> Callable[[VirtualMarlin], bool]:
    return lambda marlin: marlin.executed_count >= lines


# --- a print -------------------------------------------------------------------------------


async def test_a_print_is_executed_exactly(daemon: Daemon, board: PtyPrinter) -> None:
    lines = await daemon.print(tower(30))
    job = await daemon.job(JobState.COMPLETED)
    assert printed(board) == lines
    assert board.marlin.dropped_bytes == 0
    assert (job.lines_sent, job.percent, job.reason) == (len(lines), 100.0, "")
    assert job.ended_at is not None
    assert job.ended_at >= job.started_at


async def test_pause_and_resume_lose_nothing(daemon: Daemon, board: PtyPrinter) -> None:
    lines = await daemon.print(tower(60))
    await board.wait_for(far(100))
    assert (await daemon.client.pause()).job.state in (JobState.PAUSING, JobState.PAUSED)
    await daemon.job(JobState.PAUSED)
    position = (await board.status()).position
    assert position[:2] == (0, 0), "not parked"
    await daemon.client.resume()
    await daemon.job(JobState.COMPLETED)
    ours = set(lines)
    assert [line for line in printed(board) if line in ours and line[:2] == "G1"] == [
        line for line in lines if line[:2] == "G1"
    ]


async def test_a_cold_pause_cools_and_heats_again(daemon: Daemon, board: PtyPrinter) -> None:
    await daemon.print(tower(200))
    await board.wait_for(far(100))
    await daemon.client.pause(PauseKind.COLD)
    job = await daemon.job(JobState.PAUSED)
    assert (job.pause, bool(job.reason)) == (PauseKind.COLD, True)
    heaters = (await board.status()).heaters
    assert (heaters["T0"][1], heaters["B"][1]) == (0, 60)
    await daemon.client.resume()
    await daemon.job(JobState.PRINTING)
    assert (await board.status()).heaters["T0"][1] == 200
    await daemon.client.cancel()
    await daemon.job(JobState.CANCELED)


async def test_cancel_sends_nothing_more_and_makes_safe(daemon: Daemon, board: PtyPrinter) -> None:
    lines = await daemon.print(tower(3000))
    await board.wait_for(far(100))
    await daemon.client.cancel()
    job = await daemon.job(JobState.CANCELED)
    assert job.lines_sent < len(lines)
    assert await board.ask(lambda marlin, now: cold(marlin))
    executed = printed(board)
    assert executed[-1] == "M84"
    with pytest.raises(JobRefused):
        await daemon.client.cancel()
    assert printed(board) == executed


async def test_people_and_print_share_the_line(daemon: Daemon, board: PtyPrinter) -> None:
    lines = await daemon.print(tower(60))
    await board.wait_for(far(50))
    answers = [await daemon.client.run_gcode([f"M118 hello {n}"]) for n in range(5)]
    assert answers == [[f"hello {n}"] for n in range(5)]
    await daemon.client.set_temperature({"bed": 70})
    await daemon.job(JobState.COMPLETED)
    people = {f"M118 hello {n}" for n in range(5)} | {"M140 S70"}
    assert [line for line in printed(board) if line not in people] == lines


async def test_a_file_may_vanish_once_it_was_begun(daemon: Daemon, board: PtyPrinter) -> None:
    lines = await daemon.print(tower(80))
    await board.wait_for(far(50))
    (daemon.folder / "tower.gcode").unlink()
    await daemon.job(JobState.COMPLETED)
    assert printed(board) == lines


async def test_forget(daemon: Daemon) -> None:
    await daemon.print(tower(60), key="a")
    await daemon.client.forget("a")
    assert daemon.engine.snapshot().job.state is JobState.PRINTING, "a running print stays"
    await daemon.job(JobState.COMPLETED)
    await daemon.client.forget("b")
    assert daemon.engine.snapshot().job is not None
    assert (await daemon.client.forget("a")).job is None
    assert daemon.record.load() is None


# --- starting ------------------------------------------------------------------------------


async def test_the_same_request_again_starts_nothing(daemon: Daemon, board: PtyPrinter) -> None:
    lines = tower(20)
    request = api.StartJob(path=str(daemon.file(lines)), key="once", name="a")
    both = [daemon.client.start(request) for _ in range(4)]
    snapshots = await asyncio.gather(*both)
    assert {snapshot.job.key for snapshot in snapshots} == {"once"}
    await daemon.job(JobState.COMPLETED)
    assert (await daemon.client.start(request)).job.state is JobState.COMPLETED
    assert printed(board) == lines


async def test_a_second_print_is_refused(daemon: Daemon, board: PtyPrinter) -> None:
    lines = await daemon.print(tower(60), key="first")
    second = api.StartJob(path=str(daemon.file(["G28"], "other.gcode")), key="second", name="b")
    with pytest.raises(JobRefused, match=r"tower\.gcode is printing"):
        await daemon.client.start(second)
    await daemon.job(JobState.COMPLETED)
    assert printed(board) == lines
    assert (await daemon.client.start(second)).job.key == "second"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"solid x\nfacet normal 0 0 1\nendsolid\n", "STL"),
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "picture"),
        (b"just some words\n", "G-code"),
    ],
)
async def test_a_file_that_is_no_gcode(
    daemon: Daemon, board: PtyPrinter, content: bytes, words: str
) -> None:
    path = daemon.folder / "wrong.gcode"
    path.write_bytes(content)
    with pytest.raises(ApplianceError, match=words):
        await daemon.client.start(api.StartJob(path=str(path), key="x"))
    assert daemon.engine.snapshot().job is None
    assert printed(board) == []


async def test_a_file_that_cannot_be_opened(daemon: Daemon) -> None:
    pipe = daemon.folder / "pipe.gcode"
    os.mkfifo(pipe)
    for path, words in (
        (daemon.folder / "gone.gcode", "No such file"),
        (daemon.folder, "not a file"),
        (pipe, "not a file"),
    ):
        with pytest.raises(ApplianceError, match=words):
            await daemon.client.start(api.StartJob(path=str(path), key="x"))
    await daemon.print(tower(1))
    await daemon.job(JobState.COMPLETED)


async def test_a_disk_that_keeps_no_record_does_not_stop_the_print(
    daemon: Daemon, board: PtyPrinter
) -> None:
    (daemon.folder / "print.json").mkdir()  # nothing can be written there
    lines = await daemon.print(tower(20))
    await daemon.job(JobState.COMPLETED)
    assert printed(board) == lines
    assert (await daemon.client.forget("k1")).job is None
    await daemon.end()
    (daemon.folder / "port.json").unlink()
    (daemon.folder / "port.json").mkdir()
    await daemon.begin()
    await daemon.ready()


# --- people --------------------------------------------------------------------------------


async def test_temperatures_within_their_limits(daemon: Daemon, board: PtyPrinter) -> None:
    await daemon.until(lambda snapshot: {"tool0", "bed"} <= snapshot.heaters.keys())
    await daemon.client.set_temperature({"tool0": 210, "bed": 55.5})
    await board.wait_for(lambda marlin: "M140 S55.5" in marlin.executed)
    assert (await board.status()).heaters["T0"][1] == 210
    for targets, words in (
        ({"tool0": 301.0}, "outside 0 to 300"),
        ({"bed": -1.0}, "outside"),
        ({"tool1": 200.0}, "no heater 'tool1'"),
        ({"chamber": 40.0}, "no heater 'chamber'"),
        ({"lamp": 40.0}, "no heater 'lamp'"),
    ):
        with pytest.raises(PrinterError, match=words):
            await daemon.client.set_temperature(targets)


async def test_gcode_is_answered(daemon: Daemon, board: PtyPrinter) -> None:
    answer = await daemon.client.run_gcode(["M115", "M114 ; where", "", "FOO"])
    assert any("FIRMWARE_NAME" in line for line in answer)
    assert any(line.startswith("X:") for line in answer)
    assert any("Unknown command" in line for line in answer)
    assert await daemon.client.run_gcode([]) == []
    before = board.marlin.executed_count
    for lines, words in ((["M105\x07"], "control"), (["é"], "ASCII"), (["G1 " + "X" * 99], "long")):
        with pytest.raises(PrinterError, match=words):
            await daemon.client.run_gcode(lines)
    assert board.marlin.executed_count == before


async def test_an_emergency_stop_passes_a_full_queue(daemon: Daemon, board: PtyPrinter) -> None:
    await daemon.print(tower(500))
    await board.wait_for(far(50))
    await daemon.client.run_gcode(["M112"])
    snapshot = await daemon.until(lambda s: s.link is LinkState.HALTED)
    assert snapshot.job.state is JobState.FAILED


async def test_without_a_printer_everybody_is_told_why(
    quick: None, tmp_path: Path, daemon: Daemon, board: PtyPrinter
) -> None:
    await board.unplug()
    await daemon.until(lambda s: s.problem is not None and "not there" in s.problem.long)
    start = api.StartJob(path=str(daemon.file(tower(1))), key="x")
    for ask in (
        daemon.client.start(start),
        daemon.client.run_gcode(["M105"]),
        daemon.client.set_temperature({"bed": 50}),
    ):
        with pytest.raises(PrinterError, match="not there"):
            await ask
    for ask in (daemon.client.pause(), daemon.client.cancel()):
        with pytest.raises(JobRefused, match="Nothing is being printed"):
            await ask


# --- what goes wrong -----------------------------------------------------------------------


async def test_unplugged_in_the_middle_and_plugged_again(daemon: Daemon, board: PtyPrinter) -> None:
    await daemon.print(tower(3000))
    await board.wait_for(far(100))
    await board.unplug()
    job = await daemon.job(JobState.FAILED)
    assert "USB cable" in job.reason
    assert job.reason.endswith("whether they are off is not known.")
    away = await daemon.until(lambda s: s.problem and "is not there" in s.problem.long)
    assert away.problem.long.endswith("whether they are off is not known.")
    assert not await board.ask(lambda marlin, now: cold(marlin))
    await board.plug()
    await daemon.ready()
    await board.wait_for(cold)
    assert daemon.engine.snapshot().problem is None
    await daemon.print(tower(2), key="next")
    await daemon.job(JobState.COMPLETED)


async def test_the_firmware_restarts_in_the_middle(daemon: Daemon, board: PtyPrinter) -> None:
    await daemon.print(tower(3000))
    await board.wait_for(far(100))
    executed = await board.ask(reset_at)
    job = await daemon.job(JobState.FAILED)
    assert "restarted by itself" in job.reason
    await daemon.ready()
    await board.wait_for(lambda marlin: marlin.executed[-1] == "M84")
    after = board.marlin.executed[executed:]
    assert not any(line.startswith("G1") for line in after), "moves went to a printer not homed"


async def test_a_halt_in_the_middle_needs_a_reset(daemon: Daemon, board: PtyPrinter) -> None:
    await daemon.print(tower(3000))
    await board.wait_for(far(100))
    await board.fault(FaultKind.HALT)
    snapshot = await daemon.until(lambda s: s.link is LinkState.HALTED)
    assert snapshot.job.state is JobState.FAILED
    assert snapshot.job.reason
    assert snapshot.problem.short == "Printer halted"
    assert RESET_HINT in snapshot.problem.long
    with pytest.raises(PrinterError, match=r"reset|off and on"):
        await daemon.client.run_gcode(["M105"])


async def test_connect_resets_a_halted_printer(quick: None, tmp_path: Path, world: Any) -> None:
    options = MarlinOptions(speed=1000.0, boot_time=0.1)
    link = tmp_path / "ttyReset"
    async with PtyPrinter(options, link=link, reset_on_open=True) as board, world(link) as daemon:
        await daemon.ready()
        await board.fault(FaultKind.HALT)
        with pytest.raises(PrinterError):
            await daemon.client.run_gcode(["M117 last words"])
        await daemon.until(lambda s: s.link is LinkState.HALTED)
        resets = board.marlin.resets
        await daemon.client.connect()
        snapshot = await daemon.ready()
        assert board.marlin.resets > resets
        assert snapshot.problem is None
        await daemon.print(tower(2))
        await daemon.job(JobState.COMPLETED)


async def test_faults_on_the_line_change_nothing(daemon: Daemon, board: PtyPrinter) -> None:
    lines = await daemon.print(tower(60))
    for kind in (FaultKind.FLIP_LINE, FaultKind.DOUBLED_OK, FaultKind.DROP_LINE_BYTE):
        await board.wait_for(far(board.marlin.executed_count + 20))
        await board.fault(kind)
    await daemon.job(JobState.COMPLETED)
    assert printed(board) == lines


# --- the printer's own will ----------------------------------------------------------------


async def test_the_printers_own_screen_pauses_resumes_and_cancels(
    daemon: Daemon, board: PtyPrinter
) -> None:
    await daemon.print(tower(3000))
    await board.wait_for(far(100))
    await daemon.client.run_gcode(["M118 A1 action:pause"])
    await daemon.job(JobState.PAUSED)
    await daemon.client.run_gcode(["M118 A1 action:resume"])
    await daemon.job(JobState.PRINTING)
    await daemon.client.run_gcode(["M118 A1 action:notification Hello"])
    await daemon.until(lambda s: s.message == "Hello")
    await daemon.client.run_gcode(["M118 A1 action:cancel"])
    await daemon.job(JobState.CANCELED)
    # none of them fits a printer at rest; nothing happens
    await daemon.client.run_gcode(["M118 A1 action:pause", "M118 A1 action:cancel"])
    assert daemon.engine.snapshot().link is LinkState.READY


async def test_a_change_of_filament_waits_and_goes_on(daemon: Daemon, board: PtyPrinter) -> None:
    lines = tower(60)
    lines.insert(100, "M600")
    await daemon.print(lines)
    job = await daemon.job(JobState.PAUSED)
    assert job.pause is PauseKind.FILAMENT
    assert "filament" in job.reason
    await daemon.client.resume()
    await daemon.job(JobState.COMPLETED)
    assert printed(board) == lines


async def test_cancel_while_the_printer_waits_for_filament(
    daemon: Daemon, board: PtyPrinter
) -> None:
    lines = tower(60)
    lines.insert(100, "M600")
    await daemon.print(lines)
    await daemon.job(JobState.PAUSED)
    await daemon.client.cancel()
    await daemon.job(JobState.CANCELED)
    assert await board.ask(lambda marlin, now: cold(marlin))


class TestSlowHeaters:
    """A heater that takes minutes must hold up neither a cancel nor the end of the daemon."""

    @pytest.fixture
    def options(self) -> MarlinOptions:
        return MarlinOptions(speed=1.0, boot_time=0.1, home_time=0.1)

    async def test_cancel_while_heating(self, daemon: Daemon, board: PtyPrinter) -> None:
        await daemon.print(tower(10))
        await board.wait_for(lambda marlin: "M109 S200" in marlin.executed)
        await daemon.client.cancel()
        await daemon.job(JobState.CANCELED)
        assert await board.ask(lambda marlin, now: cold(marlin))

    async def test_the_daemon_ends_while_heating(self, daemon: Daemon, board: PtyPrinter) -> None:
        await daemon.print(tower(10))
        await board.wait_for(lambda marlin: "M109 S200" in marlin.executed)
        await daemon.engine.stop()
        job = await daemon.job(JobState.FAILED)
        assert "stopped" in job.reason
        assert await board.ask(lambda marlin, now: cold(marlin))


def left_by_a_killed_daemon() -> api.Job:
    return api.Job(
        job_id="123", key="k", name="left.gcode", source=api.Source.LOCAL, path="/gone",
        state=JobState.PAUSED, pause=PauseKind.PAUSE, started_at=1.0, file_size=10,
    )  # fmt: skip


def heat(marlin: VirtualMarlin, now: float) -> None:
    """As a print before a power cut of the appliance has left it."""
    for _, heater in marlin.machine.heaters():
        heater.set_target(100.0, marlin.machine.scaled(now))


# --- lives of the daemon -------------------------------------------------------------------


async def test_the_end_of_the_daemon_ends_the_print_safely(
    daemon: Daemon, board: PtyPrinter
) -> None:
    await daemon.print(tower(3000))
    await board.wait_for(far(100))
    await daemon.end()
    assert await board.ask(lambda marlin, now: cold(marlin))
    record = daemon.record.load()
    assert record.state is JobState.FAILED
    assert "stopped" in record.reason
    await daemon.begin()
    assert daemon.engine.snapshot().job == record


async def test_heaters_set_by_a_person_go_off_with_the_daemon(
    daemon: Daemon, board: PtyPrinter
) -> None:
    await daemon.client.set_temperature({"tool0": 210, "bed": 60})
    await daemon.until(lambda s: s.heaters and s.heaters["bed"].target == 60)
    await daemon.end()
    assert await board.ask(lambda marlin, now: cold(marlin))


async def test_what_a_killed_daemon_left_hot_is_switched_off(
    quick: None, tmp_path: Path, world: Any, board: PtyPrinter
) -> None:
    async with world(Path(board.path), left_by_a_killed_daemon()) as daemon:
        job = daemon.engine.snapshot().job
        assert (job.state, job.pause) == (JobState.FAILED, None)
        assert "restarted during the print" in job.reason
        await board.wait_for(lambda marlin: "M84" in marlin.executed)
        assert printed(board) == ["M104 S0", "M140 S0", "M107", "M84"]


async def test_reports_before_the_greeting_do_not_pass_for_the_answer_to_it(
    quick: None, tmp_path: Path, world: Any, board: PtyPrinter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The killed daemon had asked for reports; the board, not reset, goes on with them."""
    async with world(Path(board.path)) as daemon:
        await daemon.ready()
        await daemon.client.run_gcode(["M155 S1"])
    monkeypatch.setattr("appliance.printer.handshake.GREETING_WAIT", 1.2)
    await board.ask(heat)
    async with world(Path(board.path), left_by_a_killed_daemon()):
        await board.wait_for(cold)


class TestTwoTools:
    @pytest.fixture
    def options(self) -> MarlinOptions:
        return MarlinOptions(speed=1000.0, boot_time=0.1, extruders=2, chamber=True)

    async def test_every_heater_goes_off(
        self, quick: None, world: Any, tmp_path: Path, board: PtyPrinter
    ) -> None:
        async with world(Path(board.path)) as daemon:
            await daemon.ready()
            await daemon.until(lambda s: "tool1" in s.heaters)
            await daemon.client.set_temperature({"tool0": 200, "tool1": 210, "chamber": 40})
            await board.wait_for(lambda marlin: "M141 S40" in marlin.executed)
            await daemon.until(lambda s: s.heaters["tool1"].target == 210)
        assert await board.ask(lambda marlin, now: cold(marlin))
        await board.ask(heat)
        daemon.record.save(left_by_a_killed_daemon())
        async with world(Path(board.path)) as daemon:
            await board.wait_for(cold)


@pytest.mark.parametrize("name", ["print.json", "port.json"])
async def test_a_damaged_record_is_set_aside(
    quick: None, tmp_path: Path, world: Any, board: PtyPrinter, name: str
) -> None:
    (tmp_path / name).write_bytes(b"\x00{ not JSON")
    async with world(Path(board.path)) as daemon:
        await daemon.ready()
        assert (tmp_path / f"{name}.bad").exists()
