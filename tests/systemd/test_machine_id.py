"""The machine's id goes into a read-only root once, and nothing else does."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[2] / "systemd/usr/lib/polar-appliance/data/machine_id.bash"
PID_1, KEPT = "aaaabbbbccccddddeeeeffff00001111", "0123456789abcdef0123456789abcdef"

# A root of its own: an ext4 image, read-only, with the machine's own /usr. In a mount namespace,
# so that nothing of it is left over.
SET_UP = """
set -euo pipefail
mount --make-rprivate /
loop=$(losetup --show -f "$FOLDER/root.img")
trap 'losetup -d "$loop"' EXIT
root=$FOLDER/root
mount -o ro "$loop" "$root"
mount --bind /usr "$root/usr"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/data"
mkdir -p "$root/data/system/etc"
cp "$LIBRARY" "$root/run/library"
if [[ -n $KEPT ]]; then echo "$KEPT" > "$root/data/system/etc/machine-id"; fi
if [[ -n $PID_1 ]]; then
    echo "$PID_1" > "$root/run/machine-id"
    mount --bind "$root/run/machine-id" "$root/etc/machine-id"
fi
chroot "$root" /bin/bash -euc '
    DATA=/data MACHINE_ID=/etc/machine-id
    . /run/library
    systemctl() { echo "called: $*"; }
    carry_machine_id
    echo "seen: $(cat /etc/machine-id)"
    echo "kept: $(cat /data/system/etc/machine-id)"
    if touch /etc/other 2> /dev/null; then echo "still writable"; fi
'
umount -l "$root"
mount -o ro "$loop" "$root"
echo "root: $(cat "$root/etc/machine-id"), $(ls -A "$root/etc" | tr '\\n' ' ')"
umount "$root"
"""

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting is root's work"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="needs unshare"),
]


def start(folder: Path, written: str, kept: str, pid_1: str) -> str:
    """A start whose root holds ``written``, on what an earlier one kept; what was seen."""
    tree, root = folder / "tree", folder / "root"
    for name in ("etc", "usr", "proc", "dev", "run", "data"):
        (tree / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (tree / name).symlink_to(f"usr/{name}")
    (tree / "etc/machine-id").write_text(f"{written}\n")
    root.mkdir()
    image = folder / "root.img"
    with image.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-d", tree, image], check=True)
    given = {"FOLDER": folder, "LIBRARY": LIBRARY, "KEPT": kept, "PID_1": pid_1}
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", SET_UP],
        env=os.environ | {name: str(value) for name, value in given.items()},
        capture_output=True,
        text=True,
        check=False,
    )
    if "losetup" in done.stderr:
        pytest.skip(f"no loop device: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_id_is_kept_and_written_once(tmp_path: Path) -> None:
    assert start(tmp_path, "uninitialized", "", PID_1).splitlines() == [
        f"seen: {PID_1}",
        f"kept: {PID_1}",
        f"root: {PID_1}, machine-id ",
    ]


def test_a_card_that_was_flashed_again_gets_its_old_id_at_once(tmp_path: Path) -> None:
    assert start(tmp_path, "uninitialized", KEPT, PID_1).splitlines() == [
        "called: restart systemd-journald.service",
        f"seen: {KEPT}",
        f"kept: {KEPT}",
        f"root: {KEPT}, machine-id ",
    ]


def test_every_later_start_changes_nothing(tmp_path: Path) -> None:
    assert start(tmp_path, KEPT, KEPT, "").splitlines() == [
        f"seen: {KEPT}",
        f"kept: {KEPT}",
        f"root: {KEPT}, machine-id ",
    ]


def test_data_that_was_lost_take_the_roots_id(tmp_path: Path) -> None:
    assert start(tmp_path, KEPT, "", "").splitlines() == [
        f"seen: {KEPT}",
        f"kept: {KEPT}",
        f"root: {KEPT}, machine-id ",
    ]
