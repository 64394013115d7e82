"""A card for the emulated machine: an overlay upon the image that a person would flash."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
NOW = TOP / ".vm/now"
MIB = 1024 * 1024
BOOT_START, BOOT_SIZE = 8 * MIB, 512 * MIB
ROOT_START, ROOT_SIZE = 520 * MIB, 4096 * MIB
DATA_START, DATA_SIZE = 6144 * MIB, 2048 * MIB
CHUNK = 64 * 1024
MENDED = 1  # the code of e2fsck and fsck.fat when they corrected something


def run(*command: str | Path) -> str:
    """The output of a program of this machine. Raises AssertionError with its complaint."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{command}: {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


@dataclass(frozen=True)
class Card:
    """The file of an overlay; what lies below it is never written."""

    path: Path

    @classmethod
    def flashed(cls, path: Path, boot_file: str | None = None, image: str = "card") -> Card:
        """A card as the writing program leaves it, with ``boot_file`` as polar-appliance.toml."""
        base = (NOW / image / "card.img").resolve()
        _make(path, base, "raw")
        card = cls(path)
        if boot_file is not None:
            card._write_boot_file(base.with_name("boot.img"), boot_file)
        return card

    @classmethod
    def over(cls, path: Path, whole: Path) -> Card:
        """A card upon a raw file."""
        _make(path, whole, "raw")
        return cls(path)

    def _write_boot_file(self, boot: Path, text: str) -> None:
        """Only the parts of the file system that differ go into the overlay."""
        changed = self.path.with_suffix(".boot")
        settings = self.path.with_suffix(".toml")
        settings.write_text(text)
        run("cp", "--sparse=always", boot, changed)
        run("mcopy", "-o", "-i", changed, settings, "::polar-appliance.toml")
        self._write(changed, BOOT_START, list(differences(boot, changed)))
        changed.unlink()
        settings.unlink()

    def _write(self, source: Path, start: int, offsets: list[int]) -> None:
        """``offsets`` of ``source``, a chunk each, to the place ``start`` of the card."""
        part = self.path.with_suffix(".part")
        for offset in offsets:
            with source.open("rb") as file:
                file.seek(offset)
                part.write_bytes(file.read(CHUNK))
            order = f"write -s {part} {start + offset} {CHUNK}"
            run("qemu-io", "-f", "qcow2", "-c", order, self.path)
        part.unlink(missing_ok=True)

    def partition(self, to: Path, start: int, size: int) -> Path:
        """A copy of a part of the card, as a raw file."""
        source = (
            f"driver=raw,offset={start},size={size},file.driver=qcow2,"
            f"file.file.driver=file,file.file.filename={self.path}"
        )
        run("qemu-img", "convert", "--image-opts", source, "-O", "raw", to)
        return to

    def raw(self, to: Path) -> Path:
        """The whole card as a raw file."""
        run("qemu-img", "convert", "-O", "raw", self.path, to)
        return to

    def boot_file(self, work: Path) -> str:
        """What polar-appliance.toml says once the next start's check has mended the FAT."""
        part = self.partition(work / "boot.img", BOOT_START, BOOT_SIZE)
        _mend("fsck.fat", "-a", part)
        told = run("mtype", "-i", part, "::polar-appliance.toml")
        part.unlink()
        return told

    def _differs(self, start: int, size: int) -> bool:
        """Whether anything was written there since the card was flashed."""
        told = json.loads(run("qemu-img", "map", "--output=json", self.path))
        return any(
            not piece["depth"]
            and piece["start"] < start + size
            and start < piece["start"] + piece["length"]
            for piece in told
        )

    def check(self, work: Path) -> None:
        """Both ext4 file systems are sound but for what every start mends without asking.

        That is the journal, and the totals that the kernel counts anew whenever it mounts.
        Raises AssertionError with what fsck says.
        """
        for start, size in ((ROOT_START, ROOT_SIZE), (DATA_START, DATA_SIZE)):
            if not self._differs(start, size):  # the very bytes that were flashed
                continue
            part = self.partition(work / "part.img", start, size)
            if start == ROOT_START or has_ext4(part):  # else cut off before it was made
                _mend("e2fsck", "-f", "-p", part)
                run("e2fsck", "-f", "-n", part)
            part.unlink()


def _mend(*command: str | Path) -> None:
    """Let a checker mend what it does without asking. Raises AssertionError for anything else."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode in (0, MENDED), done.stdout


def has_ext4(part: Path) -> bool:
    """Whether a finished file system of ours lies in the file."""
    command = ["blkid", "--probe", "--match-tag", "LABEL", "--output", "value", str(part)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() == "polar-data"


def _make(path: Path, below: Path, form: str) -> None:
    path.unlink(missing_ok=True)
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", below, "-F", form, path)


def differences(old: Path, new: Path) -> Iterator[int]:
    """Where a chunk of ``new`` is not that of ``old``: offsets in bytes."""
    with old.open("rb") as one, new.open("rb") as other:
        for number in range(old.stat().st_size // MIB):
            first, second = one.read(MIB), other.read(MIB)
            if first != second:
                for offset in range(0, MIB, CHUNK):
                    if first[offset : offset + CHUNK] != second[offset : offset + CHUNK]:
                        yield number * MIB + offset
