"""Every check says what it found and what to do, and none of them ends the others."""

from __future__ import annotations

import os
import pty
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance import doctor
from appliance.doctor import CHECKS, Finding, Verdict, examine

Config = Callable[..., Path]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Writes a settings file; sections as keyword arguments."""

    def write(**sections: str) -> Path:
        sections.setdefault("cloud", 'url = "http://127.0.0.1:9"')
        sections.setdefault("paths", f'state = "{tmp_path}/state"\nrun = "{tmp_path}/run"')
        path = tmp_path / "config.toml"
        path.write_text("".join(f"[{name}]\n{text}\n" for name, text in sections.items()))
        return path

    return write


def found(file: Path, subject: str) -> Finding:
    [finding] = [one for one in examine(file) if one.subject == subject]
    return finding


@pytest.fixture(autouse=True)
def no_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """GStreamer is asked in its own test alone."""
    monkeypatch.setattr(doctor, "ELEMENTS", ())


def test_all_checks_are_made_and_each_problem_has_a_remedy(config: Config) -> None:
    findings = list(examine(config(printer='port = "/dev/ttyMissing"')))
    assert [one.subject for one in findings] == ["settings", *CHECKS]
    for one in findings:
        assert one.text
        assert one.remedy or one.verdict is not Verdict.BAD


def test_wrong_settings_are_the_only_finding(config: Config) -> None:
    [finding] = examine(config(printer="bauds = 9600"))
    assert finding.verdict is Verdict.BAD
    assert "bauds" in finding.text
    assert finding.remedy


def test_a_check_that_cannot_be_made_is_a_finding(config: Config, tmp_path: Path) -> None:
    (tmp_path / "state" / "identity.json").mkdir(parents=True)
    findings = list(examine(config()))
    assert findings[-1].subject == "services", "the checks after it are made too"
    finding = next(one for one in findings if one.subject == "registration")
    assert finding.verdict is Verdict.BAD
    assert "identity.json" in finding.text


# --- the state folder and the clock --------------------------------------------------------


def test_the_state_folder(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = config()
    assert "free" in found(file, "state folder").text
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=5e6))
    finding = found(file, "state folder")
    assert (finding.verdict, "only 5 MB" in finding.text) == (Verdict.BAD, True)
    monkeypatch.setattr("os.access", lambda *_: False)
    assert "cannot be written" in found(file, "state folder").text
    (tmp_path / "file").write_text("")
    blocked = config(paths=f'state = "{tmp_path}/file/state"\nrun = "{tmp_path}/run"')
    assert found(blocked, "state folder").verdict is Verdict.BAD


def test_a_clock_that_cannot_be_right(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found(config(), "clock").verdict is Verdict.GOOD
    monkeypatch.setattr("time.time", lambda: 86_400.0)
    finding = found(config(), "clock")
    assert (finding.verdict, "network" in finding.remedy) == (Verdict.BAD, True)
    assert "waits for the time" in finding.text


# --- the port ------------------------------------------------------------------------------


@pytest.fixture
def serial_port() -> Iterator[str]:
    master, slave = pty.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def port(config: Config, name: str) -> Finding:
    return found(config(printer=f'port = "{name}"'), "printer port")


def test_ports_by_name(
    config: Config, serial_port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert port(config, serial_port) == Finding("printer port", Verdict.GOOD, serial_port)
    assert port(config, "socket://printer:23").verdict is Verdict.GOOD
    missing = port(config, "/dev/ttyMissing")
    assert (missing.verdict, missing.text) == (Verdict.BAD, "/dev/ttyMissing is not there")
    assert "correct [printer] port" in missing.remedy
    (tmp_path / "file").write_text("")
    assert "no serial port" in port(config, str(tmp_path / "file")).text
    monkeypatch.setattr("os.access", lambda path, _: path != serial_port)
    locked = port(config, serial_port)
    assert (locked.verdict, "dialout" in locked.remedy) == (Verdict.BAD, True)


def test_ports_that_are_looked_for(
    config: Config, serial_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports: list[str] = []
    monkeypatch.setattr(doctor, "_serial_ports", lambda: ports)
    finding = port(config, "auto")
    assert (finding.verdict, "USB cable" in finding.remedy) == (Verdict.BAD, True)
    ports.append(serial_port)
    assert port(config, "auto") == Finding("printer port", Verdict.GOOD, serial_port)


# --- camera and video ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "device", "installed", "verdict"),
    [
        ("none", "/dev/null", True, Verdict.NOTE),
        ("synthetic", "/dev/null", True, Verdict.NOTE),
        ("v4l2", "/dev/null", False, Verdict.GOOD),
        ("v4l2", "/dev/videoMissing", True, Verdict.BAD),
        ("picamera2", "/dev/null", True, Verdict.GOOD),
        ("picamera2", "/dev/null", False, Verdict.BAD),
        ("auto", "/dev/videoMissing", False, Verdict.NOTE),
        ("auto", "/dev/videoMissing", True, Verdict.GOOD),
        ("auto", "/dev/null", False, Verdict.GOOD),
    ],
)
def test_the_camera(
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    device: str,
    installed: bool,
    verdict: Verdict,
) -> None:
    monkeypatch.setattr(doctor, "_has_picamera2", lambda: installed)
    file = config(camera=f'source = "{source}"\ndevice = "{device}"')
    assert found(file, "camera").verdict is verdict


def test_gstreamer(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inspect = tmp_path / "gst-inspect-1.0"
    inspect.write_text('#!/bin/sh\ntest "$2" != mp4mux\n')
    inspect.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda _: str(inspect))
    monkeypatch.setattr(doctor, "ELEMENTS", ("x264enc",))
    assert found(config(), "time-lapse").verdict is Verdict.GOOD
    monkeypatch.setattr(doctor, "ELEMENTS", ("x264enc", "mp4mux"))
    assert found(config(), "time-lapse").text == "missing: mp4mux"
    monkeypatch.setattr("shutil.which", lambda _: None)
    finding = found(config(), "time-lapse")
    assert (finding.verdict, "apt install" in finding.remedy) == (Verdict.BAD, True)


# --- the cloud -----------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[int]:
    """Takes connections and answers each with a few words that are no TLS."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def cloud(config: Config, url: str, more: str = "") -> Finding:
    return found(config(cloud=f'url = "{url}"\n{more}'), "cloud")


