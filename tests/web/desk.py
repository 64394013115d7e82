"""A setup desk that tests hold in their hand, and a small server around the wizard."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from PIL import Image, ImageDraw

import appliance.web
from appliance.host.network_api import AccessPoint, Link, NetworkState, Security
from appliance.printer.api import LinkState, Snapshot
from appliance.setup import steps
from appliance.setup.api import (
    Answers,
    Errand,
    Facts,
    Fields,
    Progress,
    SetupRecord,
    SetupView,
    Step,
)
from appliance.setup.countries import COUNTRIES
from appliance.setup.fields import OTHER
from appliance.web.html import PageContext
from appliance.web.pages_parts import Values
from appliance.web.routes import give_context
from appliance.web.wizard import Wizard

STATIC = Path(appliance.web.__file__).parent / "static"
TOKEN = "token-of-the-form"
HOTSPOT = NetworkState(link=Link.HOTSPOT, ip="10.42.0.1", radio=True)
HOME = NetworkState(link=Link.WIFI, ssid=b"Home", ip="192.168.1.20", radio=True, internet=True)
WIRED = NetworkState(link=Link.ETHERNET, ip="192.168.1.30", radio=True, internet=True)
NETWORKS: tuple[AccessPoint, ...] = (
    AccessPoint(b"Home", 88, Security.PASSWORD),
    AccessPoint("Café <Ärger> & Söhne".encode(), 61, Security.OPEN),
    AccessPoint(b"Campus", 50, Security.ENTERPRISE),
    AccessPoint(b"Attic", 33, Security.OLD),
    AccessPoint(b"\xff\x00\xfe'\"><b>", 12, Security.PASSWORD),
)
SNAPSHOT = Snapshot(
    link=LinkState.READY,
    port="/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0",
    baud=115200,
    firmware="Marlin 2.1.2.4 (May 12 2024 10:11:12)",
    machine="Ender-3 V2",
)
ZONES = ("Africa/Cairo", "America/New_York", "Europe/Berlin", "Europe/London", "UTC")
VALUES = Values(
    countries=tuple((code, COUNTRIES[code]) for code in ("CA", "DE", "JP", "GB", "US")),
    zones=ZONES,
    ports=("/dev/serial/by-id/usb-1a86_USB_Serial-if00-port0", "/dev/ttyUSB1"),
    bauds=("250000", "115200"),
    focus=2.5,
    display="hd44780-20x4",
    keys=("up", "down", "left", "right", "ok"),
    address="polar-appliance.local",
)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class FakeDesk:
    """Moves by the real rules; what is wrong and what becomes of errands says the test."""

    def __init__(self, step: Step = Step.WELCOME, network: NetworkState = HOTSPOT) -> None:
        self.active = True
        self.stranger = False  # the browser is not let in any more
        self.record = SetupRecord(step=step)
        self.facts = Facts(
            network=network,
            has_camera=True,
            has_panel=True,
            confirms=True,
            hotspot=network is HOTSPOT,
        )
        self.networks = NETWORKS
        self.scanning = False
        self.join = self.test = self.register = Errand()
        self.serial_number: str | None = None
        self.snapshot: Snapshot | None = SNAPSHOT
        self.pressed: frozenset[str] = frozenset()
        self.wrong: dict[Step, dict[str, str]] = {}  # what `submit` answers
        self.refusal: Exception | None = None  # what every act raises
        self.sent: list[tuple[Step, dict[str, str]]] = []
        self.begun: list[str] = []

    def view(self) -> SetupView:
        return SetupView(
            active=self.active,
            record=self.record,
            facts=self.facts,
            steps=steps.steps(self.facts),
            networks=self.networks,
            scanning=self.scanning,
            join=self.join,
            test=self.test,
            register=self.register,
            makes=("Cartesian", "Delta", "Ender-3", "Prusa i3"),
            snapshot=self.snapshot,
            serial_number=self.serial_number,
            hotspot_name="PolarAppliance-1A2B",
            hotspot_password="hotspot-secret",
        )

    async def submit(self, step: Step, fields: Fields) -> dict[str, str]:
        self._refuse()
        self.sent.append((step, dict(fields)))
        if self.wrong.get(step):
            return self.wrong[step]
        if step is Step.NETWORK and not steps.linked(self.facts):
            self.begun.append("join")
            typed = fields["ssid"] == OTHER
            ssid = fields[OTHER].encode() if typed else bytes.fromhex(fields["ssid"])
            self.answer(country=fields["country"], ssid=ssid)
            self.join = Errand(Progress.RUNNING)
            return {}
        if step is Step.CLOUD:
            self.begun.append("register")
            self.answer(email=fields["email"])
            self.register = Errand(Progress.RUNNING, "Waiting for the Polar Cloud's answer …")
        self.record = steps.answered(self.record, step, self.facts)
        return {}

    def answer(self, **answers: str | bytes) -> None:
        """Keep some of the answers."""
        known: Answers = msgspec.structs.replace(self.record.answers, **answers)
        self.record = msgspec.structs.replace(self.record, answers=known)

    def joined(self, network: NetworkState = HOME) -> None:
        """The Wi-Fi was joined."""
        self.join = Errand(Progress.DONE)
        self.facts = msgspec.structs.replace(self.facts, network=network, hotspot=False)
        self.record = steps.answered(self.record, Step.NETWORK, self.facts)

    def registered(self, serial_number: str = "PL001234") -> None:
        """The cloud gave a serial number."""
        self.register = Errand(Progress.DONE)
        self.serial_number = serial_number
        self.facts = msgspec.structs.replace(self.facts, registered=True)
        self.record = steps.settled(self.record, self.facts)

    async def go(self, step: Step) -> None:
        self._refuse()
        self.record = steps.gone(self.record, step, self.facts)

    async def scan(self) -> None:
        self._refuse()
        self.begun.append("scan")
        self.scanning = True

    async def test_printer(self) -> None:
        self._refuse()
        self.begun.append("test")
        self.test = Errand(Progress.RUNNING, "Homing …")

    async def press_seen(self) -> frozenset[str]:
        return self.pressed

    async def open_setup(self) -> None:
        self.active = True
        self.record = steps.reopened(self.record)

    async def close_setup(self) -> None:
        self.begun.append("close")
        self.active = False

    def _refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal


def at(step: Step, network: NetworkState = HOTSPOT) -> FakeDesk:
    """A desk that stands at ``step``, with a network where one is needed to get there."""
    desk = FakeDesk(step, network)
    if step not in (Step.WELCOME, Step.NETWORK):
        desk.facts = msgspec.structs.replace(desk.facts, network=HOME, hotspot=False)
    if step is Step.DONE:
        desk.registered()
    return desk


def scene() -> bytes:
    """A picture of which every turn looks different."""
    image = Image.new("RGB", (320, 180), "#31424c")
    drawing = ImageDraw.Draw(image)
    drawing.rectangle((10, 10, 110, 60), fill="#f5b554")
    drawing.polygon(((220, 150), (300, 150), (260, 60)), fill="#2dd4bf")
    drawing.line((10, 165, 310, 165), fill="#e6edf0", width=6)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return buffer.getvalue()


async def _picture() -> bytes:
    return scene()


def wizard_app(
    desk: FakeDesk,
    values: Values = VALUES,
    picture: Callable[[], Awaitable[bytes]] = _picture,
) -> web.Application:
    """The wizard with its style sheet and script, behind a check of the form's token."""

    async def now() -> Values:
        return values

    async def home(_request: web.Request) -> web.Response:
        icon = '<link rel="icon" href="/static/icon.svg">'
        return web.Response(text=f"{icon}the local page", content_type="text/html")

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if desk.stranger and request.path.startswith("/setup"):
            raise web.HTTPForbidden(text="Not let in.")
        if request.method == "POST" and (await request.post()).get("csrf") != TOKEN:
            raise web.HTTPForbidden(text="The form's token is missing.")
        give_context(request, PageContext(csrf=TOKEN, path=request.path))
        response = await handler(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    app = web.Application(middlewares=[guard])
    wizard = Wizard(desk, now, picture)
    for route in wizard.routes():
        app.router.add_route(route.method, route.path, route.handler)
    app.router.add_get("/", home)
    app.router.add_static("/static", STATIC)
    return app
