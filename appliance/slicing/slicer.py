"""From a model and a configuration to G-code: each part in its turn."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from appliance.errors import StorageError
from appliance.gcode.check import check_gcode
from appliance.gcode.facts import EDGE, first_reading, stated_facts
from appliance.gcode.reader import GcodeError
from appliance.settings_slicing import SlicingSettings
from appliance.slicing import cache, config_text, memory, prusa, prusa_config, threemf
from appliance.slicing import run as runner
from appliance.slicing.api import Progress, ProgressSeen, Request, Sliced
from appliance.slicing.cache import Cache, Entry
from appliance.slicing.config_text import Configuration, Kind
from appliance.slicing.errors import (
    BadConfiguration,
    BadModel,
    SlicerMissing,
    SlicingError,
)
from appliance.slicing.model import (
    HEADER,
    Box,
    check_stl,
    looks_like_stl,
    marked_copy,
    taken_for_text,
)
from appliance.slicing.plan import Plan, configured
from appliance.slicing.threads import Worker
from appliance.slicing.thumbnail import thumbnail_in
from appliance.slicing.translate import VERSION, translate

log = logging.getLogger(__name__)

_DISK_RESERVE = 100 * memory.MB  # bytes of disk that no slicing takes
_MAX_GCODE = 2_000_000_000  # bytes
_CRASHES = (signal.SIGABRT, signal.SIGILL, signal.SIGSEGV, signal.SIGBUS)
_CHECKED, _SLICED = 5.0, 95.0  # percent of the whole when the slicer begins and when it ends


@dataclass(frozen=True)
class _Model:
    """A model that was found fit."""

    suffix: str  # by which PrusaSlicer tells what it reads
    box: Box | None  # of an STL
    contents: threemf.Contents | None  # of a 3MF


class Slicer:
    """The implementation of :class:`appliance.slicing.api.Slicing`; ``cache`` None keeps nothing.

    One model at a time: memory is short where this runs.
    """

    def __init__(self, settings: SlicingSettings, cache: Cache | None) -> None:
        self._settings = settings
        self._cache = cache
        self._turn = asyncio.Lock()

    async def slice(self, request: Request, progress: ProgressSeen) -> Sliced:
        """See Slicing.slice."""
        async with self._turn:
            try:
                return await _Slicing(self._settings, self._cache, request, progress).go()
            except OSError as error:
                raise _storage(error, request) from error


class _Slicing:
    """One request on its way. The folder beside the output holds everything until the end."""

    def __init__(
        self,
        settings: SlicingSettings,
        kept: Cache | None,
        request: Request,
        progress: ProgressSeen,
    ) -> None:
        self._settings = settings
        self._cache = kept
        self._request = request
        self._progress = progress
        self._work = request.output.with_name(f".{request.output.name}.slicing")
        self._made = self._work / "out.gcode"
        self._threads = Worker()
        self._placing = False

    async def go(self) -> Sliced:
        """The whole way; afterwards the folder is gone, whatever happened."""
        try:
            await self._threads.run(_emptied, self._work)
            return await self._slice()
        except BaseException:
            if self._placing:
                self._request.output.unlink(missing_ok=True)
            raise
        finally:
            shutil.rmtree(self._work, ignore_errors=True)

    async def _slice(self) -> Sliced:
        self._progress(Progress(0.0, "Checking the model"))
        model = await self._threads.run(
            _checked, self._request.model, self._settings.max_model, self._threads.checkpoint
        )
        if model.contents and model.contents.gcode:
            return await self._take_out(model.contents)
        program = _program()
        configuration = await self._threads.run(self._configuration, model)
        plan = self._plan(configuration, model.box)
        key = await self._threads.run(self._key, program) if self._cache else ""
        if self._cache and (found := await self._cached(self._cache, key)):
            return self._told(found, cached=True)
        entry = await self._run(model, plan, configuration)
        await self._finish()
        if self._cache:
            await self._threads.run(self._cache.keep, key, self._request.output, entry)
        return self._told(entry)

    async def _cached(self, kept: Cache, key: str) -> Entry | None:
        self._placing = True
        found = await self._threads.run(kept.take, key, self._request.output)
        self._placing = found is not None
        return found

    def _told(self, entry: Entry, *, cached: bool = False) -> Sliced:
        self._progress(Progress(100.0, "Sliced"))
        return Sliced(
            output=self._request.output,
            seconds=entry.seconds,
            filament_mm=entry.filament_mm,
            layers=entry.layers,
            slicer=entry.slicer,
            thumbnail=entry.thumbnail,
            notes=entry.notes,
            cached=cached,
        )

    async def _take_out(self, contents: threemf.Contents) -> Sliced:
        """The G-code of a 3MF is printed as it is."""
        self._progress(Progress(_CHECKED, "Taking the G-code out"))
        room = _room_on_disk(self._work)
        await self._threads.run(
            threemf.take_gcode,
            self._request.model,
            contents.gcode,
            self._made,
            room,
            self._threads.checkpoint,
        )
        notes = []
        if contents.plates > 1:
            notes.append(f"The 3MF holds {contents.plates} plates; the first one is printed.")
        entry = await self._threads.run(self._facts, tuple(notes), contents.thumbnail)
        await self._finish()
        return self._told(entry)

    def _configuration(self, model: _Model) -> Configuration | None:
        """Raises BadConfiguration when there is none and the model has none either."""
        if self._request.config is not None:
            return config_text.read(self._request.config)
        if model.contents is not None and model.contents.has_settings:
            return None
        raise BadConfiguration(
            "The model comes without slicing settings. Choose a slicing configuration for this "
            "printer, or send a G-code file.",
            short="No slicer settings",
        )

    def _plan(self, configuration: Configuration | None, box: Box | None) -> Plan:
        """Raises BadConfiguration and ModelTooLarge."""
        if configuration is None:
            return Plan({})
        if configuration.kind is Kind.CURA:
            plan = translate(configuration, box, self._settings, time.localtime())
        else:
            plan = prusa_config.plan(configuration, self._settings)
        if box is not None:
            if plan.volume is not None:
                plan.volume.refuse(box, plan.center)
            if (ours := configured(self._settings)) is not None:
                ours.refuse(box, None)
        return plan

    def _key(self, program: Path) -> str:
        """Changes with everything that changes the result; a slicer that was updated does."""
        files = [self._request.model]
        files += [self._request.config] if self._request.config else []
        about, bed = program.stat(), self._settings
        words = (
            VERSION, about.st_size, about.st_mtime_ns,
            bed.bed_width, bed.bed_depth, bed.bed_height, bed.bed_shape, bed.bed_origin,
        )  # fmt: skip
        return cache.key_of(files, (str(word) for word in words), self._threads.checkpoint)

    async def _run(self, model: _Model, plan: Plan, configuration: Configuration | None) -> Entry:
        limits = self._limits(model)
        words = await self._threads.run(self._prepare, model, plan, configuration)
        output = prusa.Output()

        def said(line: str) -> None:
            if output.feed(line):
                span = (_SLICED - _CHECKED) * output.percent / 100
                self._progress(Progress(_CHECKED + span, output.stage))

        self._progress(Progress(_CHECKED, "Starting the slicer"))
        ended = await runner.run(words, self._work, limits, said)
        log.info("the slicer ended with status %d, peak %d MB", ended.status,
                 ended.peak // memory.MB)  # fmt: skip
        self._progress(Progress(_SLICED, "Checking the G-code"))
        if ended.status != 0 or not self._made.exists():
            _explain(ended, output, limits)
        notes = (*plan.notes, *output.notes())
        return await self._threads.run(self._facts, notes, None, plan.given)

    def _limits(self, model: _Model) -> runner.Limits:
        """Raises NotEnoughMemory when it certainly is too little, StorageError for the disk."""
        allowed = memory.allowed(self._settings.memory_limit)
        if allowed < memory.needed(model.box.triangles if model.box else 0):
            raise runner.not_enough(allowed)
        return runner.Limits(self._settings.time_limit, allowed, _room_on_disk(self._work))

    def _prepare(self, model: _Model, plan: Plan, configuration: Configuration | None) -> list[str]:
        """The folder for the run, and its command line. The model is named by what it is."""
        named = self._work / f"model{model.suffix}"
        if model.box is not None and taken_for_text(self._request.model):
            marked_copy(self._request.model, named, self._threads.checkpoint)
        else:
            named.symlink_to(self._request.model.resolve())
        configs = []
        for name, keys in (("config", plan.settings), ("ours", prusa_config.OVERRIDES)):
            configs.append(self._work / f"{name}.ini")
            configs[-1].write_text(prusa_config.ini(keys), encoding="utf-8")
        data = self._work / "data"
        data.mkdir()
        return prusa.arguments(
            named, configs, self._made, data, plan.center, arrange=configuration is not None
        )

    async def _finish(self) -> None:
        """Move the file into place so that it survives a power cut."""
        self._placing = True
        await self._threads.run(cache.place, self._made, self._request.output)

    def _facts(
        self,
        notes: tuple[str, ...],
        thumbnail: bytes | None,
        given: frozenset[str] = frozenset(),
    ) -> Entry:
        """What the finished file says of itself. Raises SlicingError when it is no G-code."""
        try:
            check_gcode(self._made)
        except GcodeError as error:
            raise SlicingError(f"The slicer made no usable file. {error.long}") from error
        with self._made.open("rb") as file:
            facts = first_reading(file, stated_facts(file), self._threads.checkpoint)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - EDGE))
            known = prusa.config_keys(file.read())
            file.seek(0)
            picture = thumbnail or thumbnail_in(file.read(4 * EDGE))
        missing = prusa.not_understood(given, known)
        return Entry(
            size=size,
            seconds=facts.estimated_seconds,
            filament_mm=facts.filament_mm,
            layers=facts.layers,
            slicer=facts.slicer,
            thumbnail=picture,
            notes=(*notes, missing) if missing else notes,
        )


def _program() -> Path:
    found = shutil.which(prusa.PROGRAM)
    if found is None:
        raise SlicerMissing(
            f"This device has no slicer: the package {prusa.PACKAGE} is not installed. Install "
            "it, or send a G-code file."
        )
    return Path(found).resolve()


def _emptied(folder: Path) -> None:
    """An agent that was killed may have left the folder of its last try."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _checked(path: Path, max_bytes: int, go_on: Callable[[], None]) -> _Model:
    """What kind of model it is, by its content. Raises BadModel and OSError."""
    with path.open("rb") as file:
        head = file.read(HEADER)
        size = os.fstat(file.fileno()).st_size
    if threemf.is_zip(head):
        return _Model(".3mf", None, threemf.look(path, max_bytes * 4, go_on))
    if size and not looks_like_stl(head, size):
        _refuse_other_files(path)
    return _Model(".stl", check_stl(path, max_bytes, go_on), None)


