"""The second half of the composition root: network, setup, and the pages of the device."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from appliance.agent.acts import Acts
from appliance.agent.api import RegisterAs
from appliance.agent.boot_orders import BootOrders
from appliance.agent.hotspot import keep, own_hotspot
from appliance.agent.membership import Membership
from appliance.agent.models import LocalModels
from appliance.agent.moves import Moves
from appliance.agent.network_watch import NetworkWatch
from appliance.agent.photographer import Photographer
from appliance.agent.printer_test import PrinterTest
from appliance.agent.setup_answers import Devices, OwnSettings, keep_password
from appliance.agent.setup_desk import Desk
from appliance.agent.state import AgentState
from appliance.agent.web_deeds import WebDeeds
from appliance.camera.camera import Camera
from appliance.cloud.client import CloudClient
from appliance.config import BOOT_FILE, Settings
from appliance.errors import ApplianceError
from appliance.host.board import has_header
from appliance.host.network import device_name, local_ip
from appliance.host.network_api import HOTSPOT_ADDRESS, Clock, Link, Network
from appliance.host.power import Power
from appliance.polar.session import HelloFacts
from appliance.printer.client import PrinterClient
from appliance.setup import display_copy
from appliance.setup.boot_file import BootFile
from appliance.setup.makes import PrinterMakes
from appliance.setup.radio import Radio
from appliance.store import Record
from appliance.web.access import Access, Surroundings
from appliance.web.live import Live, cam_url
from appliance.web.local import LocalPage, Store
from appliance.web.logs import Logs, Ring, has_journal
from appliance.web.octoprint import OctoPrint
from appliance.web.pages_parts import Values
from appliance.web.server import Ends, WebServer, ends_of
from appliance.web.sessions import Kept
from appliance.web.uploads import PROFILE, PROFILE_LIMIT, Uploads
from appliance.web.wizard import Wizard

if TYPE_CHECKING:
    from appliance.host.bus import Bus
    from appliance.host.mdns import Mdns

log = logging.getLogger(__name__)

Task = Coroutine[Any, Any, object]

ANSWER_TIME = 1.0  # seconds for the answer that says that the agent begins anew
USE_PAUSE = 5.0  # seconds between two looks whether the wizard was used
KEEP_PAUSE = 60.0  # seconds until a disk that was full is tried again
MAKES_PAUSE = 60.0  # seconds until the list of makes is asked for again
SIMULATED_PHONE = "10.42.0.23"  # who is on the simulated hotspot


@dataclass(frozen=True)
class Inside:
    """The parts of the agent that the pages show and use."""

    settings: Settings
    state: AgentState
    membership: Membership
    client: CloudClient
    acts: Acts
    printer: PrinterClient
    camera: Camera
    photographer: Photographer
    models: LocalModels
    moves: Moves
    power: Power
    http: aiohttp.ClientSession
    restart: Callable[[], None]
    facts: Callable[[Settings], HelloFacts]


class Front:
    """What was built: the network's watch, the setup, and (where it is wanted) the pages."""

    def __init__(self, inside: Inside, network: Network, clock: Clock) -> None:
        settings, state = inside.settings, inside.state
        self._inside = inside
        self.own = OwnSettings(settings)
        hotspot = own_hotspot(
            settings.state_folder,
            inside.membership.identity.mac,
            protected=settings.setup.hotspot == "wpa2",
        )
        self.watch = NetworkWatch(
            network,
            state,
            hotspot,
            Radio(settings.setup.hotspot_after),
            inside.client.reconnect_now,
        )
        self._makes = PrinterMakes(inside.http, settings.cloud.url)
        self._account = _Account(inside.membership, inside.client)
        self.desk = Desk(settings, state, self._devices(clock))
        self.orders = BootOrders(
            BootFile(BOOT_FILE, settings.state_folder),
            self.watch,
            self._account,
            state,
            told=self.desk.joining_failed,
            keep_password=self._keep_password,
        )
        self.access = Access(
            Record(settings.state_folder / "web.json", Kept),
            self._surroundings,
            panel=settings.shows_codes,
            password=settings.web.password_hash,
            api_key=settings.web.api_key,
            show_code=state.see_code,
        )
        self.server: WebServer | None = None
        self.mdns: Mdns | None = None
        self._live: Live | None = None
        inside.client.introduce_as(self._facts)

    def restart_soon(self) -> None:
        """Begin anew, after the page was answered."""
        asyncio.get_running_loop().call_later(ANSWER_TIME, self._inside.restart)

    async def serve(self, ends: Ends) -> None:
        """Serve the pages. Where no port can be had the agent does without, and says so."""
        inside = self._inside
        deeds = WebDeeds(
            inside.acts, inside.printer, inside.power, self.restart_soon, inside.models
        )
        limit, folder = inside.settings.web.max_upload, inside.settings.state_folder
        uploads = Uploads(folder / "uploads", limit)
        profile = Uploads(folder / "slicing-profile", PROFILE_LIMIT, kinds=(PROFILE,), kept=1)
        for kept in (uploads, profile):
            kept.sweep()
        live = self._live = Live(inside.photographer.picture)
        local = LocalPage(
            deeds,
            Store(uploads, profile, limit),
            live,
            self._logs(),
            self.access,
            lambda: self.desk.active,
        )
        wizard = Wizard(self.desk, self._values, inside.photographer.picture)
        octoprint = OctoPrint(deeds, uploads, self.access)
        routes = [*wizard.routes(), *local.routes(), *octoprint.routes()]
        name = device_name()

        def seen(request: web.Request) -> tuple[str, str]:
            self.watch.touch()  # whoever asks anything may be on the hotspot
            return ends(request)

        server = WebServer(inside.settings.web, self.access, routes, name=name, ends=seen)
        try:
            await server.start()
        except ApplianceError as error:
            log.error("%s", error.long)
            inside.state.see_notice(error.long)
            return
        self.server = server
        inside.state.page_port = server.port

    def announced_as(self) -> str:
        """The host name in the network: another one where an earlier device has ours."""
        return ((self.mdns and self.mdns.host) or device_name()).lower()

    def tasks(self) -> list[Task]:
        """What must run."""
        country = self._inside.settings.wifi.country
        return [
            self.watch.run(country),
            self.desk.run(),
            self._carry_out_orders(),
            self._know_makes(),
            self._know_zones(),
            self._follow_use(),
            self._keep_again(),
            self._keep_display(),
        ]

    async def close(self) -> None:
        """Stop serving, break off what is under way."""
        if self._live is not None:
            self._live.close()  # else the server would wait for those who watch
        if self.server is not None:
            await self.server.close()
        await self.desk.close()

    def announce(self, bus: Bus, port: int) -> Task:
        """Say in the network where the pages are."""
        from appliance.host.mdns import Mdns  # noqa: PLC0415

        self.mdns = Mdns(bus, f"Polar Appliance {device_name()}", port)
        return self.mdns.serve()

    async def _keep_display(self) -> None:
        """Where it is found when the data partition is damaged; a change restarts the agent."""
        panel = self._inside.settings.panel
        if BOOT_FILE.parent.is_dir() and not panel.simulated:
            path = BOOT_FILE.with_name(display_copy.NAME)
            await asyncio.to_thread(display_copy.keep, panel, path)

    # What the parts ask.

    def _devices(self, clock: Clock) -> Devices:
        inside = self._inside
        return Devices(
            watch=self.watch,
            clock=clock,
            account=self._account,
            own=self.own,
            printer=inside.printer,
            test_printer=PrinterTest(inside.moves, inside.printer, inside.state).run,
            change_camera=inside.camera.change,
            restart=inside.restart,
            makes=lambda: self._makes.names,
            has_camera=lambda: inside.camera.available,
            ports=_ports,
            has_header=has_header(),
        )

    def _surroundings(self) -> Surroundings:
        network = self._inside.state.network
        return Surroundings(
            first_boot=self.desk.first_boot,
            hotspot=network.link is Link.HOTSPOT,
            hotspot_protected=bool(self.watch.hotspot.password),
            captive=self.desk.active,
            names=frozenset({device_name().lower(), self.announced_as()}),
            addresses=frozenset(filter(None, (network.ip, local_ip()))),
        )

    def _facts(self) -> HelloFacts:
        """Of the settings as they are now, with the address of the live picture."""
        facts = self._inside.facts(self.own.settings)
        if self.server is None or not facts.camera:
            return facts
        address = cam_url(facts.local_ip or "", self.server.port, self.access.feed_key)
        return dataclasses.replace(facts, cam_url=address)

    async def _values(self) -> Values:
        from appliance.web.wizard_values import values_of  # noqa: PLC0415 - for a page alone

        settings = self.own.settings
        focus = settings.camera.focus if settings.camera.focus >= 0 else None
        address = f"{self.announced_as()}.local" if not settings.setup.simulated_network else ""
        return await asyncio.to_thread(
            lambda: values_of(settings, _ports(), address=address, focus=focus)
        )

    def _logs(self) -> Logs:
        """Of the journal; from memory where there is none."""
        if has_journal():
            return Logs(self._secrets, None)
        ring = Ring()
        logging.getLogger().addHandler(ring)
        return Logs(self._secrets, ring)

    def _secrets(self) -> list[str]:
        settings = self._inside.settings
        secrets = (
            self.access.api_key,
            self.access.feed_key,
            self.watch.hotspot.password,
            settings.cloud.pin,
            settings.wifi.password,
            settings.web.password,
        )
        return [secret for secret in secrets if secret]

    # What goes on beside.

    async def _keep_password(self, password: str) -> None:
        """That of the boot file; it counts at once."""
        await keep_password(self.own, password)
        self.access.set_password(self.own.settings.web.password_hash)

    async def _carry_out_orders(self) -> None:
        await self.orders.run()
        if not self.orders.registers:
            inside = self._inside
            await inside.membership.register_by_itself(inside.client, inside.settings.cloud)

    async def _know_makes(self) -> None:
        """The cloud's list of makes, once the wizard may show it."""
        state = self._inside.state
        while True:
            seen = state.revision.number
            joined = state.network.link in (Link.ETHERNET, Link.WIFI)
            if self.desk.active and joined and state.network.internet is not False:
                if await self._makes.refresh():
                    state.revision.bump()
                    return
                await asyncio.sleep(MAKES_PAUSE)
            else:
                await state.revision.wait_beyond(seen)

    async def _know_zones(self) -> None:
        """The first page of a new device shall not wait for a folder of files to be read."""
        if self.desk.active and self.server is not None:
            from appliance.setup.fields import time_zones  # noqa: PLC0415 - for a page alone

            await asyncio.to_thread(time_zones)

    async def _keep_again(self) -> None:
        """What a full disk did not take at the start."""
        folder, kept = self._inside.settings.state_folder, False
        while True:
            await asyncio.sleep(KEEP_PAUSE)
            self.access.save_again()
            self._inside.membership.save_again()
            kept = kept or await asyncio.to_thread(keep, folder, self.watch.hotspot)

    async def _follow_use(self) -> None:
        """Whoever looks at the wizard's pages keeps setup mode open."""
        while True:
            await asyncio.sleep(USE_PAUSE)
            if self.access.setup_idle() <= USE_PAUSE:
                self.desk.touch()


