"""Carries out what the file on the boot partition asks for: join a Wi-Fi, register."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from appliance.agent.api import RegisterAs
from appliance.agent.membership import PASSING, NotRegistered
from appliance.agent.network_watch import NetworkWatch
from appliance.agent.setup_answers import Account
from appliance.agent.state import AgentState
from appliance.errors import ApplianceError, CloudError
from appliance.host.network_api import JoinFailed, JoinProblem, NetworkError
from appliance.printer.api import Problem
from appliance.settings_web import WifiSettings
from appliance.setup.api import BootFileNews
from appliance.setup.boot_file import Account as OrderedAccount
from appliance.setup.boot_file import BootOrder

log = logging.getLogger(__name__)

JOIN_PAUSE = 300.0  # seconds until a Wi-Fi that was not there is looked for again
REGISTER_PAUSES = (5.0, 15.0, 60.0, 300.0)  # seconds; the last one is repeated
JOINED = frozenset({JoinProblem.NO_INTERNET, JoinProblem.CAPTIVE})  # but it leads nowhere yet
PATIENT = frozenset({JoinProblem.NOT_FOUND, JoinProblem.NO_ADDRESS})  # a router may be off

Sleep = Callable[[float], Awaitable[None]]
Keep = Callable[[str], Awaitable[None]]
"""Keeps the hash of the local page's password. Raises ApplianceError with the reason."""


class File(Protocol):
    """The file (setup/boot_file.py)."""

    def read(self) -> BootOrder:
        """What it asks for."""

    def wifi_joined(self, wifi: WifiSettings) -> BootFileNews:
        """Wipe the password."""

    def registered(self) -> BootFileNews:
        """Wipe the PIN."""

    def password_kept(self) -> BootFileNews:
        """Wipe the password of the local page."""

    def report(self, problem: Problem | None) -> BootFileNews:
        """Write beside it what is wrong."""


class BootOrders:
    """Reads the file when it is made, so that no hotspot is opened before its Wi-Fi was tried.

    ``told`` hears why that Wi-Fi could not be joined, for the wizard's page.
    """

    def __init__(
        self,
        file: File,
        watch: NetworkWatch,
        account: Account,
        state: AgentState,
        *,
        told: Callable[[str], None],
        keep_password: Keep,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._file = file
        self._watch = watch
        self._account = account
        self._state = state
        self._told = told
        self._keep_password = keep_password
        self._sleep = sleep
        self._turn = asyncio.Lock()  # each wipes its own secret from the one file
        self._order = self._read()
        self._see(self._order.news)
        if self._order.wifi is not None:
            watch.hold()

    @property
    def registers(self) -> bool:
        """The file asks for a registration: nobody else need do it from the settings."""
        return self._order.account is not None

    async def run(self) -> None:
        """Carry it out, then return. A cable may lead to the cloud while a Wi-Fi is not found."""
        if self._order.page_password:  # first: it is a way in once the others are done
            await self._safely("web", self._take_password(self._order.page_password))
        async with asyncio.TaskGroup() as group:
            if self._order.wifi is not None:
                group.create_task(self._safely("wifi", self._first(self._order.wifi)))
            if self._order.account is not None:
                group.create_task(self._safely("cloud", self._register(self._order.account)))

    def _read(self) -> BootOrder:
        try:
            return self._file.read()
        except Exception:  # boundary of the file: the device starts without it
            log.exception("boot file")
            return BootOrder(news=BootFileNews(problem=_mistake("the file")))

    async def _safely(self, name: str, order: Coroutine[Any, Any, None]) -> None:
        try:
            await order
        except Exception:  # boundary of one order: the agent goes on
            log.exception("boot file: %s", name)
            await self._report(_mistake(name))

    async def _take_password(self, password: str) -> None:
        try:
            await self._keep_password(password)
        except ApplianceError as error:
            text = f"polar-appliance.toml: web.password: {error.long}"
            await self._report(Problem(error.short, text))
            return
        async with self._turn:
            self._see(await asyncio.to_thread(self._file.password_kept))

    async def _first(self, wifi: WifiSettings) -> None:
        try:
            await self._join(wifi)
        except BaseException:
            self._watch.release()
            raise

    async def _join(self, wifi: WifiSettings) -> None:
        while True:
            problem = await self._joined(wifi)
            if problem is None:
                async with self._turn:
                    self._see(await asyncio.to_thread(self._file.wifi_joined, wifi))
                return
            text = f"polar-appliance.toml: wifi: {problem.long}"
            await self._report(Problem(problem.short, text))
            self._told(problem.long)
            if problem.problem not in PATIENT:
                return
            await self._sleep(JOIN_PAUSE)
            # A person at the hotspot is not thrown out, nor a network that works given up.
            while self._watch.in_use or self._watch.linked:
                await self._sleep(JOIN_PAUSE)

    async def _joined(self, wifi: WifiSettings) -> JoinFailed | None:
        try:
            if wifi.country:
                await self._watch.set_country(wifi.country)
        except NetworkError as error:
            log.error("the country of the Wi-Fi: %s", error.long)  # joining says more
        try:
            await self._watch.join(wifi.name, wifi.password, hidden=wifi.hidden)
        except JoinFailed as error:
            if error.problem not in JOINED:
                return error
            self._state.see_problem(Problem(error.short, error.long))
            self._told(error.long)
        return None

    async def _register(self, account: OrderedAccount) -> None:
        for turn in itertools.count():
            if self._registered():
                async with self._turn:
                    self._see(await asyncio.to_thread(self._file.registered))
                return
            try:
                await self._account.register(RegisterAs(account.email, account.pin))
                continue
            except NotRegistered as error:
                if self._registered():
                    continue  # a person was quicker
                if error.reason not in PASSING:
                    await self._report(
                        Problem("Not registered", f"polar-appliance.toml: {error.long}")
                    )
                    return
            except CloudError as error:
                log.info("registering: %s", error.long)
            await self._sleep(REGISTER_PAUSES[min(turn, len(REGISTER_PAUSES) - 1)])

    def _registered(self) -> bool:
        return self._account.serial_number is not None

    async def _report(self, problem: Problem) -> None:
        async with self._turn:
            await asyncio.to_thread(self._file.report, problem)
        self._see(BootFileNews(problem=problem))

    def _see(self, news: BootFileNews) -> None:
        if news.problem is not None:
            log.error("boot file: %s", news.problem.long)
            self._state.see_problem(news.problem)


def _mistake(what: str) -> Problem:
    long = f"polar-appliance.toml: {what}: the appliance made a mistake; its log tells more."
    return Problem("Check boot file", long)
