"""Real slicing, measured: PrusaSlicer as it is installed, under both kinds of configuration."""

from __future__ import annotations

import itertools
import math

import pytest

from tests.slicing.conftest import Bench
from tests.slicing.shapes import SIZE, Measured, ball, box, legacy, prusa, table

VOLUME = math.prod(SIZE)


def steps(heights: list[float]) -> set[float]:
    return {round(b - a, 3) for a, b in itertools.pairwise(heights)}


def density(found: Measured, height: float) -> float:
    """Percent of the inside that is filled at ``height``, of a box with two walls."""
    (layer,) = [kinds for z, kinds in found.by_layer.items() if math.isclose(z, height)]
    line = 0.4 if height else 0.0
    inside = (SIZE[0] - 4 * line) * (SIZE[1] - 4 * line) * 0.2
    return 100 * found.volume(layer["Internal infill"]) / inside


@pytest.mark.parametrize(
    "config",
    [
        legacy(sparseInfillLineDistance=400, skirtLineCount=0),
        legacy(sparseInfillLineDistance=400, downSkinCount=10000, upSkinCount=10000,
               skirtLineCount=0, extrusionWidth=600, nozzleSize=500, infillOverlap=0),
        prusa(fill_density="100%", fill_pattern="rectilinear"),
    ],
    ids=["legacy", "legacy wide", "prusa"],
)  # fmt: skip
async def test_a_solid_box_takes_its_volume_of_filament(bench: Bench, config: bytes) -> None:
    sliced, found = await bench.measured(config)
    assert found.volume(found.filament) == pytest.approx(VOLUME, rel=0.02)
    assert sliced.filament_mm == pytest.approx(found.filament, rel=0.02)


async def test_the_clouds_list_of_2017(bench: Bench) -> None:
    """Profile 1: what the Polar Cloud sent (OctoPrint-PolarCloud, issue 28), placed by itself."""
    config = legacy(
        layerThickness=300, initialLayerThickness=350, layer0extrusionWidth=600, autoCenter=0,
        posx=0, posy=0, insetCount=2, infillPattern=2, sparseInfillLineDistance=2000,
        printSpeed=50, inset0Speed=30, insetXSpeed=35, infillSpeed=40, skinSpeed=45,
        initialLayerSpeed=15, moveSpeed=120, minimalLayerTime=0, retractionZHop=100,
        retractionMinimalDistance=1500, enableCombing=0, supportType=1, supportAngle=-1,
        fanFullOnLayerNr=4, fanSpeedMin=100, fanSpeedMax=100, initialSpeedupLayers=4,
    )  # fmt: skip
    sliced, found = await bench.measured(config, box(at=(-30.0, 10.0, 5.0)))
    assert steps(found.heights) == {0.3}
    assert found.heights[0] == pytest.approx(0.35)
    assert found.heights[-1] == pytest.approx(SIZE[2], abs=0.16)
    assert found.middle == pytest.approx((-20.0, 17.5), abs=0.05)
    assert found.size == pytest.approx((SIZE[0] - 0.45, SIZE[1] - 0.45), abs=0.1)
    assert found.tool == [205, 0]
    assert found.bed == [60]
    assert found.speeds["External perimeter"] == pytest.approx(30)
    assert found.speeds["Perimeter"] == pytest.approx(35)
    assert found.speeds["Internal infill"] == pytest.approx(40)
    assert found.speeds["Solid infill"] == pytest.approx(45)
    assert found.travel == pytest.approx(120)
    assert found.retracted == pytest.approx(1.5)
    assert found.retracting == pytest.approx(30)
    assert found.lifted == pytest.approx(0.1)
    # Layers from 0: the fan has n/4 of its speed.
    fan = [found.fan[height] for height in found.heights[:6]]
    assert fan == pytest.approx([0, 63.75, 127.5, 191.25, 255, 255], abs=3)
    assert any("initialSpeedupLayers=4" in note for note in sliced.notes)


async def test_a_legacy_list_with_brim_and_support(bench: Bench) -> None:
    """Profile 2."""
    config = legacy(
        skirtDistance=0, skirtLineCount=8, supportAngle=60, supportEverywhere=1, supportType=0,
        supportLineDistance=2000, posx=60_000, posy=-20_000, filamentDiameter=2850,
    )  # fmt: skip
    _, found = await bench.measured(config, table())
    assert found.middle == pytest.approx((60, -20), abs=0.1)
    assert found.volume(found.by_kind["Support material"], 2.85) > 100
    assert "Skirt/Brim" in found.by_kind
    assert set(found.by_layer[found.heights[0]]) >= {"Skirt/Brim", "External perimeter"}
    assert steps(found.heights) == {0.2}


