from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.printer.api import Problem
from appliance.settings_web import WifiSettings
from appliance.setup.boot_file import Account, BootFile, BootOrder

FILE = """\
# Our school\r
[wifi]\r
ssid = "Lab"   # second floor\r
password = "correct horse"\r
country = "DE"\r
\r
[cloud]\r
email = "owner@example.com"\r
pin = "4321"\r
\r
[camera]\r
transform = 3\r
"""
WIFI = WifiSettings(ssid="Lab", password="correct horse", country="DE")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "boot").mkdir()
    return tmp_path / "boot" / "polar-appliance.toml"


@pytest.fixture
def boot(path: Path, tmp_path: Path) -> BootFile:
    path.write_bytes(FILE.encode())
    return BootFile(path, tmp_path / "state")


def again(path: Path) -> BootFile:
    """After the next start."""
    return BootFile(path, path.parent.parent / "state")


def letter(path: Path) -> str:
    beside = path.with_name("polar-appliance-problem.txt")
    return beside.read_text(encoding="utf-8") if beside.exists() else ""


def test_without_a_file_there_is_nothing(path: Path) -> None:
    assert again(path).read() == BootOrder()
    assert again(path.parent / "none" / "there" / "x.toml").read() == BootOrder()
    assert again(path).registered().taken
    assert list(path.parent.iterdir()) == []


def test_an_order_is_read(boot: BootFile, path: Path) -> None:
    order = boot.read()
    assert order == BootOrder(wifi=WIFI, account=Account("owner@example.com", "4321"))
    assert "4321" not in repr(order)
    assert "correct horse" not in repr(order)
    assert path.read_bytes() == FILE.encode()  # nothing was taken over yet


def test_what_is_taken_over_is_wiped_and_all_else_stays(boot: BootFile, path: Path) -> None:
    news = boot.wifi_joined(WIFI)
    assert (news.taken, news.problem) == (True, None)
    without = FILE.replace('"correct horse"', '""')
    assert path.read_bytes() == without.encode()
    assert again(path).read() == BootOrder(account=Account("owner@example.com", "4321"))
    assert boot.registered().problem is None
    assert path.read_bytes() == without.replace('"4321"', '""').encode()
    assert again(path).read() == BootOrder()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_pages_password_is_handed_out_and_wiped(boot: BootFile, path: Path) -> None:
    path.write_text('[web]\npassword = "let me in please"\nport = 8080\n')
    order = boot.read()
    assert order == BootOrder(page_password="let me in please")
    assert "let me" not in repr(order)
    assert boot.password_kept().taken
    assert path.read_text() == '[web]\npassword = ""\nport = 8080\n'
    assert again(path).read() == BootOrder()
    path.write_text('[web]\npassword = "short 7"\n')
    assert again(path).read() == BootOrder(news=again(path).read().news)
    assert "web.password: Expected 8 to 128" in letter(path)
    assert "short 7" not in letter(path)


def test_another_order_is_taken_again(boot: BootFile, path: Path) -> None:
    boot.wifi_joined(WIFI)
    boot.registered()
    rest = path.read_text()
    path.write_text(rest.replace('password = ""', 'password = "new password"'))
    order = again(path).read()
    assert order.wifi is not None
    assert order.wifi.password == "new password"
    path.write_text(rest.replace("Lab", "Open space"))
    assert again(path).read().wifi == WifiSettings(ssid="Open space", country="DE")
    path.write_text(rest.replace("transform = 3", "transform = 4"))
    assert again(path).read() == BootOrder()


