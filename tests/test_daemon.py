"""How a daemon is asked for, and that nothing is loaded that it does not need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.daemon import Asked, asked


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["agent"], Asked("agent")),
        (["--config", "a b.toml", "printer"], Asked("printer", Path("a b.toml"))),
        (["--verbose", "--config", "c", "agent"], Asked("agent", Path("c"), True)),
        (["first-boot"], Asked("first-boot")),
        (["--config", "c", "boot-message"], Asked("boot-message", Path("c"))),
        ([], None),
        (["--config", "agent"], None),
        (["--config"], None),
        (["--help"], None),
        (["agent", "--help"], None),
        (["status"], None),
        (["--config", "c", "status"], None),
    ],
)
def test_what_is_asked_for(arguments: list[str], wanted: Asked | None) -> None:
    assert asked(arguments) == wanted


@pytest.mark.parametrize("name", ["printer", "agent"])
def test_a_wrong_setting_is_said_in_one_line(name: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text("[panel]\ndisplay = 'paper'\n")
    ended = subprocess.run(
        [sys.executable, "-m", "appliance", "--config", str(file), name],
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"Error: {file}: panel.display: Expected one of")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "foreign"),
    [
        ("printer", "click PIL luma gpiozero segno smbus2 ssl _hashlib socketio cryptography"),
        ("agent", "click PIL luma gpiozero segno smbus2 cryptography"),
    ],
)
def test_what_a_daemon_does_not_load(name: str, foreign: str) -> None:
    code = f"""
import sys
from appliance import config, daemon
config.load = lambda file, forgiving: asyncio_is_not_started()
try:
    daemon.start(daemon.Asked({name!r}))
except NameError:
    pass
print(*[name for name in {foreign.split()!r} if sys.modules.get(name) is not None])
"""
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert loaded.stdout.strip() == ""


FAILING = """
import sys, types
from appliance import daemon
from appliance.agent import main
from appliance.errors import ApplianceError

journal = types.ModuleType("systemd.journal")
journal.send = lambda message, **fields: print(fields["PRIORITY"], fields["UNIT"], message)
sys.modules["systemd"] = types.ModuleType("systemd")
sys.modules["systemd.journal"] = journal

async def run(settings, fields):
    {how}

main.run = run
daemon.main(daemon.Asked("agent"))
"""
SECRET = "correct horse battery"
ENDS = {
    "group": f"raise ExceptionGroup('parts', [ValueError('password={SECRET}')])",
    "ours": f"raise ApplianceError('It is password={SECRET}.')",
    "thread": (
        "import threading; one = threading.Thread(target=lambda: int('password="
        f"{SECRET}')); one.start(); one.join(); sys.exit(1)"
    ),
}


@pytest.mark.parametrize("how", ENDS)
def test_what_ends_a_daemon_is_in_the_journal_without_secrets(how: str, tmp_path: Path) -> None:
    environment = os.environ | {"JOURNAL_STREAM": "8:1", "HOME": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", FAILING.format(how=ENDS[how])],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert ended.returncode == 1
    assert ended.stderr == "", "nothing goes past the handler that takes secrets out"
    assert ended.stdout.startswith("2 polar-agent.service ")
    assert "(removed)" in ended.stdout
    assert SECRET not in ended.stdout
    assert ("Traceback" in ended.stdout) is (how != "ours")


def test_an_errand_without_a_display_ends_well(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"[paths]\nstate = '{tmp_path}'\n")
    timed = [sys.executable, "-X", "importtime"]
    ended = subprocess.run(
        [*timed, "-m", "appliance", "--config", str(file), "boot-message"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert ended.stdout == ""
    for heavy in ("luma", "PIL", "smbus2", "aiohttp"):
        assert f" {heavy}\n" not in ended.stderr, "a start without a display is not held up"
