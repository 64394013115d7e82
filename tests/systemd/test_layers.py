"""What data-partition lays over the root: on real overlays, cut off before each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd.cards import LAYERS, LAYING, STATE, Place, a_place, call, needs_root

pytestmark = needs_root


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with a_place(tmp_path) as place:
        yield place


def test_what_is_written_to_the_root_lies_with_the_data(place: Place) -> None:
    (place.root / "etc/hosts").write_text("the root's")
    place.succeed()
    assert place.mounts() == [str(place.root / name) for name in (*LAYERS, STATE)]
    for name in LAYERS:
        assert {"nodev", "nosuid"} <= options(place, name)
        (place.root / name / "new").write_text(name)
        assert (place.data / "system" / name / "new").read_text() == name
    assert (place.root / "etc/hosts").read_text() == "the root's"
    assert {"nodev", "nosuid", "noexec"} <= options(place, STATE)
    (place.root / STATE / "key").write_text("mine")
    assert (place.data / "appliance/key").read_text() == "mine"
    place.switch_off()
    assert [path.name for path in place.root.rglob("*")].count("new") == 0


def options(place: Place, name: str) -> set[str]:
    return set(call("findmnt", "-n", "-o", "OPTIONS", place.root / name).strip().split(","))


def test_a_service_that_is_started_again_mounts_what_is_missing(place: Place) -> None:
    cut, killed = 0, -9
    while killed == -9:
        place.switch_off()
        cut += 1
        killed = place.run(cut=cut, before=LAYING).returncode
        again = place.run(again=True)
        assert again.returncode == 0, again.stderr
        assert place.mounts() == [str(place.root / name) for name in (*LAYERS, STATE)]
    assert killed == 0
    assert cut > 4, "each of the mounts was cut off"


def test_the_layers_of_a_running_system_are_not_exchanged(place: Place) -> None:
    place.succeed()
    (place.root / "etc/passwd").write_text("old")
    place.flash("2")
    assert place.run(again=True).returncode == 0
    assert (place.root / "etc/passwd").read_text() == "old"
    place.succeed()
    assert not (place.root / "etc/passwd").exists()


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_that_cannot_be_mounted_says_so(place: Place, name: str) -> None:
    (place.root / name).rmdir()
    done = place.run()
    assert done.returncode == 1
    assert place.problem() == ["Card is damaged", "Flash a new card"]
    assert "Its data cannot be laid over the root." in done.stderr
