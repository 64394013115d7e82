"""What the files of systemd/ promise each other, the application and docs/image.md."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from click.testing import CliRunner

from appliance.cli import cli
from appliance.config import PathSettings
from appliance.panel.boot_message import LONGEST

TREE = Path(__file__).parents[2] / "systemd"
UNITS = TREE / "usr/lib/systemd/system"
DAEMONS = {"printer": UNITS / "polar-printer.service", "agent": UNITS / "polar-agent.service"}
GROUPS = {
    "polar-printer": {"dialout"},
    "polar-agent": {"gpio", "i2c", "spi", "video", "render", "netdev", "systemd-journal"},
}
HARDWARE_LIMIT = 16  # seconds that the Pi's watchdog can count


def lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def values(path: Path, key: str) -> list[str]:
    """Every value that a unit gives to ``key``, in its order."""
    return [line.partition("=")[2] for line in lines(path) if line.startswith(f"{key}=")]


def words(path: Path, key: str) -> set[str]:
    return set(" ".join(values(path, key)).split())


def test_the_hotspots_dns_is_what_the_command_prints() -> None:
    printed = CliRunner().invoke(cli, ["captive-dns"], catch_exceptions=False).output
    file = TREE / "etc/NetworkManager/dnsmasq-shared.d/polar-appliance.conf"
    assert file.read_text(encoding="utf-8") == printed


def test_neither_daemon_is_tied_to_the_other() -> None:
    for unit, other in ((DAEMONS["printer"], "polar-agent"), (DAEMONS["agent"], "polar-printer")):
        assert not [line for line in lines(unit) if f"{other}.service" in line]


@pytest.mark.parametrize("name", DAEMONS)
def test_a_daemon_comes_back_for_ever(name: str) -> None:
    unit = DAEMONS[name]
    assert values(unit, "Restart") == ["always"]
    assert values(unit, "StartLimitIntervalSec") == ["0"]
    # Slower each time, and never so slow that a person would think it is gone.
    first, longest = (int(values(unit, key)[0]) for key in ("RestartSec", "RestartMaxDelaySec"))
    assert first < longest <= 20
    assert int(values(unit, "RestartSteps")[0]) > 1
    assert values(unit, "Type") == ["notify"]
    assert int(values(unit, "WatchdogSec")[0]) >= 30
    assert values(unit, "ExecStart") == [
        f"/opt/polar-appliance/current/bin/python -OO -m appliance {name}"
    ]


@pytest.mark.parametrize("name", DAEMONS)
def test_a_daemon_may_write_where_its_settings_say(name: str) -> None:
    paths = PathSettings()
    assert {paths.state, paths.run} <= words(DAEMONS[name], "ReadWritePaths")
    made = {line.split()[1]: line.split()[2:5] for line in lines(tmpfiles())}
    assert made == {place: ["3770", "root", "polar"] for place in (paths.state, paths.run)}


def tmpfiles() -> Path:
    return TREE / "usr/lib/tmpfiles.d/polar-appliance.conf"


def test_the_printer_daemon_is_before_all_else() -> None:
    printer, agent, own = DAEMONS["printer"], DAEMONS["agent"], UNITS / "printing.slice"
    assert values(printer, "Slice") == [own.name]
    assert int(values(printer, "OOMScoreAdjust")[0]) < 0 < int(values(agent, "OOMScoreAdjust")[0])
    assert int(values(own, "CPUWeight")[0]) > 100 > int(values(agent, "CPUWeight")[0])
    # A reserve counts only up to what the slice above has.
    assert values(printer, "MemoryMin") == values(own, "MemoryMin")
    assert "-" not in own.stem


@pytest.mark.parametrize("name", DAEMONS)
def test_no_class_of_devices_that_may_be_unknown_at_the_start(name: str) -> None:
    """A name is looked up once, when the unit starts; the kernel may learn it later."""
    built_in = {"char-gpiochip", "char-dma_heap"}
    loaded = {"char-media": "modprobe@mc.service"}
    unit = DAEMONS[name]
    for value in values(unit, "DeviceAllow"):
        device, access = value.split()
        assert access == "rw"
        if re.fullmatch(r"char-\d+", device) or device in built_in:
            continue
        assert loaded[device] in words(unit, "Wants") & words(unit, "After")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with Debian's own groups, and our users made by systemd-sysusers."""
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    (etc / "group").write_text(
        "root:x:0:\ndialout:x:20:\nvideo:x:44:\nrender:x:991:\nsystemd-journal:x:999:\n"
    )
    target = tmp_path / "usr/lib/sysusers.d"
    target.mkdir(parents=True)
    shutil.copy(TREE / "usr/lib/sysusers.d/polar-appliance.conf", target)
    command = ["systemd-sysusers", f"--root={tmp_path}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = [line for line in done.stderr.splitlines() if not line.startswith("Creating ")]
    assert not told, told
    return tmp_path


def test_users_have_their_fixed_numbers_and_no_shell(root: Path) -> None:
    rows = [line.split(":") for line in (root / "etc/passwd").read_text().splitlines()]
    users = {row[0]: row for row in rows}
    assert users["polar-printer"][2:4] == ["871", "870"]
    assert users["polar-agent"][2:4] == ["872", "870"]
    assert {users[name][6] for name in GROUPS} == {"/usr/sbin/nologin"}


@pytest.mark.parametrize("name", DAEMONS)
def test_units_and_users_name_the_same_groups(root: Path, name: str) -> None:
    user = f"polar-{name}"
    rows = [line.split(":") for line in (root / "etc/group").read_text().splitlines()]
    assert {row[0] for row in rows if user in row[3].split(",")} == GROUPS[user]
    assert words(DAEMONS[name], "SupplementaryGroups") == GROUPS[user]
    assert (values(DAEMONS[name], "User"), values(DAEMONS[name], "Group")) == ([user], ["polar"])


def test_every_unit_that_can_be_enabled_is_preset() -> None:
    rules = [line.split() for line in lines(preset())]
    for unit in UNITS.iterdir():
        if unit.is_file() and "[Install]" in lines(unit):
            assert first_match(rules, unit.name) == "enable", unit.name


@pytest.mark.parametrize("name", ["ssh.service", "ssh.socket", "apt-daily.timer", "rpcbind.socket"])
def test_what_nobody_asked_for_stays_off(name: str) -> None:
    assert first_match([line.split() for line in lines(preset())], name) == "disable"


def preset() -> Path:
    return TREE / "usr/lib/systemd/system-preset/10-polar-appliance.preset"


def first_match(rules: list[list[str]], name: str) -> str:
    return next(rule[0] for rule in rules if rule[1] == name or fnmatchcase(name, rule[1]))


@pytest.mark.parametrize("key", ["RuntimeWatchdogSec", "RebootWatchdogSec"])
def test_the_hardware_watchdog_is_long_under_either_driver(key: str) -> None:
    """An older driver counts the time modulo 16 s, and is fed every 8."""
    parser = configparser.ConfigParser()
    parser.read(TREE / "usr/lib/systemd/system.conf.d/80-polar-appliance.conf")
    seconds = int(parser["Manager"][key])
    assert seconds >= 60
    assert seconds % HARDWARE_LIMIT > HARDWARE_LIMIT / 2


def test_the_layers_are_there_before_local_file_systems() -> None:
    """By default a service is after local-fs.target, which is after who reads /etc and /var."""
    unit = UNITS / "polar-data.service"
    assert values(unit, "DefaultDependencies") == ["no"]
    assert words(unit, "After") == {"systemd-remount-fs.service"}
    assert {"local-fs.target", "systemd-journal-flush.service"} <= words(unit, "Before")
    assert not list(UNITS.glob("*.mount")), "PID 1 holds the jobs of mount units back"


def test_a_slow_start_of_python_is_no_failed_line_on_the_display() -> None:
    """The program bounds a bus that hangs itself; 1.5 s of a processor are ten on a busy card."""
    unit = UNITS / "polar-boot-message.service"
    assert int(values(unit, "TimeoutStartSec")[0]) >= 10 * LONGEST


def test_three_keys_on_a_keyboard_do_nothing() -> None:
    assert (TREE / "etc/systemd/system/ctrl-alt-del.target").readlink() == Path("/dev/null")