async def test_a_legacy_vase(bench: Bench) -> None:
    """Profile 3: one wall in one spiral, nothing inside, temperature by a placeholder."""
    config = legacy(
        'startCode="""M109 S{print_temperature}\nG28\nG1 F{travel_speed} X5"""\n'
        "print_temperature=195",
        spiralizeMode=1, extrusionWidth=500, insetCount=3, skirtLineCount=0, downSkinCount=3,
    )  # fmt: skip
    sliced, found = await bench.measured(config)
    assert found.tool == [195, 0]
    assert "Internal infill" not in found.by_kind
    above = [kinds for height, kinds in found.by_layer.items() if height > 1.1]
    assert {kind for kinds in above for kind in kinds} == {"External perimeter"}
    assert len(found.heights) > 100  # it rises all the time
    assert "G1 F7200 X5" in sliced.output.read_text()
    wall = 2 * (SIZE[0] + SIZE[1]) * 0.5 * SIZE[2]
    bottom = SIZE[0] * SIZE[1] * 0.7
    assert found.volume(found.filament) == pytest.approx(wall + bottom, rel=0.1)


async def test_an_ini_of_prusaslicer(bench: Bench) -> None:
    """Profile 4: its own placeholders are filled by itself."""
    sliced, found = await bench.measured(
        prusa(perimeter_speed=45, external_perimeter_speed=25, infill_speed=60, travel_speed=130,
              first_layer_speed=20, retract_length="0.8", retract_speed="35", cooling=0,
              slowdown_below_layer_time=0, perimeter_generator="classic")
    )  # fmt: skip
    assert steps(found.heights) == {0.2}
    assert found.heights[0] == pytest.approx(0.3)
    assert found.middle == pytest.approx((100, 90), abs=0.05)
    assert found.size == pytest.approx((SIZE[0] - 0.45, SIZE[1] - 0.45), abs=0.1)
    assert found.tool == [215, 210, 0]
    assert found.bed == [65, 60]
    assert found.speeds["External perimeter"] == pytest.approx(25)
    assert found.speeds["Perimeter"] == pytest.approx(45)
    assert found.speeds["Internal infill"] == pytest.approx(60)
    assert found.retracted == pytest.approx(0.8)
    assert density(found, 5.1) == pytest.approx(20, rel=0.15)
    assert sliced.notes == ()


async def test_an_old_ini_of_slic3r(bench: Bench) -> None:
    """Profile 5: placed by print_center, a raft, flow, relative extrusion; and what is unknown."""
    sliced, found = await bench.measured(
        prusa(print_center="50,60", raft_layers=2, extrusion_multiplier="0.9", skirts=2,
              use_relative_e_distances=1, fill_density="100%", fill_pattern="rectilinear",
              infill_holiday=3, fill_angle=45, layer_height="0.25",
              before_layer_gcode=r"G92 E0", gcode_flavor="marlin")
    )  # fmt: skip
    assert found.middle == pytest.approx((50, 60), abs=0.05)
    assert steps([z for z in found.heights if z > 2]) == {0.25}
    body = sum(
        length for kind, length in found.by_kind.items()
        if kind not in ("Skirt/Brim", "Support material", "Support material interface", "Skirt")
    )  # fmt: skip
    assert found.volume(body) == pytest.approx(0.9 * VOLUME, rel=0.03)
    assert any("infill_holiday" in note for note in sliced.notes)


async def test_the_infill_of_a_legacy_list_has_its_density(bench: Bench) -> None:
    _, found = await bench.measured(legacy(skirtLineCount=0))
    assert density(found, 5.1) == pytest.approx(20, rel=0.15)


async def test_what_the_slicer_says_of_the_print(bench: Bench) -> None:
    sliced, found = await bench.measured(legacy())
    assert sliced.slicer.startswith("PrusaSlicer 2.")
    assert sliced.layers == len(found.heights)
    assert sliced.seconds is not None
    assert 60 < sliced.seconds < 3600
    percents = [step.percent for step in bench.progress]
    assert percents == sorted(percents)
    assert percents[0] == 0
    assert percents[-1] == 100
    assert len({step.stage for step in bench.progress}) >= 6
    assert bench.left == {"out.gcode"}


async def test_progress_comes_while_it_works(bench: Bench) -> None:
    """2.5.0 keeps its words to itself until the end when its output is a pipe."""
    await bench.slice(legacy(), None)
    stages = [step.stage for step in bench.progress]
    assert stages.index("Generating perimeters") < stages.index("Checking the G-code")


async def test_a_mesh_with_a_hole_is_repaired(bench: Bench) -> None:
    sliced, found = await bench.measured(prusa(), box()[:-1])
    assert len(found.heights) == sliced.layers
    assert found.size == pytest.approx((SIZE[0] - 0.45, SIZE[1] - 0.45), abs=0.1)


async def test_a_ball_keeps_its_diameter(bench: Bench) -> None:
    _, found = await bench.measured(prusa(), ball(12, 8.0))
    assert found.size == pytest.approx((15.6, 15.6), abs=0.5)
