"""The mappings between NetworkManager's numbers and our words, for any number and any bytes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.host.joining import check, failure, is_password
from appliance.host.network_api import Hotspot, JoinFailed, JoinProblem, Link, Security
from appliance.host.nm_connection import (
    KeyManagement,
    Profile,
    hotspot_profile,
    is_known,
    key_management,
    ssid_of,
    wifi_profile,
)
from appliance.host.nm_reader import Seen, strongest
from appliance.host.nm_states import (
    Attempt,
    Connectivity,
    DeviceFacts,
    DeviceState,
    connectivity,
    join_problem,
    network_state,
)

FLAGS = st.integers(0, 2**32 - 1)
SSIDS = st.binary(max_size=32)
STATES = st.one_of(st.sampled_from(list(DeviceState)), st.integers(0, 2**32 - 1))
PSK, ENTERPRISE, SAE, OWE, OWE_TM, SUITE_B = 0x100, 0x200, 0x400, 0x800, 0x1000, 0x2000


@pytest.mark.parametrize(
    ("flags", "wpa", "rsn", "security", "name"),
    [
        (0, 0, 0, Security.OPEN, ""),
        (1, 0, 0, Security.OLD, ""),
        (1, 0, 0x88 | PSK, Security.PASSWORD, "wpa-psk"),
        (1, 0x44 | PSK, 0, Security.PASSWORD, "wpa-psk"),
        (1, 0, 0x88 | PSK | SAE, Security.PASSWORD, "wpa-psk"),
        (1, 0, 0x88 | SAE, Security.PASSWORD, "sae"),
        (1, 0, 0x88 | ENTERPRISE, Security.ENTERPRISE, ""),
        (1, 0, 0x88 | SUITE_B, Security.ENTERPRISE, ""),
        (1, 0, 0x88 | ENTERPRISE | PSK, Security.PASSWORD, "wpa-psk"),
        (1, 0, 0x88 | OWE, Security.OPEN, "owe"),
        (0, 0, OWE_TM, Security.OPEN, ""),
        (1, 0, 0x88 | 0x80000, Security.ENTERPRISE, ""),  # of a future that nobody knows
    ],
)
def test_security(flags: int, wpa: int, rsn: int, security: Security, name: str) -> None:
    assert key_management(flags, wpa, rsn) == KeyManagement(security, name)


@given(FLAGS, FLAGS, FLAGS)
def test_only_what_asks_for_nothing_is_open(flags: int, wpa: int, rsn: int) -> None:
    key = key_management(flags, wpa, rsn)
    if key.security is Security.OPEN and not key.name:
        assert not flags & 1 and not (wpa | rsn) & ~OWE_TM
    if (wpa | rsn) & PSK:
        assert key.security is Security.PASSWORD


@given(st.lists(st.tuples(SSIDS, st.integers(0, 100))))
def test_of_each_name_the_strongest_is_left(seen: list[tuple[bytes, int]]) -> None:
    key = KeyManagement(Security.OPEN)
    found = strongest([Seen("/", ssid, strength, key) for ssid, strength in seen])
    best: dict[bytes, int] = {}
    for ssid, strength in seen:
        if ssid.strip(b"\0"):
            best[ssid] = max(best.get(ssid, 0), strength)
    assert {point.ssid: point.strength for point in found} == best
    assert [p.strength for p in found] == sorted(best.values(), reverse=True)


def marshalled(profile: Profile) -> bytes:
    from dbus_fast import Message, Variant  # noqa: PLC0415  # the judge of the types

    def variant(signature: str, value: object) -> Variant:
        if signature == "aa{sv}" and isinstance(value, list):
            value = [{k: variant(*v) for k, v in entry.items()} for entry in value]
        return Variant(signature, value)

    body = {n: {k: variant(*v) for k, v in s.items()} for n, s in profile.items()}
    message = Message(
        path="/a", interface="a.b", member="C", signature="a{sa{sv}}", body=[body], serial=1
    )
    raw: bytes = bytes(message._marshall(False))
    return raw


@given(SSIDS.filter(bool), st.text(st.characters(exclude_categories=["Cs"]), max_size=70))
def test_every_profile_fits_its_types_and_gives_its_ssid_back(ssid: bytes, password: str) -> None:
    secured = KeyManagement(Security.PASSWORD, "wpa-psk")
    for key in (secured, KeyManagement(Security.OPEN), KeyManagement(Security.OPEN, "owe")):
        profile = wifi_profile(ssid, key, password.replace("\0", ""), hidden=True)
        raw = marshalled(profile)
        assert struct.pack("<I", len(ssid)) + ssid in raw
        plain = {n: {k: v[1] for k, v in s.items()} for n, s in profile.items()}
        assert ssid_of(plain) == ssid and is_known(plain)
        assert ("802-11-wireless-security" in profile) is (key != KeyManagement(Security.OPEN))


def test_the_hotspot_is_no_known_wifi() -> None:
    profile = hotspot_profile(Hotspot("Ours", "12345678"))
    assert marshalled(profile)
    plain = {n: {k: v[1] for k, v in s.items()} for n, s in profile.items()}
    assert ssid_of(plain) == b"" and not is_known(plain)


@given(st.text(max_size=80))
def test_a_password_is_what_wpa_takes(text: str) -> None:
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        assert not is_password(text)
        return
    if 8 <= length <= 63 and "\0" not in text:
        assert is_password(text)
    if length < 8 or length > 64:
        assert not is_password(text)


def test_a_key_in_hexadecimal_digits_is_a_password() -> None:
    assert is_password("0aF" * 21 + "1")
    assert not is_password("0aX" * 21 + "1")


@given(SSIDS, st.sampled_from(list(Security)), st.text(max_size=70))
def test_what_is_checked_fails_with_words_alone(
    ssid: bytes, security: Security, password: str
) -> None:
    try:
        check(ssid, security, password)
    except JoinFailed as error:
        assert len(error.short) <= 20
        assert error.long.isprintable()
        assert error.long.endswith(".") or error.long.endswith("check it.")


@given(st.sampled_from(list(JoinProblem)), SSIDS)
def test_every_problem_has_its_words(problem: JoinProblem, ssid: bytes) -> None:
    error = failure(problem, ssid)
    assert error.problem is problem
    assert 0 < len(error.short) <= 20 and error.long.isprintable()


@pytest.mark.parametrize(
    ("reason", "reached", "problem"),
    [
        (7, 60, JoinProblem.WRONG_PASSWORD),
        (53, 50, JoinProblem.NOT_FOUND),
        (5, 70, JoinProblem.NO_ADDRESS),
        (15, 70, JoinProblem.NO_ADDRESS),
        (16, 70, JoinProblem.NO_ADDRESS),
        (17, 70, JoinProblem.NO_ADDRESS),
        (0, 70, JoinProblem.NO_ADDRESS),
        (0, 50, JoinProblem.OTHER),
        (11, 50, JoinProblem.OTHER),
        (4711, 50, JoinProblem.OTHER),
    ],
)
def test_reasons(reason: int, reached: int, problem: JoinProblem) -> None:
    assert join_problem(reason, reached) is problem


@given(st.lists(st.tuples(STATES, st.integers(0, 80)), max_size=20))
def test_an_attempt_ends_once_and_stays_ended(changes: list[tuple[int, int]]) -> None:
    attempt, ended = Attempt(), None
    for state, reason in changes:
        done = attempt.feed(state, reason)
        if ended is None and done:
            ended = (state, reason)
    assert attempt.done is (ended is not None)
    if ended is not None:
        succeeded = ended[0] == DeviceState.ACTIVATED
        assert attempt.failed == (None if succeeded else ended[1])


def test_the_way_down_of_what_was_before_is_no_failure() -> None:
    attempt = Attempt()
    for state, reason in ((110, 60), (30, 60), (40, 0), (50, 0), (70, 0)):
        assert not attempt.feed(state, reason)
    assert attempt.feed(100, 0) and attempt.failed is None


def test_a_fall_without_a_failure_is_one_all_the_same() -> None:
    attempt = Attempt()
    attempt.feed(50, 0)
    assert attempt.feed(110, 39) and attempt.failed == 39


@given(st.integers(0, 6), st.integers(0, 6), st.booleans())
def test_connectivity(four: int, six: int, checked: bool) -> None:
    value = connectivity({"Ip4Connectivity": four, "Ip6Connectivity": six}, checked=checked)
    if not checked:
        assert value is Connectivity.UNKNOWN
    elif 4 in (four, six):
        assert value is Connectivity.FULL
    elif 2 in (four, six):
        assert value is Connectivity.PORTAL


@given(
    st.lists(
        st.builds(
            DeviceFacts,
            type=st.sampled_from([1, 2]),
            state=STATES,
            ap=st.booleans(),
            ssid=SSIDS,
            ip=st.sampled_from(["", "192.0.2.7"]),
            connectivity=st.sampled_from(list(Connectivity)),
            usable=st.booleans(),
        ),
        max_size=4,
    )
)
def test_any_devices_make_a_state(devices: list[DeviceFacts]) -> None:
    state = network_state(devices, known=False)
    links = {device.link for device in devices} - {Link.NONE}
    assert (state.link is Link.NONE) is (not links)
    if Link.ETHERNET in links:
        assert state.link is Link.ETHERNET
    if state.link is not Link.WIFI:
        assert state.ssid == b""
    if state.link in (Link.NONE, Link.HOTSPOT):
        assert state.internet is False


def test_dbus_fast_is_loaded_with_the_first_connection_alone() -> None:
    import subprocess  # noqa: PLC0415  # a fresh interpreter
    import sys  # noqa: PLC0415

    modules = "network_manager, timedate, mdns"
    code = f"import sys; from appliance.host import {modules}; sys.exit('dbus_fast' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
