"""What the journal is sent: the fields of each record, the job under way, and no secret."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from appliance.host.journal import Fields, JournalHandler, component
from appliance.web.redact import redact


class Journal:
    """Stands for systemd.journal.send."""

    def __init__(self) -> None:
        self.entries: list[dict[str, object]] = []

    def send(self, message: str, **fields: object) -> None:
        for name, value in fields.items():
            assert name.isupper(), name
            assert isinstance(value, int if name == "CODE_LINE" else str), (name, value)
        self.entries.append({"MESSAGE": message, **fields})


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def fields() -> Fields:
    return Fields(unit="polar-printer.service", clean=redact)


@pytest.fixture
def log(journal: Journal, fields: Fields) -> Iterator[logging.Logger]:
    """A logger of the printer's room whose records go to the journal alone."""
    logger = logging.getLogger("appliance.printer.test_journal")
    handler = JournalHandler(journal.send, fields)
    logger.addHandler(handler)
    logger.propagate, level = False, logger.level
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.removeHandler(handler)
    logger.propagate = True
    logger.setLevel(level)


def test_a_record_with_all_its_fields(
    journal: Journal, fields: Fields, log: logging.Logger
) -> None:
    job = ["P3D1-42"]
    fields.job = lambda: job[0]
    log.warning("printer: %s", "Error:checksum")
    job[0] = ""
    log.info("idle")
    first, second = journal.entries
    assert isinstance(first.pop("CODE_LINE"), int)
    assert first == {
        "MESSAGE": "printer: Error:checksum",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "polar-appliance",
        "LOGGER": "appliance.printer.test_journal",
        "COMPONENT": "printer",
        "UNIT": "polar-printer.service",
        "JOB_ID": "P3D1-42",
        "THREAD_NAME": "MainThread",
        "CODE_FILE": __file__,
        "CODE_FUNC": "test_a_record_with_all_its_fields",
    }
    assert "JOB_ID" not in second


def test_a_line_about_a_job_that_has_just_ended_names_it(
    journal: Journal, log: logging.Logger
) -> None:
    log.info("completed", extra={"job_id": "P3D1-42"})
    assert journal.entries[0]["JOB_ID"] == "P3D1-42"


@pytest.mark.parametrize(
    ("level", "priority"),
    [(10, "7"), (15, "7"), (20, "6"), (30, "4"), (35, "4"), (40, "3"), (50, "2")],
)
def test_levels(journal: Journal, log: logging.Logger, level: int, priority: str) -> None:
    log.log(level, "x")
    assert journal.entries[0]["PRIORITY"] == priority


@pytest.mark.parametrize(
    ("logger", "name"),
    [
        ("appliance.cloud.client", "cloud"),
        ("appliance.daemon", "daemon"),
        ("appliance", "appliance"),
        ("aiohttp.web.access", "aiohttp"),
        ("root", "root"),
    ],
)
def test_components(logger: str, name: str) -> None:
    assert component(logger) == name


def test_no_secret_in_any_field(journal: Journal, log: logging.Logger) -> None:
    """Neither in the text, nor in the arguments beside it, nor in a traceback."""
    form = {"policy": "cG9saWN5", "X-Amz-Signature": "5f3a" * 16, "key": "uploads/1.jpg"}
    log.info("form %s", form)
    log.error("pin=%s for %s", "90817263", "owner@example.com")
    log.info("join %r", {"ssid": "Home", "psk": "correct horse battery"})
    log.info("-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\n-----END PRIVATE KEY-----")
    try:
        raise ValueError("https://store/x?X-Amz-Signature=" + "ab" * 32)
    except ValueError:
        log.exception("upload")
    said = str(journal.entries)
    assert "Traceback" in said
    assert "upload" in said
    for secret in ("cG9saWN5", "5f3a5f3a", "90817263", "correct horse", "MIIEvQ", "abababab"):
        assert secret not in said, secret


def test_a_journal_that_fails_does_not_fail_who_logs(
    fields: Fields, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_message: str, **_fields: object) -> None:
        raise OSError("no socket")

    record = logging.LogRecord("appliance.x", 20, __file__, 1, "hello", None, None)
    JournalHandler(broken, fields).handle(record)
    assert "no socket" in capsys.readouterr().err
