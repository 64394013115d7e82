"""What goes wrong, with the real slicer: each has its sentence, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.errors import ApplianceError, StorageError
from appliance.settings_slicing import SlicingSettings
from appliance.slicing import memory, run, slicer
from appliance.slicing.api import (
    BadConfiguration,
    BadModel,
    ModelTooLarge,
    NotEnoughMemory,
    Progress,
    Request,
    SlicerMissing,
    SlicingError,
    TooSlow,
)
from appliance.slicing.cache import Cache
from appliance.slicing.prusa import Output
from appliance.slicing.slicer import Slicer
from tests.slicing.conftest import Bench
from tests.slicing.shapes import ball, binary, box, legacy, measure, prusa
from tests.slicing.test_threemf import archive, project

GCODE = b";TYPE:Custom\nG28\n" + b";LAYER_CHANGE\nG1 X5 Y5 E1 F3000\n" * 3 + b"M84\n"


@pytest.mark.parametrize(
    ("config", "model", "kind", "said"),
    [
        (prusa(), b"", BadModel, "empty"),
        (prusa(), b"<html>403</html>", BadModel, "web page"),
        (prusa(), b"# OBJ\nv 1 2 3\n", BadModel, "OBJ"),
        (prusa(), binary(box())[:-9], BadModel, "cut off"),
        (b"<html>", None, BadConfiguration, "web page"),
        (b"", None, BadConfiguration, "empty"),
        (None, None, BadConfiguration, "without slicing settings"),
        (prusa(), binary(box((300, 10, 10))), ModelTooLarge, "300 × 10 × 10 mm"),
        (prusa(), binary(box((10, 10, 200))), ModelTooLarge, "200 × 180 × 150 mm"),
        (prusa(posx=5, posy=5), None, ModelTooLarge, "over the edge"),
        (prusa(layer_height="0.9"), None, BadConfiguration, "nozzle diameter"),
        (prusa(layer_height="thin"), None, BadConfiguration, "layer_height"),
        (prusa(start_gcode="M109 S{nonsense}"), None, BadConfiguration, "nonsense"),
        (prusa(), binary(box((30, 30, 0.05))), BadModel, "too thin"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_bad_input(
    bench: Bench,
    config: bytes | None,
    model: bytes | None,
    kind: type[ApplianceError],
    said: str,
) -> None:
    with pytest.raises(kind, match=said) as caught:
        await bench.slice(config, model)
    assert len(caught.value.short) <= 20
    assert caught.value.long.endswith((".", "!"))
    assert bench.left == set()


async def test_the_bed_of_our_settings_counts(
    bench_with: Callable[[SlicingSettings], Bench],
) -> None:
    bench = bench_with(SlicingSettings(bed_width=50, bed_depth=50, bed_height=8))
    with pytest.raises(ModelTooLarge, match="50 × 50 × 8 mm"):
        await bench.slice(legacy(posx=25_000, posy=25_000))
    bench = bench_with(SlicingSettings(bed_width=50, bed_depth=50))
    with pytest.raises(ModelTooLarge, match="over the edge"):
        await bench.slice(legacy(posx=45_000, posy=25_000))
    assert bench.left == set()


async def test_without_a_slicer_the_package_is_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(bench.folder))
    with pytest.raises(SlicerMissing, match="prusa-slicer is not installed"):
        await bench.slice(prusa())
    assert bench.left == set()


async def test_not_enough_memory_ends_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of its work, when it has more than it may have."""
    allowed = 30 * memory.MB
    monkeypatch.setattr(memory, "allowed", lambda _: allowed)
    monkeypatch.setattr(memory, "needed", lambda _: 0)
    with pytest.raises(NotEnoughMemory, match="the 30 MB") as caught:
        await bench.slice(prusa(), binary(ball(130)))
    assert caught.value.short == "Not enough memory"
    assert bench.left == set()
    assert not await _slicers(bench.folder)
    monkeypatch.undo()
    sliced = await bench.slice(prusa())  # ready for the next
    assert sliced.layers