def _refuse_other_files(path: Path) -> None:
    """Raises BadModel for what is recognised as something else."""
    with path.open("rb") as file:
        start = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n")
    for sign, what in (
        (b"<", "a web page or XML, perhaps an error message of the server it came from"),
        (b"{", "JSON, perhaps an error message of the server it came from"),
        (b";", "G-code already: send it as a G-code file"),
        (b"G", "G-code already: send it as a G-code file"),
        (b"ISO-10303", "a STEP file: export it as STL"),
        (b"# ", "an OBJ file, perhaps: export it as STL"),
        (b"v ", "an OBJ file, perhaps: export it as STL"),
    ):
        if start.startswith(sign) and b"\x00" not in start:
            raise BadModel(f"The model is no STL but {what}.")


def _room_on_disk(folder: Path) -> int:
    """Bytes that a file there may have. Raises StorageError when there are none."""
    room = min(shutil.disk_usage(folder).free - _DISK_RESERVE, _MAX_GCODE)
    if room <= 0:
        raise StorageError(
            "The disk is almost full: there is no room for the sliced file. Remove files or use "
            "a larger SD card.",
            short="Disk full",
        )
    return room


def _explain(ended: runner.Ended, output: prusa.Output, limits: runner.Limits) -> NoReturn:
    """Raise why there is no G-code."""
    log.info("the slicer said: %s", " | ".join(output.lines[-10:]))
    if ended.status == -signal.SIGXFSZ:
        raise StorageError(
            f"The sliced file would have more than {limits.file / 1e6:.0f} MB, more than there "
            "is room for. Remove files, or slice with thicker layers.",
            short="Disk full",
        )
    error = prusa.reason(output)
    crashed = -ended.status in _CRASHES and ended.peak > limits.memory / 2
    if ended.status == -signal.SIGKILL or crashed or error.short == "Not enough memory":
        raise runner.not_enough(limits.memory)
    if ended.status < 0 and not output.lines:
        raise SlicingError(
            f"PrusaSlicer crashed ({signal.Signals(-ended.status).name}). Slice the model on a "
            "computer and send the G-code file."
        )
    raise error


def _storage(error: OSError, request: Request) -> StorageError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageError(
            "The disk is full: there is no room for the sliced file. Remove files or use a "
            "larger SD card.",
            short="Disk full",
        )
    where = error.filename or request.output
    return StorageError(f"{where}: {error.strerror or error}. Slicing cannot read or write here.")
