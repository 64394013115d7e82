"""The agent's composition root: builds every object and hands it to those that need it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp

from appliance import __version__, ipc
from appliance.agent.acts import Acts
from appliance.agent.commands import Commands, Doers
from appliance.agent.custom import CustomCommands, with_plate_clear
from appliance.agent.delivery import Delivery, Fetcher, VideoSender
from appliance.agent.door import Door
from appliance.agent.gate import Gate
from appliance.agent.identity import IdentityStore
from appliance.agent.jobs import CloudJobs
from appliance.agent.local import LocalJobs
from appliance.agent.membership import Membership
from appliance.agent.models import LocalModels
from appliance.agent.moves import Moves
from appliance.agent.panel import Panel
from appliance.agent.panel_deeds import PanelDeeds
from appliance.agent.panel_view import PanelView, Wizard
from appliance.agent.photographer import Photographer
from appliance.agent.pictures import Pictures
from appliance.agent.plate import Plate
from appliance.agent.preparation import Preparation
from appliance.agent.presence import Presence
from appliance.agent.printer_watch import PrinterWatch
from appliance.agent.queue import Queue
from appliance.agent.reporter import Reporter
from appliance.agent.reports import Reports
from appliance.agent.service import AgentService
from appliance.agent.state import AgentState
from appliance.agent.summary import summary
from appliance.agent.video import Timelapse
from appliance.agent.web_main import Front, Inside, build_front
from appliance.agent.workshop import Workshop
from appliance.camera.camera import Camera
from appliance.cloud.client import CloudClient, Timing, opener
from appliance.cloud.connection import tls_context
from appliance.cloud.key_tool import KeyTool
from appliance.cloud.outbox import Outbox
from appliance.cloud.outbox_sender import OutboxSender
from appliance.cloud.reconnect import Backoff
from appliance.cloud.uploads import Uploader
from appliance.config import Settings
from appliance.host.clock import HostClock, needs_time
from appliance.host.health import Health, Heart
from appliance.host.journal import Fields
from appliance.host.memory import keep_small
from appliance.host.network import device_name, local_ip, mac_address
from appliance.host.power import SystemPower
from appliance.host.systemd import STOPPING, Notifier, keep_status, notifier
from appliance.panel.keys import KeyStroke, Stroke
from appliance.panel.process import PanelProcess
from appliance.panel.state import PanelState
from appliance.panel.wire import Hardware
from appliance.polar.session import HelloFacts, Session
from appliance.printer.client import PrinterClient
from appliance.store import Lock

log = logging.getLogger(__name__)

Task = Coroutine[Any, Any, object]


# Seconds that a step of each part may take when all is well; past it the agent is started
# again, which harms no print.
CLOUD_LIMIT = 300.0  # opening takes 20, closing a few; a send waits for a dead line's ping limit
STATUS_LIMIT = 300.0  # one send
JOBS_LIMIT = 120.0  # a request to the printer daemon has 10; what takes long has its own limits
REPORTS_LIMIT = 300.0  # a send and an answer
VIDEOS_LIMIT = 3 * 3600.0  # 10 MB over a line of 10 kB/s, four times


@dataclass(frozen=True)
class Host:
    """What the process has from whoever started it, and how it ends to be started again."""

    notify: Notifier
    health: Health
    fields: Fields
    restart: Callable[[], None]
    clock: HostClock


async def run(
    settings: Settings, fields: Fields | None = None, notify: Notifier | None = None
) -> None:
    """Run the agent until SIGINT, SIGTERM or a restart that was asked for.

    ``fields`` are those of its log, ``notify`` is told how it does; None: as it was started.
    A part that fails takes the process down, with its traceback in the log; systemd (or
    ``up``) starts it again, and the print goes on meanwhile.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPPING:
        loop.add_signal_handler(number, stop.set)
    host = Host(notify or notifier(), Health(), fields or Fields(), stop.set, HostClock())
    async with AsyncExitStack() as stack:
        stack.enter_context(lock(settings))
        parts = await _build(settings, stack, host)
        host.notify.ready("The agent is running.")
        async with asyncio.TaskGroup() as group:
            watch = host.notify.watchdog(host.health)
            tasks = [group.create_task(part) for part in (*parts, watch, keep_small())]
            await stop.wait()
            host.notify.stopping()
            for task in tasks:
                task.cancel()


