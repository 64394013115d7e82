"""What stands in docs/image.md, looked at from inside: who may do what, and what is open."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from image.vm.container.conftest import Figure
from image.vm.container.machine import Container, run

DAEMONS = ("polar-printer", "polar-agent")
MOST_EXPOSED = 2.0  # of 10, systemd-analyze security
OWN_PART = 120_000_000  # bytes on the disk
MEMORY = 100_000_000  # bytes, all our units


@pytest.mark.parametrize("daemon", DAEMONS)
def test_sandbox(appliance: Container, figure: Figure, daemon: str) -> None:
    """systemd's own judgement of what each daemon could do if it were taken over."""
    report = appliance.out("systemd-analyze", "security", "--no-pager", f"{daemon}.service")
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", report)
    assert found, report
    figure(f"systemd-analyze security {daemon}: {found[1]}")
    assert float(found[1]) <= MOST_EXPOSED, report


def test_users_and_groups(appliance: Container) -> None:
    """Each daemon is its own user, with fixed numbers and just the groups it needs."""
    assert appliance.out("getent", "group", "polar").split(":")[2] == "870"
    printer = appliance.out("id", "polar-printer")
    assert printer.startswith("uid=871(polar-printer) gid=870(polar)"), printer
    agent = appliance.out("id", "polar-agent")
    assert agent.startswith("uid=872(polar-agent) gid=870(polar)"), agent
    groups = set(appliance.out("id", "-nG", "polar-printer").split())
    assert groups == {"polar", "dialout"}
    groups = set(appliance.out("id", "-nG", "polar-agent").split())
    assert groups == {"polar", "gpio", "i2c", "spi", "video", "render", "netdev", "systemd-journal"}
    for daemon in DAEMONS:
        process = appliance.prop(f"{daemon}.service", "MainPID")
        assert appliance.out("stat", "-c", "%U %G", f"/proc/{process}") == f"{daemon} polar"


def test_nobody_can_log_in_with_a_password(appliance: Container) -> None:
    """No account has one, and neither daemon's account has a shell."""
    for line in appliance.out("cat", "/etc/shadow").splitlines():
        name, secret = line.split(":")[:2]
        assert secret.startswith(("!", "*")), name
    for line in appliance.out("cat", "/etc/passwd").splitlines():
        if line.startswith("polar-"):
            assert line.endswith(("/nologin", "/false")), line


PLACES = {
    "/etc/polar-appliance/config.toml": "root root 644",
    "/var/lib/polar-appliance": "root polar 3770",
    "/run/polar-appliance": "root polar 3770",
    "/run/polar-appliance/printer.sock": "polar-printer polar 660",
    "/run/polar-appliance/agent.sock": "polar-agent polar 660",
    "/opt/polar-appliance/current/": "root root 755",
    "/var/lib/polar-appliance/identity.json": "polar-agent polar 600",
    "/data/system": "root root 700",
}


@pytest.mark.parametrize(("place", "expected"), PLACES.items())
def test_owner_and_mode(appliance: Container, place: str, expected: str) -> None:
    """As docs/image.md has them."""
    assert appliance.out("stat", "-L", "-c", "%U %G %a", place) == expected


def test_own_files_belong_to_root_and_only_root_may_write(own: Path) -> None:
    """What the stage lays onto the root."""
    wrong = [
        str(path.relative_to(own))
        for part in ("opt/polar-appliance", "usr/lib/polar-appliance", "usr/lib/systemd")
        for path in (own / part).rglob("*")
        if not path.is_symlink()
        and (path.lstat().st_uid, path.lstat().st_gid, path.lstat().st_mode & 0o22) != (0, 0, 0)
    ]
    assert not wrong


def test_nobody_becomes_root_through_the_encoder(appliance: Container) -> None:
    """GStreamer's helper for PTP is setuid, or has capabilities; here nobody may start it."""
    find = ("find", "/usr/lib", "-xdev", "-name", "gst-ptp-helper", "-printf", "%m\\n")
    assert appliance.out(*find).strip() == "644"


