"""Restarting and switching off, with a systemctl that only writes down what it was asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.host.power import PowerAction, PowerError, SystemPower


def program(folder: Path, body: str) -> str:
    path = folder / "systemctl"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("action", "verb"), [(PowerAction.REBOOT, "reboot"), (PowerAction.SHUTDOWN, "poweroff")]
)
async def test_the_verb_reaches_systemctl(tmp_path: Path, action: PowerAction, verb: str) -> None:
    fake = program(tmp_path, f'echo "$@" > {tmp_path}/asked')
    await SystemPower(fake).request(action)
    assert (tmp_path / "asked").read_text().split() == ["--no-ask-password", verb]


async def test_a_refusal_says_why(tmp_path: Path) -> None:
    fake = program(tmp_path, 'echo "Access denied" >&2; exit 1')
    with pytest.raises(PowerError, match="Access denied"):
        await SystemPower(fake).request(PowerAction.REBOOT)


async def test_no_systemd_at_all(tmp_path: Path) -> None:
    with pytest.raises(PowerError, match="by hand"):
        await SystemPower(str(tmp_path / "missing")).request(PowerAction.REBOOT)
