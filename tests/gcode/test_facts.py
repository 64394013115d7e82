import io
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.gcode.facts import GcodeFacts, duration, facts_in, first_reading, stated_facts

DATA = Path(__file__).parent / "data"


def complete(path: Path) -> GcodeFacts:
    with path.open("rb") as file:
        return first_reading(file, stated_facts(file))


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("prusaslicer-2.5.gcode", GcodeFacts(slicer="PrusaSlicer 2.5.0", estimated_seconds=49.0,
                                             filament_mm=49.6, layers=4)),
        ("cura-4.13.gcode", GcodeFacts(slicer="Cura_SteamEngine 4.13.0",
                                       estimated_seconds=1333.0, filament_mm=1993.51, layers=3)),
        ("simplify3d-4.1.gcode", GcodeFacts(slicer="Simplify3D(R) Version 4.1.2",
                                            estimated_seconds=3720.0, filament_mm=1234.5,
                                            layers=2)),
    ],
)  # fmt: skip
def test_what_slicers_say(name: str, facts: GcodeFacts) -> None:
    assert complete(DATA / name) == facts


@pytest.mark.parametrize(
    ("text", "seconds", "filament", "layers"),
    [
        ("; estimated printing time (normal mode) = 1d 2h 3m 4s\n"
         "; filament used [mm] = 123.4, 5.6\n; total layers count = 40\n", 93784, 129.0, 40),
        ("; HEADER_BLOCK_START\n; BambuStudio 02.06.00.51\n; model printing time: 22m 17s; total "
         "estimated time: 28m 38s\n; total layer number: 17\n; total filament length [mm] : "
         "2525.45,10\n; HEADER_BLOCK_END\n", 1718, 2535.45, 17),
        (";FLAVOR:Marlin\r\n;TIME:50173\r\n;Filament used: 84.7082m, 0m\r\n;LAYER_COUNT:244\r\n",
         50173, 84708.2, 244),
        (";TIME:6666\n;Filament used: 0m\n;LAYER_COUNT:1\n;TIME_ELAPSED:9.5\n;TIME_ELAPSED:12\n",
         12, None, 1),
        ("; filament used = 7426.3mm (52.5cm3)\n", None, 7426.3, None),
        (";Print Time: 1234\n;Material#1 Used: 10.5\n;Material#2 Used: 1\n", 1234, 11.5, None),
        ("; estimated printing time (normal mode) = nonsense\n; filament used [mm] = , ,\n",
         None, None, None),
    ],
)  # fmt: skip
def test_more_dialects(
    text: str, seconds: float | None, filament: float | None, layers: int | None
) -> None:
    facts = facts_in(text.encode())
    assert facts.estimated_seconds == seconds
    assert facts.filament_mm == (pytest.approx(filament) if filament else None)
    assert facts.layers == layers


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1d 2h 3m 4s", 93784), ("1 hour 2 minutes", 3720), ("47 minutes", 2820), ("1:02:03", 3723),
     ("2:03", 123), ("0s", None), ("soon", None)],
)  # fmt: skip
def test_durations(text: str, seconds: float | None) -> None:
    assert duration(text) == seconds


@given(st.text(max_size=200))
def test_any_comment_is_survived(text: str) -> None:
    lines = [text, f"; filament used [mm] = {text}", f";TIME:{text}", f"; Build time: {text}"]
    facts = facts_in("\n".join(lines).encode("utf-8", "replace"))
    assert facts.estimated_seconds is None or facts.estimated_seconds > 0
    assert facts.filament_mm is None or facts.filament_mm > 0


def test_both_ends_of_a_long_file_are_read_and_not_what_lies_between() -> None:
    filler = b"G1 X1\n" * 200_000
    data = b";TIME:77\n" + filler + b";TIME_ELAPSED:5\n;LAYER_COUNT:9\n" + filler[:60]
    facts = stated_facts(io.BytesIO(data))
    assert (facts.estimated_seconds, facts.layers) == (77, 9)
    hidden = filler + b";TIME:77\n" + filler
    assert stated_facts(io.BytesIO(hidden)).estimated_seconds is None


def test_the_first_reading_agrees_with_the_slicer_about_the_demo_print() -> None:
    path = resources.files("appliance.sim") / "models" / "vase.gcode"
    with resources.as_file(path) as real:
        said = complete(real)
        with real.open("rb") as file:
            measured = first_reading(file, GcodeFacts())
    assert said.estimated_seconds and said.filament_mm and measured.estimated_seconds
    assert measured.estimated_seconds == pytest.approx(said.estimated_seconds, rel=0.1)
    # The slicer does not count the line that the start code draws beside the print: 24 mm.
    assert measured.filament_mm == pytest.approx(said.filament_mm + 24, rel=0.01)
    assert measured.layers == said.layers == 140


def test_the_first_reading_rests_and_can_be_given_up() -> None:
    class Enough(Exception):
        pass

    rests = 0

    def rest() -> None:
        nonlocal rests
        rests += 1
        if rests == 3:
            raise Enough

    with pytest.raises(Enough):
        first_reading(io.BytesIO(b"G1 X1\n" * 10_000), None, rest)


def test_an_unprintable_file_keeps_what_was_said() -> None:
    stated = GcodeFacts(slicer="X", layers=3)
    assert first_reading(io.BytesIO(b"G28\n" + b"G1 X1" * 400), stated) == stated
