"""Whether the printer may be hot outlives the process that heated it."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.errors import StorageError
from appliance.printer.api import Heater, Problem
from appliance.printer.heat import HeatMemory
from appliance.printer.problems import HEATERS_UNKNOWN
from appliance.store import Record

HOT = {"tool0": Heater(25.0, 200.0), "bed": Heater(20.0)}
OFF = {"tool0": Heater(180.0), "bed": Heater(20.0)}


@pytest.fixture
def record(tmp_path: Path) -> Record[bool]:
    return Record(tmp_path / "hot.json", bool)


def test_a_life_that_ends_hot_tells_the_next_one(record: Record[bool]) -> None:
    first = HeatMemory(record)
    assert not first.left_hot
    first.see(HOT)
    assert HeatMemory(record).left_hot
    first.see(OFF)
    assert not HeatMemory(record).left_hot


def test_the_card_is_written_only_when_it_changes(record: Record[bool]) -> None:
    saved: list[bool] = []
    record.save = saved.append  # type: ignore[method-assign, assignment]
    memory = HeatMemory(record)
    for heaters in (OFF, HOT, HOT, OFF, OFF):
        memory.see(heaters)
    assert saved == [True, False]


def test_a_card_that_cannot_be_read_or_written_stops_nothing(
    record: Record[bool], caplog: pytest.LogCaptureFixture
) -> None:
    record.path.mkdir()
    memory = HeatMemory(record)
    assert memory.left_hot, "when it is not known, the heaters are switched off"
    memory.see(OFF)
    memory.see(HOT)
    assert "not kept" in caplog.text


def test_unreadable_is_an_error_of_ours(record: Record[bool]) -> None:
    record.path.mkdir()
    with pytest.raises(StorageError):
        record.load()


def test_what_a_printer_that_is_away_does_with_its_heaters(record: Record[bool]) -> None:
    away = Problem("Printer unplugged", "The port is gone.")
    memory = HeatMemory(record)
    assert memory.gone(away) == away
    memory.see(HOT)
    told = Problem("Printer unplugged", f"The port is gone. {HEATERS_UNKNOWN}")
    assert memory.gone(away) == told
    assert HeatMemory(record).gone(away) == told, "after a restart, too"
    memory.see(OFF)
    assert memory.gone(away) == away
