from __future__ import annotations

import msgspec
import pytest
from click.testing import CliRunner

from appliance.cli import cli
from appliance.host.network_api import HOTSPOT_ADDRESS
from appliance.web.captive import DNSMASQ, PROBES, over_hotspot
from tests.web.doorway import SECRET, Doorway, Handled, browsing, by_hotspot, served, table

HOSTS = {
    "/generate_204": "connectivitycheck.gstatic.com",
    "/gen_204": "www.google.com",
    "/hotspot-detect.html": "captive.apple.com",
    "/library/test/success.html": "www.apple.com",
    "/ncsi.txt": "www.msftncsi.com",
    "/connecttest.txt": "www.msftconnecttest.com",
    "/redirect": "www.msftconnecttest.com",
    "/success.txt": "detectportal.firefox.com",
    "/canonical.html": "detectportal.firefox.com",
}


def hotspot(*, captive: bool) -> Doorway:
    door = Doorway()
    door.around = msgspec.structs.replace(
        door.around, first_boot=captive, hotspot=True, captive=captive
    )
    return door


def test_every_probe_is_known() -> None:
    assert HOSTS.keys() == PROBES.keys()


@pytest.mark.parametrize("path", [*PROBES, "/", "/anything?x=1", "/setup/get", "/static/page.js"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_on_our_wifi_everything_leads_to_the_wizard(path: str, method: str) -> None:
    handled = Handled()
    async with (
        served(hotspot(captive=True), table(handled), by_hotspot) as site,
        browsing(site) as http,
    ):
        headers = {"Host": HOSTS.get(path, "example.com")}
        async with http.request(method, path, headers=headers, allow_redirects=False) as response:
            assert response.status == 302
            # Port 80 on the device; this test has another.
            assert response.headers["Location"] == f"http://{HOTSPOT_ADDRESS}:{site.port}/"
            assert response.headers["Cache-Control"] == "no-store"
    assert handled.count == 0


@pytest.mark.parametrize("path", PROBES)
async def test_success_is_told_once_the_setup_is_done(path: str) -> None:
    async with (
        served(hotspot(captive=False), table(Handled()), by_hotspot) as site,
        browsing(site) as http,
        http.get(path, headers={"Host": HOSTS[path]}, allow_redirects=False) as response,
    ):
        assert response.status == PROBES[path].status
        if response.status != 302:
            assert await response.text() == PROBES[path].body


async def test_a_foreign_form_is_not_led_anywhere() -> None:
    async with (
        served(hotspot(captive=True), table(Handled()), by_hotspot) as site,
        browsing(site) as http,
        http.post("/", headers={"Host": "example.com"}) as response,
    ):
        assert response.status == 421


async def test_an_unknown_page_of_ours_leads_to_the_wizard_only_on_our_wifi() -> None:
    headers = {"Host": "localhost"}
    for captive, status in ((True, 302), (False, 404)):
        async with (
            served(hotspot(captive=captive), table(Handled()), by_hotspot) as site,
            browsing(site) as http,
            http.get("/nowhere", headers=headers, allow_redirects=False) as response,
        ):
            assert response.status == status


async def test_over_any_other_network_a_probe_gets_nothing() -> None:
    async with (
        served(hotspot(captive=True), table(Handled())) as site,
        browsing(site) as http,
        http.get("/generate_204", headers={"Host": HOSTS["/generate_204"]}) as response,
    ):
        assert response.status == 421


async def test_the_wizard_opens_where_the_redirect_leads() -> None:
    async with (
        served(hotspot(captive=True), table(Handled()), by_hotspot) as site,
        browsing(site) as http,
        http.get("/setup/get", headers={"Host": HOTSPOT_ADDRESS}) as response,
    ):
        assert response.status == 200 and SECRET in await response.text()


@pytest.mark.parametrize("captive", [True, False])
async def test_the_captive_portal_api_says_where_to_go(captive: bool) -> None:
    async with (
        served(hotspot(captive=captive), table(Handled()), by_hotspot) as site,
        browsing(site) as http,
        http.get("/captive-portal", headers={"Host": HOTSPOT_ADDRESS}) as response,
    ):
        assert response.content_type == "application/captive+json"
        told = await response.json(content_type=None)
        assert told == {"captive": captive, "user-portal-url": f"http://{HOTSPOT_ADDRESS}/"}


def test_dnsmasq_is_told_every_name_and_option_114() -> None:
    lines = [line for line in DNSMASQ.splitlines() if not line.startswith("#")]
    assert lines == [
        "address=/#/10.42.0.1",
        "local=/#/",
        "no-resolv",
        "dhcp-option-force=114,http://10.42.0.1/captive-portal",
    ]


@pytest.mark.parametrize(
    ("local", "peer", "over"),
    [
        ("10.42.0.1", "10.42.0.2", True),
        ("10.42.0.1", "10.42.1.2", False),
        ("10.42.0.1", "192.168.1.5", False),
        ("192.168.1.2", "10.42.0.2", False),
        ("10.42.0.1", "", False),
        ("10.42.0.1", "fe80::1%wlan0", False),
    ],
)
def test_both_ends_must_stand_in_the_hotspots_network(local: str, peer: str, over: bool) -> None:
    assert over_hotspot(local, peer) is over


def test_the_image_installs_it_by_a_command() -> None:
    said = CliRunner().invoke(cli, ["captive-dns"])
    assert (said.exit_code, said.output) == (0, DNSMASQ)
