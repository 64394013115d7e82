"""Real partitions and file systems for the data partition's script, which is cut off on demand."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "systemd/usr/lib/polar-appliance/data-partition"
START, MIB = 12582912, 2048  # sectors
SIZE = 7000  # MiB: 856 of them behind the start
TABLE = """label: dos
label-id: 0xdeadbeef
start=16384, size=1048576, type=c
start=1064960, size=8388608, type=83
"""
TOOLS = ("losetup", "sfdisk", "partx", "mkfs.ext4", "e2fsck", "debugfs", "blkid", "unshare")

LAYERS = ("etc", "var", "home")
STATE = "var/lib/polar-appliance"

# Every step takes a minute; EXPLORE=1 goes through them, else through those that matter most.
ALL = os.environ.get("EXPLORE") == "1"
LEAST = r'^("\$\{SFDISK|partx|mkfs|e2label|mount -t ext4|mv|rm -rf "\$DATA|rm -rf "\$next"$|touch)'
LAYING = r"^(mkdir|mount )"

# Kills the script before its N-th command that changes something.
CUT = r"""
set -T
changes='^("\$\{SFDISK|echo .*> |cat|partx|mkfs|e2label|blockdev --fl|mkdir|mount '
changes+='|install|mv|rm|cp|ch|touch|sync)'
changes=${CUT_BEFORE:-$changes}
step=0
count() {
    if [[ $BASH_COMMAND =~ $changes ]]; then
        step=$((step + 1))
        echo "$step $BASH_COMMAND" >> "$STEPS"
        if ((step == CUT_AT)); then kill -9 $$; fi
    fi
}
trap count DEBUG
"""


def _missing() -> str:
    if os.geteuid() != 0:
        return "partitions are root's work"
    tools = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"not installed: {', '.join(tools)}" if tools else ""


needs_root = pytest.mark.skipif(bool(_missing()), reason=_missing())


def call(*command: object, check: bool = True, given: str = "") -> str:
    done = subprocess.run(
        [str(part) for part in command], input=given, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


class Place:
    """A folder with everything that the script is told to use instead of the machine's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir()
        self.root = folder / "root"
        for name in LAYERS:
            (self.root / name).mkdir(parents=True)
        (folder / "cut").write_text(CUT)
        (folder / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        self.flash("1")

    def flash(self, version: str) -> None:
        (self.folder / "version").write_text(f"{version}\n")

    def mounts(self) -> list[str]:
        """What lies over the root, in the order in which it was mounted."""
        places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        return [place for place in places if Path(place).is_relative_to(self.root)]

    def switch_off(self) -> None:
        for place in reversed(self.mounts()):
            call("umount", place)

    def run(
        self, cut: int = 0, disk: str = "", again: bool = False, before: str = LEAST
    ) -> subprocess.CompletedProcess[str]:
        """A start of the device; with ``again`` of the service alone."""
        if not again:
            self.switch_off()
        steps = self.folder / "steps"
        steps.write_text("")
        given = {
            "POLAR_DISK": disk,
            "POLAR_DATA": self.data,
            "POLAR_ROOT": self.root,
            "POLAR_VERSION_FILE": self.folder / "version",
            "POLAR_PROBLEM": self.folder / "problem",
            "POLAR_MACHINE_ID": self.folder / "machine-id",
            "POLAR_LEDS": self.folder / "leds",
            "BASH_ENV": self.folder / "cut",
            "STEPS": steps,
            "CUT_AT": cut,
            "CUT_BEFORE": "" if ALL else before,
        }
        environment = os.environ | {name: str(value) for name, value in given.items()}
        return subprocess.run(
            [SCRIPT], env=environment, capture_output=True, text=True, check=False
        )

    def succeed(self, disk: str = "") -> None:
        done = self.run(disk=disk)
        assert done.returncode == 0, done.stderr
        assert not (self.folder / "problem").exists()

    def problem(self) -> list[str]:
        return (self.folder / "problem").read_text().splitlines()


class Card(Place):
    """A card as it comes from the image, in a loop device."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.image = folder / "card.img"
        self.loop = ""
        self.insert(SIZE)

    @property
    def partition(self) -> str:
        return f"{self.loop}p3"

    def insert(self, size: int = 0, table: str = TABLE) -> None:
        """Put it in; ``size`` MiB large and flashed with ``table``, when that is given."""
        if size:
            with self.image.open("ab") as file:
                file.truncate(size << 20)
            call("sfdisk", "-q", self.image, given=table)
        self.loop = call("losetup", "--partscan", "--show", "-f", self.image).strip()
        call("partx", "--add", self.loop, check=False)  # what a start of the kernel does

    def switch_off(self) -> None:
        super().switch_off()
        if self.mounted:
            call("umount", self.data)

    def pull(self) -> None:
        self.switch_off()
        call("losetup", "-d", self.loop)

    @property
    def mounted(self) -> bool:
        return os.path.ismount(self.data)

    def start(self, cut: int = 0) -> subprocess.CompletedProcess[str]:
        return self.run(cut, disk=self.loop)

    def works(self) -> None:
        self.succeed(self.loop)

    def table(self) -> str:
        return call("sfdisk", "--dump", self.loop)


@contextmanager
def a_card() -> Iterator[Card]:
    # In memory where there is some: it is flushed to the disk often.
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=base) as folder:
        try:
            card = Card(Path(folder))
        except AssertionError as error:
            pytest.skip(f"no loop devices with partitions: {error}")
        try:
            yield card
        finally:
            card.pull()


@contextmanager
def a_place(folder: Path) -> Iterator[Place]:
    """One whose data partition is in memory, and mounted already."""
    place = Place(folder)
    call("mount", "-t", "tmpfs", "tmpfs", place.data)
    try:
        yield place
    finally:
        place.switch_off()
        call("umount", place.data)
