"""A Polar Cloud of one's own: Status Server, storage, API and page on one port.

``async with LocalCloud(CloudOptions()) as cloud:`` serves it to tests; :func:`run_cloud`
serves it to a person.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import msgspec
from aiohttp import web

from appliance.errors import CloudError
from appliance.polar.messages import CloudMessage, PauseKind
from appliance.sim.cloud_files import JobFiles
from appliance.sim.cloud_records import CONFIG, Account, FileKind, PrinterRecord, Saved, Seen
from appliance.sim.cloud_server import CloudFaults, StatusServer
from appliance.sim.cloud_session import SlotLimits
from appliance.sim.cloud_state import CloudState
from appliance.sim.cloud_web import CloudWeb
from appliance.sim.panel_web import PanelWeb
from appliance.sim.storage import BUCKET, Storage, StoredObject
from appliance.store import Record, write_atomic

_LOG = logging.getLogger(__name__)

DEFAULT_EMAIL = "owner@example.com"
DEFAULT_PIN = "1234"
_SAVE_DELAY = 0.2  # seconds; several changes at once become one write

T = TypeVar("T")


@dataclass(frozen=True)
class CloudOptions:
    """How the local cloud is set up; port 0 takes a free one, no folder keeps nothing."""

    host: str = "127.0.0.1"
    port: int = 0
    folder: Path | None = None
    accounts: tuple[Account, ...] = (Account(DEFAULT_EMAIL, DEFAULT_PIN),)
    limits: SlotLimits = field(default_factory=SlotLimits)
    ping: tuple[float, float] = (25.0, 20.0)  # Engine.IO interval and timeout, seconds
    clock: Callable[[], float] = time.time  # Unix seconds
    panel: Path | None = None  # socket of a simulated front panel, shown on the page


@dataclass(frozen=True)
class _Links:
    """Addresses under the base URL that a printer used to connect."""

    base: str
    storage: Storage

    def file(self, job_id: str, ending: str) -> str:
        return f"{self.base}/files/{job_id}.{ending}"

    def slot(
        self, key: str, *, content_type: str, max_size: int, expires: int
    ) -> tuple[str, dict[str, str]]:
        slot = self.storage.presign(self.base, key, content_type, max_size, expires)
        return msgspec.convert((slot["url"], slot["fields"]), tuple[str, dict[str, str]])


class LocalCloud:
    """The whole local cloud; an async context manager."""

    def __init__(self, options: CloudOptions | None = None) -> None:
        self.options = options or CloudOptions()
        self._stack = AsyncExitStack()
        self._change = asyncio.Event()
        self._durable = -1
        self._write: asyncio.Task[None] | None = None
        self._port = self.options.port

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            folder = self.options.folder or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="polar-cloud-"))
            )
            await self._build(folder)
            self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=1.0)
            await self._runner.setup()
            stack.push_async_callback(self._runner.cleanup)
            stack.push_async_callback(self.server.close)
            await self.go_online()
            saving = asyncio.create_task(self._save_changes())
            stack.push_async_callback(self._stop_saving, saving)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _build(self, folder: Path) -> None:
        options = self.options
        self._record = Record(folder / "cloud.json", Saved)
        saved = await asyncio.to_thread(self._record.load)
        self.state = CloudState(options.accounts, saved=saved)
        self.state.listeners.append(self._changed)
        self.files = JobFiles(folder / "files")
        secret = await asyncio.to_thread(_secret, folder / "storage-secret")
        self.storage = Storage(folder / "storage", secret, options.clock, on_stored=self._stored)
        for kept in sorted(self.storage.objects(), key=lambda one: one.stored_at):
            self._stored(kept)
        self.server = StatusServer(
            self.state,
            lambda base: _Links(base, self.storage),
            options.clock,
            limits=options.limits,
            ping=options.ping,
        )
        panel = PanelWeb(options.panel) if options.panel else None
        page = CloudWeb(self.state, self.server, self.files, options.clock, _storage_path, panel)
        self._app = web.Application()
        page.attach(self._app)
        self.storage.add_routes(self._app)
        self.server.attach(self._app)

    # Addresses and reachability

    @property
    def url(self) -> str:
        """The cloud's address, for the setting ``cloud.url``."""
        host = self.options.host
        return f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{self._port}"

    async def go_online(self) -> None:
        """Listen; after :meth:`go_offline` on the same port as before.

        Raises CloudError when the port is taken.
        """
        site = web.TCPSite(self._runner, self.options.host, self._port, reuse_address=True)
        try:
            await site.start()
        except OSError as error:
            raise CloudError(
                f"Port {self._port} of {self.options.host} cannot be used "
                f"({error.strerror}). Choose another with --port.",
                short="Port in use",
            ) from error
        self._site = site
        self._port = self._runner.addresses[0][1]

    async def go_offline(self) -> None:
        """Refuse new TCP connections and cut all that are open, as a dead network does."""
        await self._site.stop()
        for handler in self._runner.server.connections if self._runner.server else ():
            if handler.transport is not None:
                handler.transport.abort()

    # What tests and the demo do

    @property
    def faults(self) -> CloudFaults:
        """What goes wrong on purpose."""
        return self.server.faults

    @property
    def printer(self) -> PrinterRecord:
        """The printer registered last. Raises NotThere when there is none."""
        return self.state.printer()

    def queue(
        self,
        name: str,
        content: bytes,
        serial_number: str | None = None,
        *,
        kind: FileKind = FileKind.GCODE,
        config: bytes | None = None,
    ) -> str:
        """Queue a job, a model with its slicing configuration; its id.

        Raises NotThere when there is no printer.
        """
        serial = self.state.printer(serial_number).serial_number
        job_id = self.state.queue_job(
            serial,
            name,
            len(content),
            self.options.clock(),
            kind=kind,
            config=config is not None,
        )
        self.files.keep(job_id, kind.value, content)
        if config is not None:
            self.files.keep(job_id, CONFIG, config)
        return job_id

    async def start_print(self, job_id: str) -> None:
        """Send `print` for a queued job."""
        await self.server.start_print(job_id)

    async def pause(
        self, kind: PauseKind = PauseKind.PAUSE, serial_number: str | None = None
    ) -> None:
        """Send `pause`."""
        await self.server.pause(self.state.printer(serial_number).serial_number, kind)

    async def send(self, message: CloudMessage, serial_number: str | None = None) -> None:
        """Send any message to a connected printer."""
        await self.server.send(self.state.printer(serial_number).serial_number, message)

    def drop_connections(self) -> None:
        """Cut every printer's connection; the cloud goes on listening."""
        self.server.drop_connections()

    async def wait_for(self, predicate: Callable[[CloudState], T], timeout: float = 10.0) -> T:
        """The first true answer of ``predicate``, asked again after every change.

        Raises TimeoutError that tells the last messages.
        """
        try:
            async with asyncio.timeout(timeout):
                while not (answer := predicate(self.state)):
                    await self._change.wait()
        except TimeoutError:
            last = "; ".join(map(_told, list(self.state.log)[-10:])) or "nothing"
            raise TimeoutError(f"Not within {timeout} s. The last messages: {last}") from None
        return answer

    def _changed(self) -> None:
        self._change.set()
        self._change = asyncio.Event()

    def _stored(self, stored: StoredObject) -> None:
        self.state.stored(stored.key, stored.size, stored.stored_at)

    # Keeping what a restart needs

    async def _save_changes(self) -> None:
        while True:
            await self._durable_change()
            await asyncio.sleep(_SAVE_DELAY)
            await self._save()

    async def _durable_change(self) -> None:
        while self._durable == self.state.durable_revision:
            await self._change.wait()

    async def _save(self) -> None:
        self._durable = self.state.durable_revision
        write = asyncio.to_thread(self._record.save, self.state.saved())
        self._write = asyncio.create_task(write)
        await asyncio.shield(self._write)

    async def _stop_saving(self, saving: asyncio.Task[None]) -> None:
        saving.cancel()
        await asyncio.gather(saving, return_exceptions=True)
        if self._write is not None:
            await asyncio.wait({self._write})  # the folder may be removed after this
        if self._durable != self.state.durable_revision:
            await self._save()


def _secret(path: Path) -> bytes:
    """What slots are signed with; it is kept, so that they outlive a restart."""
    if not path.exists():
        write_atomic(path, secrets.token_bytes(32))
    return path.read_bytes()


def _storage_path(key: str) -> str:
    return f"/storage/{BUCKET}/{key}"


def _told(one: Seen) -> str:
    return f"{one.direction} {one.serial_number or '-'} {one.event}"


async def run_cloud(
    host: str = "127.0.0.1",
    port: int = 8700,
    folder: Path | None = None,
    email: str = DEFAULT_EMAIL,
    pin: str = DEFAULT_PIN,
    *,
    limits: SlotLimits | None = None,
    ready: Callable[[LocalCloud], None] | None = None,
) -> None:
    """Serve the local cloud until cancelled; ``ready`` is called once it listens.

    Raises CloudError when the port is taken.
    """
    options = CloudOptions(
        host=host,
        port=port,
        folder=folder,
        accounts=(Account(email, pin),),
        limits=limits or SlotLimits(),
    )
    async with LocalCloud(options) as cloud:
        _LOG.info("The local Polar Cloud listens on %s", cloud.url)
        if ready:
            ready(cloud)
        await asyncio.Event().wait()