@pytest.mark.parametrize(
    ("status", "peak", "line"),
    [
        (-signal.SIGKILL, 5, ""),  # the kernel ran out of memory
        (-signal.SIGILL, 60, ""),  # 2.9.2 under a limit
        (-signal.SIGABRT, 60, "terminate called after throwing 'std::system_error'"),
        (1, 60, "std::bad_alloc"),
        (-signal.SIGABRT, 5, "its_convex_hull: Unable to create convex hull"),  # 2.5.0
    ],
)
def test_a_limit_of_the_kernel_says_the_same(status: int, peak: int, line: str) -> None:
    """Between two looks at its memory: it crashes, runs out, or says so in its own ways."""
    limits = run.Limits(10, 100 * memory.MB, 1000)
    ended = run.Ended(status, peak * memory.MB)
    with pytest.raises(NotEnoughMemory, match="the 100 MB"):
        slicer._explain(ended, prusa_output(line), limits)


def test_a_crash_with_memory_left_is_none_of_memory() -> None:
    limits = run.Limits(10, 100 * memory.MB, 1000)
    with pytest.raises(SlicingError) as caught:
        slicer._explain(run.Ended(-signal.SIGSEGV, 5), prusa_output(""), limits)
    assert not isinstance(caught.value, NotEnoughMemory)
    assert "SIGSEGV" in caught.value.long


def prusa_output(line: str) -> Output:
    output = Output()
    output.feed(line)
    return output


async def test_what_certainly_needs_too_much_is_not_begun(
    bench_with: Callable[[SlicingSettings], Bench],
) -> None:
    bench = bench_with(SlicingSettings(memory_limit=40))
    with pytest.raises(NotEnoughMemory, match="40 MB"):
        await bench.slice(prusa())
    assert [step.stage for step in bench.progress] == ["Checking the model"]


async def test_a_slicer_that_takes_too_long_is_ended(
    bench_with: Callable[[SlicingSettings], Bench],
) -> None:
    bench = bench_with(SlicingSettings(time_limit=0.3))
    with pytest.raises(TooSlow):
        await bench.slice(prusa(), binary(ball(130)))
    assert bench.left == set()
    assert not await _slicers(bench.folder)


@pytest.mark.parametrize(
    "stage", ["Checking the model", "Starting the slicer", "Generating perimeters"]
)
async def test_cancelling_ends_it_at_once(bench: Bench, stage: str) -> None:
    reached = asyncio.Event()

    def see(progress: Progress) -> None:
        if progress.stage == stage:
            reached.set()

    request = bench.request(prusa(), binary(ball(130)))
    task = asyncio.create_task(bench.slicer.slice(request, see))
    await reached.wait()
    task.cancel()
    async with asyncio.timeout(3):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert bench.left == set()
    assert not await _slicers(bench.folder)


async def _slicers(folder: Path) -> list[str]:
    """The processes whose command line names ``folder``."""
    found = []
    for process in Path("/proc").iterdir():
        try:
            line = (process / "cmdline").read_bytes() if process.name.isdigit() else b""
        except OSError:
            continue
        if str(folder).encode() in line and b"prusa" in line:
            found.append(line.decode(errors="replace"))
    return found


async def test_a_full_disk(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slicer, "_DISK_RESERVE", shutil.disk_usage(bench.folder).total)
    with pytest.raises(StorageError, match="almost full"):
        await bench.slice(prusa())
    monkeypatch.undo()
    monkeypatch.setattr(slicer, "_MAX_GCODE", 20_000)
    with pytest.raises(StorageError) as caught:
        await bench.slice(prusa())
    assert caught.value.short == "Disk full"
    assert bench.left == set()


