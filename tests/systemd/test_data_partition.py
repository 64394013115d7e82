"""The data partition's script on real partitions and file systems, cut off at every step."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd.cards import (
    MIB,
    SIZE,
    START,
    TABLE,
    Card,
    Place,
    a_card,
    a_place,
    call,
    needs_root,
)

pytestmark = needs_root


@pytest.fixture
def card() -> Iterator[Card]:
    with a_card() as card:
        yield card


def test_a_fresh_card_gets_its_partition_and_folders(card: Card) -> None:
    before = card.table()
    card.works()
    assert card.table().startswith(before.rstrip()), "what the image brought stays as it was"
    assert f"start={START:12}, size={(SIZE - 6144 - 1) * MIB:12}" in card.table()
    options = call("findmnt", "-n", "-o", "OPTIONS", card.data)
    assert {"noatime", "nodev", "nosuid", "errors=remount-ro"} <= set(options.strip().split(","))
    appliance = (card.data / "appliance").stat()
    assert (appliance.st_mode & 0o7777, appliance.st_uid, appliance.st_gid) == (0o3770, 0, 870)
    assert (card.data / "system").stat().st_mode & 0o7777 == 0o700
    for layer in ("etc", "var", "home"):
        assert (card.data / "system" / layer).stat().st_mode & 0o7777 == 0o755
        assert (card.data / "system" / f"{layer}.work").is_dir()


def test_what_is_there_is_kept_when_the_card_is_flashed_again(card: Card) -> None:
    card.works()
    (card.data / "appliance/key").write_text("mine")
    card.pull()
    card.insert(SIZE)
    assert "p3" not in card.table()
    card.works()
    assert (card.data / "appliance/key").read_text() == "mine"


def test_a_cut_at_each_step_of_the_first_start_is_mended_by_the_next(card: Card) -> None:
    cut, killed = 0, -9
    while killed == -9:
        card.pull()
        card.image.unlink()
        card.insert(SIZE)
        cut += 1
        killed = card.start(cut=cut).returncode
        if killed == -9:
            card.pull()
            card.insert()
            card.works()
        assert (card.data / "appliance").is_dir()
    assert killed == 0
    assert cut > 6, "steps were seen"


def test_a_cut_while_the_file_system_is_made_begins_anew(card: Card) -> None:
    card.works()
    (card.data / "appliance/key").write_text("half")
    card.switch_off()
    call("e2label", card.partition, "polar-making")
    card.works()
    assert not (card.data / "appliance/key").exists()


def test_a_lost_first_block_is_mended_from_its_copy(card: Card) -> None:
    card.works()
    (card.data / "appliance/key").write_text("mine")
    card.switch_off()
    call("dd", "if=/dev/zero", f"of={card.partition}", "bs=4096", "count=1")
    card.works()
    assert (card.data / "appliance/key").read_text() == "mine"


def test_damage_that_needs_decisions_is_mended(card: Card) -> None:
    card.works()
    (card.data / "appliance/key").write_text("mine")
    card.switch_off()
    call("debugfs", "-w", "-R", "clri /system/home", card.partition)
    call("debugfs", "-w", "-R", "ssv state 2", card.partition)  # with errors
    card.works()
    assert (card.data / "appliance/key").read_text() == "mine"
    assert (card.data / "system/home").is_dir()


def test_a_clock_at_1970_is_no_damage(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    card.works()
    card.switch_off()
    monkeypatch.setenv("E2FSCK_TIME", "1000")
    done = card.start()
    assert done.returncode == 0
    assert card.mounted


def test_a_file_system_that_cannot_be_mounted_says_so(card: Card) -> None:
    card.works()
    card.switch_off()
    call("debugfs", "-w", "-R", "ssv feature_incompat 0xfff0", card.partition)
    assert card.start().returncode == 1
    assert card.problem() == ["Card is damaged", "Flash a new card"]
    assert not card.mounted


def test_a_small_card_is_refused_and_left_alone(card: Card) -> None:
    card.pull()
    card.image.unlink()
    card.insert(6500)
    before = card.table()
    done = card.start()
    assert done.returncode == 1
    assert card.problem() == ["Card too small", "Use 8 GB or more"]
    assert "has 6 GB. Use one of at least 8 GB." in done.stderr
    assert card.table() == before


@pytest.mark.parametrize("name", ["ACT", "led0"])
def test_the_boards_light_blinks_for_whoever_has_no_display(card: Card, name: str) -> None:
    trigger = card.folder / "leds" / name / "trigger"
    trigger.parent.mkdir(parents=True)
    trigger.write_text("mmc0")
    card.works()
    assert trigger.read_text() == "mmc0"
    card.switch_off()
    call("debugfs", "-w", "-R", "ssv feature_incompat 0xfff0", card.partition)
    assert card.start().returncode == 1
    assert trigger.read_text() == "timer\n"


def test_a_partition_of_somebody_else_is_left_alone(card: Card) -> None:
    card.pull()
    card.insert(SIZE, f"{TABLE}start={START + MIB}, size=204800, type=83\n")
    before = card.table()
    assert card.start().returncode == 1
    assert card.problem() == ["Unknown data", "Flash a new card"]
    assert card.table() == before


def test_a_card_that_was_copied_onto_a_larger_one_grows(card: Card) -> None:
    card.works()
    (card.data / "appliance/key").write_text("mine")
    card.pull()
    with card.image.open("ab") as file:
        file.truncate((SIZE + 500) << 20)
    card.insert()
    done = card.start()
    assert done.returncode == 0, done.stderr
    assert (card.data / "appliance/key").read_text() == "mine"
    assert f"start={START:12}, size={(SIZE + 500 - 6144 - 1) * MIB:12}" in card.table()
    if "Permission denied" in done.stderr:
        pytest.skip("the partition grew; growing what is mounted needs CAP_SYS_RESOURCE")
    assert os.statvfs(card.data).f_blocks * 4096 > 1200 << 20


# --- the folders, on whatever is mounted --------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with a_place(tmp_path) as place:
        yield place


KEPT = {
    "etc/hostname": "ours",
    "etc/NetworkManager/system-connections/home.nmconnection": "secret",
    "etc/ssh/ssh_host_ed25519_key": "key",
    "etc/machine-id": "abcdefabcdefabcdefabcdefabcdefab",
    "var/log/journal/x/system.journal": "log",
    "var/lib/NetworkManager/timestamps": "1",
}
DROPPED = ["etc/NetworkManager/new.conf", "etc/passwd", "var/lib/cloud/instance", "var/cache/x"]


def use(place: Place) -> None:
    """What a root of the first version, and a person, leave behind."""
    place.switch_off()
    system = place.data / "system"
    for name, text in (KEPT | dict.fromkeys(DROPPED, "old")).items():
        (system / name).parent.mkdir(parents=True, exist_ok=True)
        (system / name).write_text(text)
    (system / "etc/NetworkManager").chmod(0o750)
    (system / "etc/ssh/ssh_host_ed25519_key").chmod(0o600)
    os.mknod(system / "etc/localtime", 0o20600, 0)  # the overlay's word for "removed"
    os.mknod(system / "home/pi", 0o20600, 0)
    (system / "home/ann").mkdir(mode=0o700)
    (system / "home/ann/file").write_text("hers")
    (system / "var.work/index").mkdir(exist_ok=True)


def fits_the_new_root(place: Place) -> None:
    system = place.data / "system"
    for name, text in KEPT.items():
        assert (system / name).read_text() == text
    assert [name for name in [*DROPPED, "etc/localtime"] if (system / name).exists()] == []
    assert (system / "etc/NetworkManager").stat().st_mode & 0o777 == 0o750
    assert (system / "etc/ssh/ssh_host_ed25519_key").stat().st_mode & 0o777 == 0o600
    assert (system / "version").read_text() == "2\n"
    assert not (system / "next").exists()
    assert not (system / "var.work/index").exists()
    # A user of the same name can be made again, and finds the files.
    assert [path.name for path in (system / "home").iterdir()] == ["earlier"]
    assert (system / "home/earlier/ann/file").read_text() == "hers"
    assert (system / "home/earlier/ann").stat().st_mode & 0o777 == 0o700


def test_another_root_drops_all_but_what_is_the_devices_own(place: Place) -> None:
    place.succeed()
    use(place)
    place.succeed()
    assert (place.data / "system/etc/passwd").exists(), "the same root keeps everything"
    place.flash("2")
    place.succeed()
    fits_the_new_root(place)


def test_a_second_home_of_the_same_name_replaces_none(place: Place) -> None:
    place.succeed()
    home = place.data / "system/home"
    for version in ("2", "3"):
        place.switch_off()
        (home / "ann").mkdir()
        (home / "ann/file").write_text(version)
        place.flash(version)
        place.succeed()
    files = [path / "file" for path in (home / "earlier").iterdir()]
    assert sorted(file.read_text() for file in files) == ["2", "3"]


def test_a_cut_while_another_root_takes_over_loses_nothing(place: Place) -> None:
    place.succeed()
    use(place)
    used = place.folder / "used"
    call("cp", "-a", place.data / "system", used)
    cut, killed = 0, -9
    while killed == -9:
        place.switch_off()
        shutil.rmtree(place.data / "system")
        call("cp", "-a", used, place.data / "system")
        place.flash("2")
        cut += 1
        killed = place.run(cut=cut).returncode
        if killed == -9:
            place.succeed()
        fits_the_new_root(place)
    assert killed == 0
    assert cut > 8, "steps were seen"


def test_without_a_version_everything_stays(place: Place) -> None:
    place.succeed()
    use(place)
    (place.folder / "version").unlink()
    assert "is missing" in place.run().stderr
    assert (place.data / "system/etc/passwd").exists()


def test_the_machine_id_is_kept_and_a_broken_one_replaced(place: Place) -> None:
    kept = place.data / "system/etc/machine-id"
    place.succeed()
    assert kept.read_text() == (place.folder / "machine-id").read_text()
    assert kept.stat().st_mode & 0o777 == 0o444
    kept.write_text("")
    place.succeed()
    assert kept.read_text() == (place.folder / "machine-id").read_text()