class _Account:
    """Registering, as the setup asks for it."""

    def __init__(self, membership: Membership, client: CloudClient) -> None:
        self._membership = membership
        self._client = client

    @property
    def serial_number(self) -> str | None:
        """The present one."""
        return self._membership.serial_number()

    async def register(self, account: RegisterAs) -> None:
        """Raises CloudError with the reason."""
        await self._membership.register(self._client, account)


async def build_front(inside: Inside, stack: AsyncExitStack) -> tuple[Front, list[Task]]:
    """Build and serve it; the closing is left to ``stack``."""
    settings = inside.settings
    network, clock, bus = _network(settings)
    stack.push_async_callback(network.close)
    front = Front(inside, network, clock)
    stack.push_async_callback(front.close)
    if settings.web.enabled:
        await front.serve(_simulated_ends(inside.state) if bus is None else ends_of)
    tasks = front.tasks()
    if bus is not None and front.server is not None:
        tasks.append(front.announce(bus, front.server.port))
    return front, tasks


def _network(settings: Settings) -> tuple[Network, Clock, Bus | None]:
    """The machine's network, clock and bus; simulated ones, and no bus, where asked."""
    if settings.setup.simulated_network:
        # The one door to what is simulated: these settings ask for it by name.
        from appliance.sim.network import SimulatedClock  # noqa: PLC0415
        from appliance.sim.network_memory import RememberingNetwork  # noqa: PLC0415

        return RememberingNetwork(settings.run_folder), SimulatedClock(), None
    from appliance.host.bus import Bus  # noqa: PLC0415
    from appliance.host.network_manager import NetworkManager  # noqa: PLC0415
    from appliance.host.timedate import TimeDate  # noqa: PLC0415

    bus = Bus()
    return NetworkManager(bus), TimeDate(bus), bus


def _simulated_ends(state: AgentState) -> Ends:
    """Whoever opens a page of a simulated device is on its hotspot while that is open."""

    def ends(request: web.Request) -> tuple[str, str]:
        if state.network.link is Link.HOTSPOT:
            return SIMULATED_PHONE, HOTSPOT_ADDRESS
        return ends_of(request)

    return ends


def _ports() -> tuple[str, ...]:
    from appliance.printer.ports import candidates  # noqa: PLC0415 - for a page alone

    return tuple(candidates())