def lock(settings: Settings) -> Lock:
    """Only one process may be this device in the cloud."""
    return Lock(settings.run_folder / "agent.lock", "The agent")


async def _build(settings: Settings, stack: AsyncExitStack, host: Host) -> list[Task]:
    """Every object of the agent; returns what must run, leaves the closing to ``stack``."""
    state = AgentState()
    host.fields.job = lambda: state.job_id
    camera = Camera(settings.camera)
    stack.push_async_callback(camera.close)
    photographer = Photographer(state, camera)
    cloud_heart = host.health.part("line to the cloud", CLOUD_LIMIT)
    membership, client = await join_cloud(
        settings, state, lambda: camera.available, clock=host.clock, heart=cloud_heart
    )
    delivery = Delivery(client, membership)
    printer = await stack.enter_async_context(PrinterClient(settings.printer_socket))
    http = await stack.enter_async_context(_http(settings.cloud.ca_file))
    uploader = Uploader(http, delivery.request_slot)
    outbox = Outbox(settings.state_folder / "outbox")
    frames = settings.state_folder / "frames"
    timelapse = Timelapse(frames, settings.timelapse, photographer, outbox, delivery.video_limit)
    fetch = Fetcher(http, settings.cloud.max_download, host.clock)
    reports = Reports(outbox, membership.serial_number)
    door = Door(settings.door, state, printer, has_ok=settings.has_ok)
    queue = Queue(client, state, membership.serial_number)
    plate = Plate(settings.state_folder, settings.plate, state, queue.print_next)
    moves = Moves(settings.moves, settings.materials, printer, state)
    gate = Gate(printer, door, plate)
    folder = settings.state_folder
    workshop = Workshop(state, settings.slicing, folder / "slicing-cache")
    preparation = Preparation(folder / "spool", fetch, workshop)
    jobs = CloudJobs(state, folder, printer, preparation, timelapse, reports, gate)
    jobs.show_life(host.health.part("jobs", JOBS_LIMIT))
    models = LocalModels(state, folder, printer, workshop, gate, reports)
    listed = with_plate_clear(settings.commands, settings.plate.confirm)
    power = SystemPower()
    custom = CustomCommands(listed, printer, power, host.restart, plate.clear)
    doers = Doers(jobs, printer, custom, door, moves, queue)
    commands = Commands(state, doers, client.send, membership.serial_number)
    stack.push_async_callback(commands.close)
    membership.hand_on(commands.handle)
    acts = Acts(state, membership, client, jobs, outbox, camera, gate)
    inside = Inside(
        settings=settings,
        state=state,
        membership=membership,
        client=client,
        acts=acts,
        printer=printer,
        camera=camera,
        photographer=photographer,
        models=models,
        moves=moves,
        power=power,
        http=http,
        restart=host.restart,
        facts=lambda own: hello_facts(own, membership.identity.mac, lambda: camera.available),
    )
    return [
        *_to_cloud(inside, delivery, uploader, outbox, timelapse, doers, host.health),
        *await _to_people(inside, doers, plate, stack),
        PrinterWatch(printer, state).run(),
        jobs.run(),
        models.run(),
        LocalJobs(state, printer, reports, plate).run(),
        door.run(),
        plate.run(),
        moves.run(),
        host.clock.watch(client.reconnect_now),
        keep_status(host.notify, lambda: summary(client, membership.serial_number(), state.job)),
    ]


def _to_cloud(
    inside: Inside,
    delivery: Delivery,
    uploader: Uploader,
    outbox: Outbox,
    timelapse: Timelapse,
    doers: Doers,
    health: Health,
) -> list[Task]:
    """The line to the cloud, and what is sent there."""
    state, client, settings = inside.state, inside.client, inside.settings.cloud
    pictures = Pictures(state, settings, inside.photographer, uploader, timelapse)
    reporter = Reporter(
        state,
        settings.status_interval,
        client.send,
        inside.membership.serial_number,
        doers.jobs.announced,
        heart=health.part("status", STATUS_LIMIT),
    )
    sender = OutboxSender(
        outbox,
        delivery.send_report,
        VideoSender(uploader),
        client.wait_online,
        given_up=state.see_notice,
    )
    sender.show_life(health.part("reports", REPORTS_LIMIT), health.part("videos", VIDEOS_LIMIT))
    presence = Presence(
        state,
        client,
        delivery,
        doers.custom,
        uploader,
        heart=health.part("presence", STATUS_LIMIT),
    )
    return [
        client.run(),
        presence.run(),
        reporter.run(),
        pictures.upload(),
        pictures.record(),
        sender.run(),
    ]


