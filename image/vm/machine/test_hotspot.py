# ruff: noqa: D103 - the names of the tests say what they show
"""Our own Wi-Fi on a simulated radio: a phone joins, is captured, and walks the first pages.

The second radio is the phone's: it lives in a network namespace of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from appliance.sim.cloud import LocalCloud
from image.vm.machine.card import Card
from image.vm.machine.emulator import Machine
from image.vm.machine.world import STATE, boot_file, keep_journal

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOTSPOT_LIMIT = 300.0
JOIN_LIMIT = 120.0
RADIOS = "modules_load=mac80211_hwsim mac80211_hwsim.radios=2"
GATEWAY = "10.42.0.1"
PHONE = "ip netns exec phone"
BUSYBOX = "/usr/lib/vm/busybox"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def machine(folder: Path, cloud: LocalCloud) -> AsyncIterator[Machine]:
    """A card that nothing is set up on, with a radio and no network."""
    card = Card.flashed(folder / "card.qcow2", boot_file(cloud, account=False))
    async with Machine(card, folder, network=False, arguments=RADIOS) as started:
        await started.booted()
        yield started
        await keep_journal(started, "hotspot")


async def test_the_hotspot_comes_up(machine: Machine) -> None:
    """The second radio goes to the phone before anybody else takes it."""
    await machine.shell.run(
        "ip netns add phone && iw phy phy1 set netns name phone && "
        f"{PHONE} ip link set lo up && {PHONE} ip link set wlan1 up"
    )
    await machine.shell.wait(f"ip -4 addr show wlan0 | grep -q {GATEWAY}", HOTSPOT_LIMIT)
    mode = await machine.shell.run("iw dev wlan0 info | awk '/type/ { print $2 }'")
    assert mode == "AP"


async def test_a_phone_joins_and_gets_an_address(machine: Machine) -> None:
    ssid = await machine.shell.run("iw dev wlan0 info | sed -n 's/.*ssid //p'")
    password = json.loads(await machine.shell.run(f"cat {STATE}/hotspot.json"))
    assert re.fullmatch(r"Polar.*", ssid) and len(password) >= 8
    await machine.shell.run(
        f"wpa_passphrase '{ssid}' '{password}' >/run/phone.conf && "
        f"{PHONE} wpa_supplicant -B -i wlan1 -c /run/phone.conf"
    )
    await machine.shell.wait(f"{PHONE} iw dev wlan1 link | grep -q Connected", JOIN_LIMIT)
    await machine.shell.run(
        f'printf \'#!/bin/sh\\n[ "$1" = bound ] || exit 0\\n'
        "ip addr add $ip/24 dev $interface; ip route add default via $router; "
        "env >/run/phone.lease\\n' >/run/phone.script && chmod +x /run/phone.script && "
        f"{PHONE} {BUSYBOX} udhcpc -i wlan1 -n -q -t 20 -O 114 -s /run/phone.script",
        JOIN_LIMIT,
    )
    address = await machine.shell.run(f"{PHONE} ip -4 -br addr show wlan1")
    assert "10.42.0." in address
    lease = await machine.shell.run("cat /run/phone.lease")
    assert GATEWAY in lease


async def test_every_name_leads_to_us(machine: Machine) -> None:
    """Also where a cable has brought a name server, and when more than an address is asked."""
    await machine.shell.run("echo nameserver 192.0.2.53 >/etc/resolv.conf && pkill -HUP dnsmasq")
    for name in ("connectivitycheck.gstatic.com", "captive.apple.com", "anything.example"):
        told = await machine.shell.run(f"{PHONE} {BUSYBOX} nslookup {name} {GATEWAY}")
        assert GATEWAY in told.split("Name:")[-1]


async def _get(machine: Machine, host: str, path: str) -> str:
    return await machine.shell.run(
        f"{PHONE} curl -sS -i --max-time 60 -b /run/jar -c /run/jar "
        f"-A 'Mozilla/5.0 (Linux; Android 15)' -H 'Host: {host}' 'http://{GATEWAY}{path}'"
    )


async def test_the_probe_is_redirected_and_the_wizard_opens(machine: Machine) -> None:
    probe = await _get(machine, "connectivitycheck.gstatic.com", "/generate_204")
    status, *headers = probe.split("\r\n\r\n")[0].splitlines()
    assert " 302 " in status
    target = next(line.split(" ", 1)[1] for line in headers if line.lower().startswith("location"))
    assert target.startswith(f"http://{GATEWAY}")
    page = await _get(machine, GATEWAY, target.removeprefix(f"http://{GATEWAY}") or "/")
    print(page[:2000])  # noqa: T201
    assert " 200 " in page.splitlines()[0] or " 303 " in page.splitlines()[0]


async def test_the_first_pages_are_walked(machine: Machine) -> None:
    """Welcome, then the network with its country."""
    welcome = await _get(machine, GATEWAY, "/setup/welcome")
    assert " 200 " in welcome.splitlines()[0] and "<form" in welcome
    token = re.search(r'name="csrf" value="([^"]+)"', welcome)
    assert token is not None
    posted = await machine.shell.run(
        f"{PHONE} curl -sS -i --max-time 60 -b /run/jar -c /run/jar -H 'Origin: http://{GATEWAY}' "
        f"--data-urlencode 'csrf={token.group(1)}' http://{GATEWAY}/setup/welcome"
    )
    assert " 303 " in posted.splitlines()[0]
    network = await _get(machine, GATEWAY, "/setup/network")
    assert " 200 " in network.splitlines()[0] and 'name="country"' in network