def test_the_cloud(config: Config, server: int, tmp_path: Path) -> None:
    assert cloud(config, f"http://127.0.0.1:{server}").verdict is Verdict.GOOD
    refused = cloud(config, "http://127.0.0.1:9")
    assert (refused.verdict, "firewall" in refused.remedy) == (Verdict.BAD, True)
    no_tls = cloud(config, f"https://127.0.0.1:{server}")
    assert (no_tls.verdict, "clock" in no_tls.remedy) == (Verdict.BAD, True)
    wrong_file = cloud(config, f"https://127.0.0.1:{server}", f'ca_file = "{tmp_path}/none.pem"')
    assert (wrong_file.verdict, "ca_file" in wrong_file.remedy) == (Verdict.BAD, True)
    assert "none.pem" in wrong_file.text


def test_a_cloud_of_unknown_name(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(address: tuple[str, int], timeout: float) -> socket.socket:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr("socket.create_connection", unknown)
    finding = cloud(config, "https://no.such.name")
    assert (finding.verdict, finding.text) == (Verdict.BAD, "the name no.such.name is not known")


# --- what is installed ---------------------------------------------------------------------


def test_registration(config: Config, tmp_path: Path) -> None:
    file = config()
    (tmp_path / "state").mkdir()
    assert found(file, "registration").remedy == "polar-appliance register"
    (tmp_path / "state" / "identity.json").write_text('{"mac": "a", "serial_number": "P3D1"}')
    assert found(file, "registration").text == "serial number P3D1"


def test_services(config: Config, tmp_path: Path) -> None:
    file = config()
    assert found(file, "services").text == "not running: printer, agent"
    (tmp_path / "run").mkdir()
    with socket.socket(socket.AF_UNIX) as printer, socket.socket(socket.AF_UNIX) as agent:
        for one, name in ((printer, "printer"), (agent, "agent")):
            one.bind(str(tmp_path / "run" / f"{name}.sock"))
        printer.listen()
        assert found(file, "services").text == "not running: agent"
        agent.listen()
        assert found(file, "services").verdict is Verdict.GOOD


# --- the front panel -----------------------------------------------------------------------


class Bus:
    """An I2C bus with something at one address."""

    def __init__(self, address: int) -> None:
        self.address = address
        self.closed = False

    def read_byte(self, address: int) -> int:
        if address != self.address:
            raise OSError(121, "Remote I/O error")
        return 0

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("subject", ["display", "buttons, door"])
def test_a_panel_that_is_not_configured_or_simulated_is_a_note(
    config: Config, subject: str
) -> None:
    assert found(config(), subject).verdict is Verdict.NOTE
    simulated = config(panel='display = "ssd1306"\nsimulated = "/tmp/x"', buttons="ok = 26")
    assert found(simulated, subject).verdict is Verdict.NOTE
    assert "simulated" in found(simulated, subject).text


@pytest.mark.parametrize(
    ("address", "verdict", "words"),
    [
        (0x27, Verdict.GOOD, "answers at 0x27"),
        (0x3F, Verdict.BAD, "set [panel] i2c_address"),
        (0x10, Verdict.BAD, "four wires"),
    ],
)
def test_the_displays_address_is_asked(
    config: Config, monkeypatch: pytest.MonkeyPatch, address: int, verdict: Verdict, words: str
) -> None:
    bus = Bus(address)
    monkeypatch.setattr("smbus2.SMBus", lambda port: bus)
    finding = found(config(panel='display = "hd44780-20x4"'), "display")
    assert finding.verdict is verdict
    assert words in finding.text + finding.remedy
    assert bus.closed


@pytest.mark.parametrize(
    ("panel", "words"),
    [
        ('display = "ssd1306"\ni2c_port = 97', "/dev/i2c-97 is not there"),
        ('display = "st7789"\nspi_port = 9', "spidev"),
        ('display = "hd44780-16x2"\nwiring = "parallel"', "GPIO chip"),
    ],
)
def test_a_missing_bus_names_what_to_do(config: Config, panel: str, words: str) -> None:
    finding = found(config(panel=panel), "display")
    assert finding.verdict is Verdict.BAD
    assert words in finding.remedy


def test_the_chip_of_the_buttons(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    from appliance.panel import gpio  # noqa: PLC0415

    file = config(buttons="ok = 26", door="pin = 22")
    assert "GPIO chip" in found(file, "buttons, door").remedy
    monkeypatch.setattr(gpio, "find_chip", lambda: gpio.Chip(4, "pinctrl-rp1", 54))
    assert found(file, "buttons, door").remedy == gpio.REMEDY_MODULE
    monkeypatch.setattr("appliance.doctor_panel.find_spec", lambda _: True)
    finding = found(file, "buttons, door")
    assert finding.verdict is Verdict.GOOD
    assert finding.text == "2 pins of gpiochip4 (pinctrl-rp1)"