def test_no_other_port_is_open(appliance: Container) -> None:
    """Our page, mDNS, and the client's end of DHCP; no SSH."""
    lines = _sockets(appliance, "-lntup")
    found = set()
    for line in lines:
        kind, _, _, _, local = line.split()[:5]
        name = re.search(r'\("([^"]+)"', line)
        found.add((kind, int(local.rsplit(":", 1)[1]), name[1] if name else line))
    assert ("tcp", 80, "python") in found, lines
    expected = {("tcp", 80, "python"), ("udp", 5353, "avahi-daemon"), ("udp", 68, "NetworkManager")}
    # Avahi asks from a port of its own choice, too.
    rest = {one for one in found - expected if not (one[0] == "udp" and one[2] == "avahi-daemon")}
    assert not rest, lines


def _sockets(container: Container, *options: str) -> list[str]:
    command = ["nsenter", f"--target={container.pid}", "--net", "ss", "-H", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_root_is_read_only(appliance: Container) -> None:
    """Nobody writes to the root, not even root; /etc, /var and /home take changes."""
    for place in ("/usr", "/opt/polar-appliance", "/boot", "/root"):
        done = appliance.run("touch", f"{place}/written", check=False)
        assert "Read-only file system" in done.stderr, (place, done.stderr)
    for place in ("/etc", "/var/lib", "/home"):
        appliance.run("touch", f"{place}/written")
        appliance.run("rm", f"{place}/written")


def test_own_part_is_small(own: Path, figure: Figure) -> None:
    """Application, wheels, units: all that the stage adds to the packages."""
    size = int(run("du", "--summarize", "--block-size=1", own).split()[0])
    parts = run("du", "--block-size=M", "--max-depth=2", own).split()
    largest = sorted(zip(parts[::2], parts[1::2], strict=True), key=lambda one: -int(one[0][:-1]))
    shown = ", ".join(f"{Path(path).relative_to(own)} {much}" for much, path in largest[1:6])
    figure(f"own part on the root: {size / 1e6:.1f} MB ({shown})")
    assert size < OWN_PART


def test_memory_when_idle(appliance: Container, figure: Figure) -> None:
    """What all processes of our units hold, what they share counted once between them.

    Each file's pages that several of our processes map count once (the largest share); whether
    other programs map them, too, does not make them less.
    """
    private, shared = 0, dict[str, int]()
    for process in _own_processes(appliance):
        own, files = _memory(appliance.out("cat", f"/proc/{process}/smaps"))
        private += own
        for name, size in files.items():
            shared[name] = max(shared.get(name, 0), size)
    total = private + sum(shared.values())
    figure(
        f"memory of our units, idle: {total / 1e6:.1f} MB "
        f"(of their own {private / 1e6:.1f}, of files {sum(shared.values()) / 1e6:.1f})"
    )
    assert total < MEMORY


def _own_processes(container: Container) -> list[str]:
    found = []
    for daemon in DAEMONS:
        group = container.prop(f"{daemon}.service", "ControlGroup")
        found += container.out(
            "find", f"/sys/fs/cgroup{group}", "-name", "cgroup.procs", "-exec", "cat", "{}", "+"
        ).split()
    assert len(found) >= 2
    return found


def _memory(smaps: str) -> tuple[int, dict[str, int]]:
    """(bytes of the process's own, bytes of each mapped file that are clean)."""
    private, files, name = 0, dict[str, int](), ""
    for line in smaps.splitlines():
        words = line.split()
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            name = f"{words[5]}@{words[2]}" if words[4] != "0" else ""
        elif words[0] == "Rss:":
            rss = int(words[1]) * 1024
        elif words[0] == "Anonymous:":
            anonymous = int(words[1]) * 1024
            private += anonymous
            if name:
                files[name] = files.get(name, 0) + rss - anonymous
            else:
                private += rss - anonymous
    return private, files
