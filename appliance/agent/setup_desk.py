"""The setup's course in the running agent: where it stands, on disk, and what each answer does.

The steps themselves are decided by the pure setup/steps.py, what a field may hold by
setup/fields.py. Answers are acted on first and the step is passed afterwards, so that after
a power cut at any moment the person is asked again, and never past something undone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from functools import partial

import msgspec

from appliance.agent.errand import Errands, FieldError, Work
from appliance.agent.setup_answers import (
    FIELD_OF_PROBLEM,
    Devices,
    Errors,
    before_radio_changes,
    keep_password,
    kept,
    registering,
    renew_printer,
    set_time_zone,
)
from appliance.agent.state import AgentState
from appliance.config import Settings
from appliance.errors import ApplianceError, ConfigError, StorageError
from appliance.host.network import readable
from appliance.host.network_api import JoinFailed, Link, NetworkError
from appliance.setup import fields as forms
from appliance.setup import steps
from appliance.setup.api import Answers, Facts, Fields, SetupRecord, SetupView, Step
from appliance.setup.device_settings import Value
from appliance.setup.fields import NetworkValues, Wrong
from appliance.store import Record, remove, write_atomic

log = logging.getLogger(__name__)

KEYS_AGE = 15.0  # seconds after which a panel's page that asks no more is taken to be closed
UNUSED = 300.0  # seconds after which an unused setup mode is left
TICK = 10.0  # seconds between two looks at that
BUILT_IN = ("moves", "panel", "web")  # settings that are read at the start of the agent alone
RECORD = "setup.json"
NO_WAY_IN = "Choose a password: this device cannot show and confirm a visitor's code."
MODE = "setup-mode"  # in the run folder: setup mode outlives the agent, but no power cut


class Desk:
    """See :class:`appliance.setup.api.SetupDesk`; one for the life of the agent."""

    def __init__(
        self,
        settings: Settings,
        state: AgentState,
        devices: Devices,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._state = state
        self._devices = devices
        self._now = now
        self._store = Record(settings.state_folder / RECORD, SetupRecord)
        self._mode = settings.run_folder / MODE
        self._setup_mode = self._mode.exists()
        self._used_at = now()
        self._keys: frozenset[str] = frozenset()
        self._keys_asked_at = -KEYS_AGE
        self._restart_wanted = False
        self._was_registered = devices.account.serial_number is not None
        changed = state.revision.bump
        self._join = Errands("joining a Wi-Fi", changed)
        self._test = Errands("testing the printer", changed)
        self._register = Errands("registering", changed)
        self._scan = Errands("looking for Wi-Fis", changed)
        self._turn = asyncio.Lock()
        self._record = self._loaded()
        # The last life of the agent may have ended in the middle of one of these.
        self._join_cut = self._record.step is Step.NETWORK
        self._printer_stale = self._record.step is Step.PRINTER
        devices.watch.want_setup(self._setup_mode)

    # --- what is seen -----------------------------------------------------------------------

    @property
    def first_boot(self) -> bool:
        """The setup was never finished."""
        return not self._record.finished

    @property
    def active(self) -> bool:
        """The wizard is open."""
        return self._setup_mode or self.first_boot

    def view(self) -> SetupView:
        """The setup now."""
        devices, facts = self._devices, self._facts()
        return SetupView(
            active=self.active,
            record=self._record,
            facts=facts,
            steps=steps.steps(facts),
            networks=devices.watch.networks,
            scanning=self._scan.running,
            join=self._join.view,
            test=self._test.view,
            register=self._register.view,
            makes=devices.makes(),
            snapshot=self._state.snapshot,
            serial_number=devices.account.serial_number,
            hotspot_name=devices.watch.hotspot.name,
            hotspot_password=devices.watch.hotspot.password,
        )

    async def press_seen(self) -> frozenset[str]:
        """The keys that were pressed since the panel's page was opened, which asks every moment."""
        now = self._now()
        if now - self._keys_asked_at >= KEYS_AGE:
            self._keys = frozenset()
        self._keys_asked_at = now
        return self._keys

    def see_key(self, name: str) -> None:
        """A key of the panel was pressed (a value of panel.keys.Key)."""
        if self._now() - self._keys_asked_at < KEYS_AGE:
            self._keys |= {name}
            self._state.revision.bump()

    # --- what a person asks -----------------------------------------------------------------

    def touch(self) -> None:
        """A person used the wizard: setup mode stays open."""
        self._used_at = self._now()

    async def submit(self, step: Step, fields: Fields) -> Errors:
        """See SetupDesk. Raises ApplianceError when the disk is full."""
        self.touch()
        take = {
            Step.NETWORK: self._take_network,
            Step.TIME: self._take_time,
            Step.PRINTER: self._take_printer,
            Step.CAMERA: self._take_camera,
            Step.PANEL: self._take_panel,
            Step.CLOUD: self._take_cloud,
            Step.DONE: self._take_done,
        }.get(step)
        async with self._turn:  # of two browsers the second one sees what the first one did
            if take is not None:
                return await take(fields)
            self._pass(step)
            return {}

    async def go(self, step: Step) -> None:
        """See SetupDesk."""
        self.touch()
        self._join_cut = False
        self._see(steps.gone(self._record, step, self._facts()))

    async def scan(self) -> None:
        """Look for Wi-Fis again; seen in the view."""
        self.touch()
        self._scan_soon()

    def _scan_soon(self) -> None:
        if not self._join.running:
            self._scan.begin(self._look_for_networks, "Looking for Wi-Fis …")

    async def test_printer(self) -> None:
        """See SetupDesk."""
        self.touch()
        self._test.begin(self._devices.test_printer, "The printer homes, then it gets warm …")

    async def open_setup(self) -> None:
        """See SetupDesk."""
        self.touch()
        if not self._setup_mode:
            self._see(steps.reopened(self._record))
            self._set_mode(True)

    async def close_setup(self) -> None:
        """See SetupDesk. On first boot the wizard stays: there is nothing else yet."""
        if self._setup_mode:
            self._set_mode(False)
            self._restart_wanted = self._restart_needed()
            self._restart_at_rest()

    # --- for ever ---------------------------------------------------------------------------

    def joining_failed(self, reason: str) -> None:
        """A Wi-Fi that was asked for elsewhere, by the boot file, could not be joined."""
        try:
            self._see(steps.failed(self._record, reason))
        except StorageError as error:
            log.error("the setup is not kept: %s", error.long)

    async def run(self) -> None:
        """Follow what happens outside of the wizard."""
        while True:
            seen = self._state.revision.number
            try:
                await self._follow()
            except ApplianceError as error:
                log.error("the setup is not kept: %s", error.long)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await self._state.revision.wait_beyond(seen)

    async def close(self) -> None:
        """Break off what is under way."""
        for errand in (self._join, self._test, self._register, self._scan):
            await errand.close()

    async def _follow(self) -> None:
        self._restart_at_rest()
        self._see_join_that_was_cut()
        self._see(steps.settled(self._record, self._facts()))
        registered = self._devices.account.serial_number is not None
        untouched = self.first_boot and self._record.answers == Answers()
        if registered and not self._was_registered and untouched and self._can_be_left():
            self._finish()  # by its settings, with no person in between
        if self._was_registered and not registered and self._record.finished:
            await self.open_setup()  # it was taken out of the cloud
            self._see(steps.gone(self._record, Step.CLOUD, self._facts()))
        self._was_registered = registered
        if self._now() - self._used_at >= UNUSED and not self._errand_under_way():
            if self._setup_mode:
                await self.close_setup()
            elif self._record.step is Step.DONE and self._can_be_left():
                self._finish()

    def _can_be_left(self) -> bool:
        """There is a way in later without what a person may still set at the last step."""
        return self.first_boot and self._devices.own.settings.has_way_in

    def _see_join_that_was_cut(self) -> None:
        """The power went after the Wi-Fi was joined and before what came of it was seen."""
        network, ssid = self._state.network, self._record.answers.ssid
        there = network.link is Link.WIFI and network.ssid == ssid != b""
        if not there or not self._join_cut or self._join.running:
            return
        self._join_cut = False
        if self._record.problem and network.internet is False:
            self._devices.watch.explain()
        else:
            self._pass(Step.NETWORK)

    # --- the steps --------------------------------------------------------------------------

    async def _take_network(self, fields: Fields) -> Errors:
        if self._join.running:
            return {}
        values = forms.network(fields, self._devices.watch.networks)
        if isinstance(values, Wrong):
            return values.errors
        errors = kept(self._devices.own, {"wifi.country": values.country}, "country")
        if errors:
            return errors
        self._answer(country=values.country, ssid=values.ssid)
        self._see(msgspec.structs.replace(self._record, problem=""))
        self._join_cut = False
        name = readable(values.ssid)
        self._join.begin(partial(self._join_now, values), f"Joining {name} …")
        return {}

    async def _join_now(self, values: NetworkValues) -> str:
        await before_radio_changes(self._devices.answer_time)
        watch = self._devices.watch
        try:
            await watch.set_country(values.country)
        except NetworkError as error:
            self._see(steps.failed(self._record, error.long))
            raise FieldError("country", error.long) from error
        try:
            network = await watch.join(values.ssid, values.password, hidden=values.hidden)
        except JoinFailed as error:
            self._see(steps.failed(self._record, error.long))
            raise FieldError(FIELD_OF_PROBLEM.get(error.problem, "ssid"), error.long) from error
        self._pass(Step.NETWORK)
        return f"Joined {readable(values.ssid)}. The address is http://{network.ip}/."

    async def _take_time(self, fields: Fields) -> Errors:
        zone = forms.time(fields)
        if isinstance(zone, Wrong):
            return zone.errors
        errors = await set_time_zone(self._devices.clock, zone)
        if not errors:
            self._pass(Step.TIME, time_zone=zone)
        return errors

    async def _take_printer(self, fields: Fields) -> Errors:
        devices, before = self._devices, self._devices.own.settings.printer
        ports = (*devices.ports(), before.port)
        values = forms.printer(fields, ports, (*devices.makes(), self._record.answers.printer_make))
        if isinstance(values, Wrong):
            return values.errors
        x, y, z = values.size
        layer: dict[str, Value] = {
            "printer.port": values.port,
            "printer.baud": values.baud,
            "moves.size_x": x,
            "moves.size_y": y,
            "moves.size_z": z,
            "cloud.printer_make": values.make,
        }
        errors = kept(devices.own, layer, "port")
        if errors:
            return errors
        if self._printer_stale or (values.port, values.baud) != (before.port, before.baud):
            await renew_printer(devices.printer)
            self._printer_stale = False
        self._pass(Step.PRINTER, printer_make=values.make)
        return {}

    async def _take_camera(self, fields: Fields) -> Errors:
        values = forms.camera(fields)
        if isinstance(values, Wrong):
            return values.errors
        changes: dict[str, Value] = {"camera.transform": values.transform}
        if values.focus is not None:
            changes["camera.focus"] = values.focus
        before = self._devices.own.settings.camera
        errors = kept(self._devices.own, changes, "transform")
        if not errors:
            after = self._devices.own.settings.camera
            if after != before:
                await self._devices.change_camera(after)
            self._pass(Step.CAMERA)
        return errors

    async def _take_panel(self, fields: Fields) -> Errors:
        display = forms.panel(fields)
        if isinstance(display, Wrong):
            return display.errors
        before = self._devices.own.settings.panel.display
        errors = kept(self._devices.own, {"panel.display": display.value}, "display")
        if errors:
            return errors
        if display is before:
            self._pass(Step.PANEL)
        else:  # the step stays: the person shall see it, and press the keys beside it
            self._restart_wanted = True
            self._restart_at_rest()
        return {}

    async def _take_cloud(self, fields: Fields) -> Errors:
        if self._register.running or self._devices.account.serial_number is not None:
            self._see(steps.settled(self._record, self._facts()))
            return {}
        values = forms.cloud(fields)
        if isinstance(values, Wrong):
            return values.errors
        self._answer(email=values.email)
        work = registering(self._devices.account, values.email, values.pin)
        self._register.begin(partial(self._register_now, work), "Registering this printer …")
        return {}

    async def _register_now(self, work: Work) -> str:
        said = await work()
        self._see(steps.settled(self._record, self._facts()))
        return said

    async def _take_done(self, fields: Fields) -> Errors:
        if not (self._record.finished or self._record.step is Step.DONE):
            return {}  # a form of a page that is not open yet
        password = forms.page_password(fields)
        if isinstance(password, Wrong):
            return password.errors
        if password:
            try:
                await keep_password(self._devices.own, password)
            except ConfigError as error:
                return {"password": error.long}
        if not self._devices.own.settings.has_way_in:
            return {"password": NO_WAY_IN}
        self._finish()
        return {}

    # --- the record, and what follows from it -----------------------------------------------

    def _facts(self) -> Facts:
        network, own = self._state.network, self._devices.own.settings
        return Facts(
            network=network,
            has_camera=self._devices.has_camera(),
            has_panel=own.has_panel,
            confirms=own.shows_codes,
            has_header=self._devices.has_header,
            registered=self._devices.account.serial_number is not None,
            hotspot=network.link is Link.HOTSPOT,
        )

    def _pass(self, step: Step, **answers: str) -> None:
        """The answers of ``step`` were taken."""
        known = msgspec.structs.replace(self._record.answers, **answers)
        self._see(steps.answered(self._record, step, self._facts(), known))

    def _answer(self, **answers: str | bytes) -> None:
        """Remember what was answered, before it is acted on."""
        known: Answers = msgspec.structs.replace(self._record.answers, **answers)
        self._see(msgspec.structs.replace(self._record, answers=known))

    def _see(self, record: SetupRecord) -> None:
        """Keep ``record``. It is finished by the last step's answer alone, not by getting there.

        Raises StorageError; nothing has changed then.
        """
        record = msgspec.structs.replace(record, finished=self._record.finished)
        self._keep(record)

    def _finish(self) -> None:
        self._keep(msgspec.structs.replace(self._record, step=Step.DONE, finished=True))
        self._set_mode(False)
        self._restart_wanted = self._restart_needed()
        self._restart_at_rest()

    def _keep(self, record: SetupRecord) -> None:
        if record != self._record:
            self._store.save(record)
            entered = record.step is Step.NETWORK is not self._record.step
            self._record = record
            self._state.revision.bump()
            if entered and not self._devices.watch.networks:
                self._scan_soon()

    def _loaded(self) -> SetupRecord:
        try:
            record = self._store.load()
        except StorageError as error:
            log.error("the setup begins anew: %s", error.long)
            record = None
        if record is None and self._was_registered and self._settings.has_way_in:
            return SetupRecord(step=Step.DONE, finished=True)  # set up before there was a wizard
        return record or SetupRecord()

    def _set_mode(self, wanted: bool) -> None:
        try:
            write_atomic(self._mode, b"") if wanted else remove(self._mode)
        except StorageError as error:
            log.error("setup mode would not outlive the agent: %s", error.long)
        if wanted != self._setup_mode:
            log.info("setup mode %s", "begins" if wanted else "ends")
        self._setup_mode = wanted
        self._devices.watch.want_setup(wanted)
        self._state.revision.bump()

    def _errand_under_way(self) -> bool:
        return any(one.running for one in (self._join, self._test, self._register))

    def _restart_needed(self) -> bool:
        """Something was changed that the agent's running parts were built with."""
        own = self._devices.own.settings
        return any(getattr(own, name) != getattr(self._settings, name) for name in BUILT_IN)

    def _restart_at_rest(self) -> None:
        """Begin anew with the new settings, after the page was answered."""
        if self._restart_wanted and not self._errand_under_way():
            self._restart_wanted = False
            log.info("the agent begins anew with its new settings")
            loop = asyncio.get_running_loop()
            loop.call_later(self._devices.answer_time, self._devices.restart)

    async def _look_for_networks(self) -> str:
        found = await self._devices.watch.scan()
        return f"{len(found)} Wi-Fis were found."