async def test_a_slicer_that_makes_nonsense(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 0 is no proof: 2.9.2 ends so on most errors."""
    fake = bench.folder / "bin" / "prusa-slicer"
    fake.parent.mkdir()
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    out = 'while [ "$1" != --output ]; do shift; done; '
    for script, said in (
        ("exit 0", "gave no reason"),
        ("echo 'something is wrong' >&2; exit 3", "something is wrong"),
        (out + "echo nonsense > $2; exit 0", "no usable file"),
        (out + ": > $2; exit 0", "no usable file"),
        ("yes 10 | head -c 1000000; exit 1", "could not slice"),
    ):
        fake.write_text(f"#!/bin/sh\n{script}\n")
        fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
        with pytest.raises(SlicingError, match=said):
            await bench.slice(prusa())
        assert bench.left == {"bin"}


async def test_what_an_earlier_run_left_is_cleared_away(bench: Bench) -> None:
    old = bench.folder / ".out.gcode.slicing"
    old.mkdir()
    (old / "out.gcode").write_text("half")
    await bench.slice(prusa())
    assert bench.left == {"out.gcode"}


async def test_an_old_output_stays_when_the_new_one_fails(bench: Bench) -> None:
    bench.output.write_text("G28 ; the print before")
    with pytest.raises(BadModel):
        await bench.slice(prusa(), b"")
    assert bench.output.read_text() == "G28 ; the print before"


async def test_no_program_of_a_configuration_runs(bench: Bench) -> None:
    proof = bench.folder / "proof"
    script = bench.folder / "script"
    script.write_text(f"#!/bin/sh\ntouch '{proof}'\n")
    script.chmod(0o755)
    sliced = await bench.slice(prusa(post_process=str(script)))
    assert any("post_process" in note for note in sliced.notes)
    assert not proof.exists()
    inside = f"; post_process = {script}\n; layer_height = 0.25\n; perimeters = 3\n"
    more = {"Metadata/Slic3r_PE.config": f"; generated by PrusaSlicer\n{inside}".encode()}
    model = project(bench.folder / "p.3mf", **more).read_bytes()
    sliced = await bench.slice(None, model)
    assert "\n; perimeters = 3\n" in sliced.output.read_text()  # its settings were read
    assert not proof.exists()


async def test_a_3mf_with_a_model(bench: Bench) -> None:
    model = project(bench.folder / "p.3mf").read_bytes()
    (bench.folder / "p.3mf").unlink()
    for config in (prusa(), legacy()):
        sliced = await bench.slice(config, model)
        found = measure(sliced.output)
        assert found.middle == pytest.approx((100, 90), abs=0.1)
        assert found.size == pytest.approx((19.55, 14.55), abs=0.1)
    with pytest.raises(BadConfiguration, match="without slicing settings"):
        await bench.slice(None, model)


async def test_a_3mf_with_gcode_needs_no_slicer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(bench.folder))
    files = {"Metadata/plate_1.gcode": GCODE, "Metadata/plate_2.gcode": b"G28\n"}
    model = archive(bench.folder / "g.3mf", files).read_bytes()
    (bench.folder / "g.3mf").unlink()
    sliced = await bench.slice(None, model)
    assert sliced.output.read_bytes() == GCODE
    assert sliced.layers == 3
    assert any("2 plates" in note for note in sliced.notes)
    assert bench.left == {"out.gcode"}


async def test_bombs_leave_nothing(bench: Bench) -> None:
    path = archive(bench.folder / "b.3mf", {"3D/3dmodel.model": b"\0" * 30_000_000})
    data = path.read_bytes()
    path.unlink()
    with pytest.raises(ModelTooLarge):
        await bench.slice(prusa(), data)
    assert bench.left == set()


async def test_the_same_is_not_sliced_twice(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    kept = Slicer(SlicingSettings(), Cache(tmp_path / "cache", 10_000_000))
    stages: list[str] = []

    async def once(config: bytes, model: bytes | None = None) -> bool:
        stages.clear()
        sliced = await kept.slice(
            bench.request(config, model), lambda seen: stages.append(seen.stage)
        )
        assert sliced.output.stat().st_size > 1000
        assert sliced.layers
        sliced.output.unlink()
        return sliced.cached

    assert not await once(prusa())
    assert await once(prusa())
    assert "Starting the slicer" not in stages
    assert not await once(prusa(fill_density="10%"))
    assert not await once(prusa(), binary(box((10, 10, 5))))
    assert await once(prusa())
    moved = Slicer(SlicingSettings(bed_width=90, bed_depth=90), Cache(tmp_path / "cache", 10**7))
    assert not (await moved.slice(bench.request(prusa()), lambda _: None)).cached


async def test_one_at_a_time(bench: Bench, tmp_path: Path) -> None:
    running: list[str] = []
    most = 0

    def see(name: str) -> Callable[[Progress], None]:
        def seen(progress: Progress) -> None:
            nonlocal most
            running.append(name)
            most = max(most, len(set(running)))
            if progress.percent == 100:
                running[:] = [each for each in running if each != name]

        return seen

    first = bench.request(prusa())
    second = Request(first.model, first.config, tmp_path / "other.gcode")
    await asyncio.gather(bench.slicer.slice(first, see("a")), bench.slicer.slice(second, see("b")))
    assert most == 1
