"""What wizard, pages, panel and boot file say to each other about the setup."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

import msgspec

from appliance.host.network_api import AccessPoint, NetworkState
from appliance.printer.api import Problem, Snapshot


class Step(StrEnum):
    """The wizard's steps in their order; each is a page."""

    WELCOME = "welcome"
    NETWORK = "network"  # country and Wi-Fi; done by itself with an Ethernet cable
    TIME = "time"  # time zone
    PRINTER = "printer"  # port, baud, what M115 says, test, make, build volume
    CAMERA = "camera"  # left out where there is none
    PANEL = "panel"  # left out where nothing is connected and nothing can be
    CLOUD = "cloud"  # e-mail and PIN
    DONE = "done"


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """What a person answered, without secrets; what becomes of it stands in the settings."""

    country: str = ""  # ISO 3166, two letters
    ssid: bytes = b""
    time_zone: str = ""
    printer_make: str = ""
    email: str = ""


class SetupRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept on the disk of the setup, so that it goes on where the power went."""

    step: Step = Step.WELCOME
    answers: Answers = Answers()
    finished: bool = False  # once; the wizard comes back with setup mode
    problem: str = ""  # why joining failed, for the page that is seen next


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the steps depend on."""

    network: NetworkState = NetworkState()
    has_camera: bool = False
    has_panel: bool = False
    confirms: bool = False  # a browser's code can be shown and confirmed at the device
    has_header: bool = False  # pins to which a panel can be connected
    registered: bool = False
    hotspot: bool = False  # the person is connected through our own Wi-Fi


class Progress(StrEnum):
    """Something that takes a while and that a page waits for."""

    NONE = "none"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Errand(msgspec.Struct, frozen=True):
    """One such thing: joining, the printer's test, the registration.

    ``field`` names the input that is wrong (the key of its form), where it is one.
    """

    progress: Progress = Progress.NONE
    text: str = ""  # a sentence
    field: str = ""


class SetupView(msgspec.Struct, frozen=True, kw_only=True):
    """The setup at one moment, for pages and panel."""

    active: bool  # the wizard is open; else its address shows the local page
    record: SetupRecord
    facts: Facts
    steps: tuple[Step, ...]  # those that apply, in order
    networks: tuple[AccessPoint, ...] = ()
    scanning: bool = False
    join: Errand = Errand()
    test: Errand = Errand()  # of the printer
    register: Errand = Errand()
    makes: tuple[str, ...] = ()  # printer_makes (section 3.6), or the copy on the device
    snapshot: Snapshot | None = None
    serial_number: str | None = None
    hotspot_name: str = ""
    hotspot_password: str = ""  # for the LCD alone; never sent to a page

    def __repr__(self) -> str:
        return f"SetupView(active={self.active}, step={self.record.step.value}, …)"


Fields = Mapping[str, str]
"""What a form sends: names and texts, untrusted."""


class SetupDesk(Protocol):
    """What pages and panel ask of the setup (agent/setup_desk.py). Nothing here blocks long."""

    def view(self) -> SetupView:
        """The setup now; ``AgentState.revision`` is bumped whenever it changes."""

    async def submit(self, step: Step, fields: Fields) -> dict[str, str]:
        """Take the answers of ``step``, and go on.

        Returns a sentence for each field that is wrong; nothing was taken then. What takes
        long (joining, registering) is begun, and seen in the view; the same form sent twice
        begins it once.
        """

    async def go(self, step: Step) -> None:
        """Go to a step that applies: back, or on without an answer where it may be left out."""

    async def scan(self) -> None:
        """Look for Wi-Fis again."""

    async def test_printer(self) -> None:
        """Home, and warm the nozzle to 40 °C; what came of it is seen in the view."""

    async def press_seen(self) -> frozenset[str]:
        """The keys that were pressed since the panel's step was opened."""

    async def open_setup(self) -> None:
        """Setup mode: the wizard is back, with the identity kept."""

    async def close_setup(self) -> None:
        """Leave the wizard (five minutes unused, or done)."""


class BootFileNews(msgspec.Struct, frozen=True):
    """What came of the file on the boot partition: nothing, taken over, or a problem."""

    taken: bool = False
    problem: Problem | None = None