def test_an_open_wifi_is_taken_once(boot: BootFile, path: Path) -> None:
    path.write_text('[wifi]\nssid = "Café"\ncountry = "FR"\n')
    wifi = boot.read().wifi
    assert wifi == WifiSettings(ssid="Café", country="FR")
    boot.wifi_joined(wifi)
    assert again(path).read() == BootOrder()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[wifi]\nssid = "Lab"\npassword = "hunter2"\ncountry = "DE"', "wifi.password: Expected 8"),
        ('[cloud]\npin = "4321"', "cloud.email: Expected the e-mail address"),
        ("[cloud]\npin = 4321", "cloud.pin: Expected text in quotes."),
        ("[camera]\ntransfrom = 4321", 'camera: There is no setting named "transfrom". Did you'),
        ("[camera", "is not valid TOML"),
        ("[wifi]\nssid = 'Lab'", "wifi.country: Expected two letters"),
        ("#" * 300_000, "is larger than 256 KB."),
        ("\udcff", "is not a text file in UTF-8."),
    ],
)
def test_what_is_wrong_is_told_with_its_key_until_it_is_right(
    boot: BootFile, path: Path, text: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    order = boot.read()
    assert (order.wifi, order.account) == (None, None)
    problem = order.news.problem
    assert problem is not None
    assert len(problem.short) <= 20
    assert problem.long.startswith(f"{path}: {words}")
    assert problem.long in letter(path)
    for secret in ("hunter2", "4321"):
        assert secret not in problem.long + caplog.text
    path.write_bytes(FILE.encode())
    assert boot.read().wifi == WIFI
    assert letter(path) == ""


def test_a_folder_in_its_place_is_told(path: Path) -> None:
    path.mkdir()
    problem = again(path).read().news.problem
    assert problem is not None
    assert "cannot be read" in problem.long


def test_a_reason_from_elsewhere_is_written_beside_it(boot: BootFile, path: Path) -> None:
    problem = boot.read().news.problem
    assert problem is None
    boot.report(Problem("Wrong password", "The password of Lab is wrong."))
    assert "The password of Lab is wrong.\r\n" in letter(path).replace("\n", "\r\n")
    boot.report(None)
    assert letter(path) == ""


# A card that does not let itself be written


def test_a_partition_that_is_read_only_is_told_and_taken_once(
    boot: BootFile, path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    usual = Path.open

    def read_only(file: Path, mode: str = "r", *more: Any, **named: Any) -> Any:
        if "w" in mode and file.parent == path.parent:
            raise OSError(errno.EROFS, "Read-only file system")
        return usual(file, mode, *more, **named)

    with monkeypatch.context() as patch, caplog.at_level(logging.DEBUG):
        patch.setattr(Path, "open", read_only)
        for news in (boot.wifi_joined(WIFI), boot.registered()):
            assert news.taken
            assert news.problem is not None
            assert "Read-only file system" in news.problem.long
            assert "remove it there" in news.problem.long
    assert path.read_bytes() == FILE.encode()
    assert again(path).read() == BootOrder()  # taken over already, though it still stands there
    assert "correct horse" not in caplog.text
    assert "4321" not in caplog.text
    path.write_bytes(FILE.replace("4321", "87654").encode())
    assert again(path).read().account == Account("owner@example.com", "87654")


def test_a_wifi_is_not_wiped_before_it_is_known_as_taken(
    boot: BootFile, path: Path, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("in the way")
    news = boot.wifi_joined(WIFI)
    assert news.problem is not None
    assert path.read_bytes() == FILE.encode()
    assert boot.read().wifi == WIFI


def test_a_file_that_was_spoilt_meanwhile_is_left_alone(boot: BootFile, path: Path) -> None:
    path.write_bytes(b"[wifi\npassword = 'correct horse'")
    news = boot.wifi_joined(WIFI)
    assert news.problem is not None
    assert "it has changed meanwhile" in news.problem.long
    assert "correct horse" not in news.problem.long


# Power cuts


class PowerCut(BaseException):
    """Nothing after it happens."""


CUTTABLE = ("fsync", "open", "replace", "rename", "unlink", "chmod", "write", "fchmod", "mkdir")


def cut_at(number: int, patch: pytest.MonkeyPatch) -> None:
    """The power goes at the ``number``-th call that could change the card, and stays away."""
    count = 0

    def wrap(usual: Callable[..., Any]) -> Callable[..., Any]:
        def cut(*more: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count >= number:
                raise PowerCut
            return usual(*more, **named)

        return cut

    for name in CUTTABLE:
        patch.setattr(os, name, wrap(getattr(os, name)))


def all_cuts(act: Callable[[], object], prepare: Callable[[], None]) -> Iterator[int]:
    for number in range(1, 200):
        prepare()
        with pytest.MonkeyPatch.context() as patch:
            cut_at(number, patch)
            try:
                act()
            except PowerCut:
                pass
            else:
                return
        yield number
    raise AssertionError("It never came to its end.")


def test_a_power_cut_leaves_the_old_file_or_the_new_and_no_order_is_lost(
    boot: BootFile, path: Path, tmp_path: Path
) -> None:
    states = (FILE, FILE.replace('"correct horse"', '""'))

    def prepare() -> None:
        path.write_bytes(FILE.encode())
        (tmp_path / "state" / "boot-file.json").unlink(missing_ok=True)

    cuts = 0
    for _ in all_cuts(lambda: again(path).wifi_joined(WIFI), prepare):
        cuts += 1
        assert path.read_bytes().decode() in states
        order = again(path).read()
        assert not path.with_name(f"{path.name}.new").exists()
        assert order.account is not None
        # Either it is asked for again with its password, or never as an open one.
        assert order.wifi in (None, WIFI)
        if path.read_bytes().decode() == FILE:
            assert order.wifi == WIFI
        again(path).wifi_joined(WIFI)
        assert path.read_bytes().decode() == states[1]
    assert cuts > 5
