"""Gathers from the agent's parts what the front panel shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from appliance.agent.identity import Identity
from appliance.agent.photographer import Photographer
from appliance.agent.state import AgentState
from appliance.errors import CameraError
from appliance.host.network import local_ip, network_name
from appliance.panel.state import Cloud, PanelState, QueuePage
from appliance.polar.status import status_code
from appliance.setup.api import SetupView

NETWORK_AGE = 5.0  # seconds after which address and network are looked up again
START_TIME = 30.0  # seconds that the printer daemon may take on a small board
NOTICE_AGE = 60.0  # seconds for which a notice is worth showing


class CloudLine(Protocol):
    """What the panel shows of the connection (CloudClient)."""

    @property
    def online(self) -> bool:
        """Authenticated."""

    @property
    def status_text(self) -> str:
        """A sentence."""

    @property
    def waits_for_time(self) -> bool:
        """The clock is not set yet, and the connection waits for it."""

    @property
    def offline(self) -> tuple[float, float | None] | None:
        """Since when and until which next try, Unix seconds; None while online."""


class Pages(Protocol):
    """What the panel shows of the cloud's queue (Queue)."""

    @property
    def page(self) -> QueuePage:
        """What was last loaded."""


@dataclass(frozen=True)
class Wizard:
    """What is asked at each look, and must not block; as given here there is no wizard.

    ``setup``: the setup as it is (SetupDesk.view). ``code``: of the browser that waits to be
    let in (Access.code), or ''.
    """

    setup: Callable[[], SetupView | None] = lambda: None
    code: Callable[[], str] = str


class PanelView:
    """The panel's state at any moment.

    ``fixed`` holds what does not change while the agent runs (name, version, materials,
    limits, whether the display shows pictures, the port of the local page).
    """

    def __init__(
        self,
        fixed: PanelState,
        state: AgentState,
        cloud: CloudLine,
        identity: Callable[[], Identity],
        queue: Pages,
        photographer: Photographer,
        *,
        wizard: Wizard | None = None,
    ) -> None:
        self._fixed = fixed
        self._state = state
        self._cloud = cloud
        self._identity = identity
        self._queue = queue
        self._photographer = photographer
        self._wizard = wizard or Wizard()
        self._began = time.monotonic()
        self._met_printer = False
        self._looked_at = -NETWORK_AGE
        self._network = ("", "")
        self._picture = b""
        self._picture_problem = ""

    def look(self) -> PanelState:
        """The whole appliance as the panel sees it now."""
        state, now = self._state, time.time()
        ip, network = self._address(time.monotonic())
        return msgspec.structs.replace(
            self._fixed,
            now=now,
            starting=self._starting(),
            ip=ip,
            network=network,
            cloud=self._line(),
            status=status_code(state.inputs()),
            snapshot=state.snapshot,
            job=state.job,
            model=state.model,
            door=state.door,
            waiting_for_door=state.waiting_for_door,
            door_asks=state.door_asks,
            plate_full=state.plate_full,
            problem=state.problem,
            notice=state.notice if now - state.notice_at < NOTICE_AGE else "",
            queue=self._queue.page,
            camera=self._photographer.available,
            picture=self._picture,
            picture_problem=self._picture_problem,
            hardware=next(iter(state.panel_problems), None),
            setup=self._open_setup(),
            code=self._wizard.code(),
        )

    async def take_picture(self) -> None:
        """A new picture for the camera page. Raises CameraError; the page says it, too."""
        try:
            picture = await self._photographer.picture()
        except CameraError as error:
            self._picture, self._picture_problem = b"", error.short
            raise
        self._picture, self._picture_problem = picture, ""

    def forget_picture(self) -> None:
        """The camera page was closed: when it is opened again, this picture would be old."""
        self._picture, self._picture_problem = b"", ""

    def _open_setup(self) -> SetupView | None:
        setup = self._wizard.setup()
        return setup if setup is not None and setup.active else None

    def _starting(self) -> bool:
        """The printer daemon has not been heard of since the start, and may still come."""
        self._met_printer = self._met_printer or self._state.snapshot is not None
        return not self._met_printer and time.monotonic() - self._began < START_TIME

    def _line(self) -> Cloud:
        identity = self._identity()
        no_time = self._cloud.waits_for_time
        # By a clock that is not set, neither would be true.
        since, next_try = (not no_time and self._cloud.offline) or (None, None)
        return Cloud(
            online=self._cloud.online,
            serial_number=identity.serial_number,
            email=identity.email,
            text=self._cloud.status_text,
            offline_since=since,
            next_try=next_try,
            no_time=no_time,
        )

    def _address(self, now: float) -> tuple[str, str]:
        if now - self._looked_at >= NETWORK_AGE:
            self._looked_at = now
            self._network = (local_ip(), network_name())
        return self._network
