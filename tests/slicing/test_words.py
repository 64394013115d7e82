from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.cli import cli
from appliance.config import check
from appliance.errors import ConfigError
from appliance.slicing.api import Progress, Sliced
from appliance.slicing.errors import BadModel
from appliance.slicing.words import Line, summary
from tests.slicing.shapes import binary, box, legacy, measure


def test_the_line_of_a_terminal_is_rewritten() -> None:
    line = Line(terminal=True)
    first = line.show(Progress(20, "Generating perimeters"))
    assert first.startswith("\r")
    assert first.endswith("20 %  Generating perimeters")
    second = line.show(Progress(30, "Infill"))
    assert len(second) == len(first)  # what stood there is covered
    assert line.show(Progress(30, "Infill")) == ""
    assert line.end() == "\n"
    assert Line(terminal=True).end() == ""


def test_elsewhere_it_is_one_line_for_each_stage() -> None:
    line = Line(terminal=False)
    assert line.show(Progress(20, "A")).endswith("20 %  A\n")
    assert line.end() == ""


def test_the_summary() -> None:
    assert summary(Sliced(Path("o"), 3661, 1234, 50, "")) == (
        "o: 50 layers, 1:01:01, 1.23 m of filament"
    )
    assert summary(Sliced(Path("o"), None, None, None, "")) == "o"


def test_the_command(tmp_path: Path) -> None:
    model, config, out = (tmp_path / name for name in ("box.stl", "list.cfg", "out.gcode"))
    model.write_bytes(binary(box()))
    config.write_bytes(legacy(coolHeadLift=1))
    words = ["slice", str(model), "--config", str(config), "-o", str(out)]
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert result.exit_code == 0
    assert "Generating perimeters" in result.output
    assert "Note: coolHeadLift=1" in result.output
    assert f"{out}: 50 layers" in result.output
    assert measure(out).heights[0] == pytest.approx(0.3)
    assert {path.name for path in tmp_path.iterdir()} == {"box.stl", "list.cfg", "out.gcode"}


def test_the_command_with_a_bad_model(tmp_path: Path) -> None:
    model, config = tmp_path / "box.stl", tmp_path / "list.cfg"
    model.write_bytes(b"")
    config.write_bytes(legacy())
    words = ["slice", str(model), "--config", str(config)]
    with pytest.raises(BadModel):
        CliRunner().invoke(cli, words, catch_exceptions=False)
    assert {path.name for path in tmp_path.iterdir()} == {"box.stl", "list.cfg"}


def test_the_command_never_replaces_the_model(tmp_path: Path) -> None:
    model = tmp_path / "box.gcode"
    model.write_bytes(binary(box()))
    result = CliRunner().invoke(cli, ["slice", str(model)])
    assert result.exit_code == 2
    assert "would replace the model" in result.output


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"bed_width": 200}, "bed_width"),
        ({"bed_height": 200}, "bed_height"),
        ({"bed_shape": "oval"}, "bed_shape"),
        ({"time_limit": 0}, "time_limit"),
    ],
)
def test_wrong_settings_are_named(section: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check({"slicing": section}, "a file")
