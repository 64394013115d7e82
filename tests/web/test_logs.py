"""The log to download."""

from __future__ import annotations

import logging
import os
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from appliance.web import logs as module
from appliance.web.logs import LINE, LINES, Logs, Ring, has_journal
from tests.web.local_world import SECRET, World, served


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with served(tmp_path) as one:
        yield one


def journal(code: str) -> tuple[str, ...]:
    """A program in the journal's place."""
    return (sys.executable, "-c", code)


def logger_with(ring: Ring) -> logging.Logger:
    logger = logging.Logger("appliance.test")
    logger.addHandler(ring)
    return logger


async def test_the_log_is_downloaded_without_secrets(world: World) -> None:
    logger = logger_with(world.ring)
    logger.warning("joined with %s", SECRET)
    logger.warning('register {"email": "owner@example.com", "pin": "4711"}')
    async with world.browser() as http, http.get("/logs") as answer:
        assert answer.content_type == "text/plain"
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="polar-')
        text = await answer.text()
    assert text.startswith("Polar Appliance ")
    assert "joined with (removed)" in text
    for secret in (SECRET, "4711", "owner@"):
        assert secret not in text
    async with world.stranger() as http, http.get("/logs") as answer:
        assert answer.status == 403


def test_memory_keeps_the_last_lines_and_long_ones_in_part() -> None:
    ring = Ring()
    logger = logger_with(ring)
    for number in range(LINES + 10):
        logger.info("line %d", number)
    logger.info("x" * 5000)
    lines = ring.text().splitlines()
    assert len(lines) == LINES
    assert "line 10" not in ring.text().split("line 11")[0]
    assert len(lines[-1]) == LINE


def test_a_traceback_is_kept_line_by_line() -> None:
    ring = Ring()
    try:
        raise ValueError("here")
    except ValueError:
        logger_with(ring).exception("it failed")
    assert "ValueError: here" in ring.text().splitlines()


def test_a_record_that_cannot_be_written_fails_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    ring = Ring()
    logger_with(ring).info("%d", "no number")
    assert ring.text() == "\n"
    assert "no number" in capsys.readouterr().err


async def test_the_journal_is_read_and_cleaned() -> None:
    code = f"print('h polar-agent[1]: psk={SECRET}'); print('Grüße')"
    text = await Logs(lambda: [], None, journal(code)).text()
    assert text.splitlines()[1:] == ["h polar-agent[1]: psk=(removed)", "Grüße"]


async def test_of_a_huge_journal_the_last_lines_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 100_000)
    code = "for n in range(10_000): print(n, 'a line of the journal ' * 3)"
    text = await Logs(lambda: [], None, journal(code)).text()
    lines = text.splitlines()
    assert 90_000 < len(text.encode()) <= 100_100
    assert lines[-1].startswith("9999 ")
    assert all(line.split()[1:3] == ["a", "line"] for line in lines[1:])


async def test_a_journal_that_hangs_or_is_missing_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "TIME_LIMIT", 2.0)
    pid = tmp_path / "pid"
    code = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    hanging = Logs(lambda: [], None, journal(code))
    assert "in time" in await hanging.text()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
    missing = Logs(lambda: [], None, ["/nowhere/journalctl"])
    assert "cannot be read" in await missing.text()


def test_there_is_a_journal_only_for_what_systemd_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    assert not has_journal()
    monkeypatch.setenv("JOURNAL_STREAM", "8:1234")
    assert has_journal()
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert not has_journal()


def test_the_journal_is_asked_for_all_our_units() -> None:
    assert "--unit=polar-*" in shlex.join(module.JOURNAL)