async def _to_people(
    inside: Inside, doers: Doers, plate: Plate, stack: AsyncExitStack
) -> list[Task]:
    """Pages, front panel, and the command line's socket."""
    settings = inside.settings
    front, tasks = await build_front(inside, stack)
    panel = _panel_of(inside, doers, plate, front, stack) if settings.has_panel else []
    service = AgentService(inside.acts, front.access.confirm)
    runner = await ipc.serve(service.app(), settings.agent_socket)
    stack.push_async_callback(runner.cleanup)
    return [*tasks, *panel]


def _panel_of(
    inside: Inside, doers: Doers, plate: Plate, front: Front, stack: AsyncExitStack
) -> list[Task]:
    """The front panel's course, and the process that owns its hardware."""
    settings, membership, client = inside.settings, inside.membership, inside.client
    view = PanelView(
        _fixed(settings, inside.state.page_port),
        inside.state,
        client,
        lambda: membership.identity,
        doers.queue,
        inside.photographer,
        wizard=Wizard(front.desk.view, lambda: front.access.code),
    )
    deeds = PanelDeeds(
        doers,
        plate,
        inside.power,
        lambda: membership.unregister(client),
        setup=front.desk,
        access=front.access,
    )
    panel = Panel(inside.state, view, deeds.do, doers.door.see)
    panel.listen(lambda stroke: _seen(front, stroke))
    stack.push_async_callback(panel.close)
    hardware = Hardware(settings.panel, settings.buttons, settings.door)
    process = PanelProcess(hardware, panel.hear)
    stack.push_async_callback(process.close)
    panel.show_on(process.show)
    return [panel.run(), panel.watch(), process.run()]


def _seen(front: Front, stroke: KeyStroke) -> None:
    """The wizard's own step wants each button pressed once; and somebody is at the setup."""
    front.desk.touch()
    if stroke.stroke is Stroke.PRESS:
        front.desk.see_key(stroke.key)


def _fixed(settings: Settings, port: int) -> PanelState:
    """What the panel shows and what does not change while the agent runs."""
    return PanelState(
        now=0.0,
        name=device_name(),
        version=__version__,
        port=port,
        graphic=settings.panel.display.pixels is not None,
        menu_timeout=settings.panel.menu_timeout,
        materials=tuple(settings.materials),
        moves=settings.moves,
    )


def _http(ca_file: str) -> aiohttp.ClientSession:
    """For files: trusts what the connection to the cloud trusts."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls_context(ca_file) if ca_file else True)
    )


async def join_cloud(
    settings: Settings,
    state: AgentState,
    camera: Callable[[], bool],
    *,
    clock: HostClock | None = None,
    heart: Heart | None = None,
) -> tuple[Membership, CloudClient]:
    """The identity (made at the first start) and the line to the cloud.

    A line that is secured waits for ``clock``.
    """
    store = IdentityStore(settings.state_folder)
    identity = store.load(mac_address())
    keys = KeyTool()
    key = await store.key(keys.read)
    if key is None:
        key = await keys.make()
        store.save_key(key)
    facts = partial(hello_facts, settings, identity.mac, camera)
    session = Session(key, identity.serial_number, facts())
    membership = Membership(state, store, identity)
    client = CloudClient(
        opener(settings.cloud.url, settings.cloud.ca_file),
        session,
        membership.act,
        keys=keys,
        backoff=Backoff(random.Random()),
        timing=Timing(
            clock=(clock or HostClock()) if needs_time(settings.cloud.url) else None,
            heart=heart or Heart(),
        ),
    )
    client.introduce_as(facts)
    return membership, client


def hello_facts(settings: Settings, mac: str, camera: Callable[[], bool]) -> HelloFacts:
    """What the cloud is told about this device (section 3.6).

    Pictures are sent upright, and there is no live feed that a browser would have to turn.
    """
    return HelloFacts(
        mac=mac,
        mfg=settings.cloud.mfg,
        mfg_sn=settings.cloud.mfg_sn,
        printer_make=settings.cloud.printer_make,
        version=__version__,
        local_ip=local_ip(),
        transform_img=0,
        camera=camera(),
    )
