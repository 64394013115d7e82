"""What the virtual Marlin does with each G-code (the firmware's ``gcode/``)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from math import inf

from appliance.sim.heaters import BED, CHAMBER, HOTEND, HeaterModel
from appliance.sim.motion import MILLIMETRES_PER_INCH, Motion, Wait, Waiting, WaitKind, Words
from appliance.sim.options import MarlinOptions
from appliance.sim.planner import Planner

Handler = Callable[[Words, str, float], Waiting | None]
"""(parameters, the text behind the code, now) -> what is left to wait for."""

_CODE = re.compile(r"([GMT])(\d+)(?:\.\d+)? *")
_WORD = re.compile(r"([A-Z]) *([+-]?(?:\d+\.?\d*|\.\d+))?")
_HANDLER_NAME = re.compile(r"_[gm]\d+$")

HEATING_REPORT_INTERVAL = 1.0  # M109 and M190 tell the temperature while they wait
CLOSE_ENOUGH = 1.0  # °C

SILENT = frozenset(
    [f"G{n}" for n in (10, 11, 17, 18, 19, 29, 30, 53, 60, 61, 80)]
    + [f"M{n}" for n in (17, 18, 42, 73, 75, 76, 77, 78, 84, 92, 111, 120, 121, 145, 149)]
    + [f"M{n}" for n in (150, 200, 201, 202, 203, 204, 205, 206, 207, 208, 209, 211, 217)]
    + [f"M{n}" for n in (218, 221, 226, 240, 250, 280, 290, 300, 301, 302, 303, 304, 305)]
    + [f"M{n}" for n in (350, 351, 355, 401, 402, 403, 404, 412, 413, 420, 421, 425, 428)]
    + [f"M{n}" for n in (486, 500, 501, 502, 503, 504, 540, 569, 572, 575, 593, 603, 605)]
    + [f"M{n}" for n in (665, 666, 701, 702, 851, 852, 900, 906, 907, 913, 914, 999)]
    # Carried out as they came in, by the emergency parser or early by the receiver.
    + ["M108", "M876"]
)
"""Known to the firmware, and without an effect that a host could see."""

CAPABILITIES_ON = ("EEPROM", "PRINT_JOB", "AUTOLEVEL", "THERMAL_PROTECTION", "ARCS")
CAPABILITIES_OFF = ("SERIAL_XON_XOFF", "BINARY_FILE_TRANSFER", "PROGRESS", "SDCARD", "Z_PROBE")


def parse_words(text: str) -> Words:
    """The parameters of a command."""
    return {letter: float(value) if value else None for letter, value in _WORD.findall(text)}


def whole(words: Words, letter: str, default: int = 0) -> int:
    """A parameter as a whole number."""
    value = words.get(letter)
    return default if value is None else int(value)


class Machine:
    """Heaters, fan, head and the commands that move them.

    ``say`` takes an output line; ``kill`` is what M112 calls, ``set_line_number`` M110. A
    method ``_g28`` carries out G28: it returns None when that is done at once.
    """

    def __init__(
        self,
        options: MarlinOptions,
        say: Callable[[str], None],
        kill: Callable[[float], None],
        set_line_number: Callable[[int], None],
    ) -> None:
        self.options = options
        self.motion = Motion(Planner(options.planner_blocks, options.speed), options.home_time)
        self.fan = 0  # 0 to 255
        self.tool = 0
        self.message = ""  # M117
        self.report_interval = 0.0  # M155; 0 = off
        self.keepalive = options.keepalive  # M113
        self.released = False  # M108 or M876 came: do not wait any longer
        self.tools = [HeaterModel(HOTEND) for _ in range(options.extruders)]
        self.bed = HeaterModel(BED) if options.bed else None
        self.chamber = HeaterModel(CHAMBER) if options.chamber else None
        self._say = say
        self._kill = kill
        self._set_line_number = set_line_number
        self._handlers: dict[str, Handler] = dict.fromkeys(SILENT, self._nothing)
        for name in filter(_HANDLER_NAME.match, dir(self)):
            self._handlers[name[1:].upper()] = getattr(self, name)
        absent = {"M155": not options.autoreport, "M141": not options.chamber}
        absent |= {"M191": not options.chamber, "M140": not options.bed, "M190": not options.bed}
        for code in (code for code, missing in absent.items() if missing):
            del self._handlers[code]

    def find(self, body: str) -> Callable[[float], Waiting | None] | None:
        """What carries out the command; None when the firmware does not know it."""
        match = _CODE.match(body)
        if not match:
            return None
        letter, number = match[1], int(match[2])
        if letter == "T":
            return lambda now: self._select_tool(number)
        handler = self._handlers.get(f"{letter}{number}")
        if handler is None:
            return None
        text = body[match.end() :]
        return lambda now: handler(parse_words(text), text, now)

    # Heaters

    def heaters(self) -> Iterator[tuple[str, HeaterModel]]:
        """Marlin's name (T0, T1, B, C) and model of each heater."""
        yield from ((f"T{index}", heater) for index, heater in enumerate(self.tools))
        if self.bed:
            yield "B", self.bed
        if self.chamber:
            yield "C", self.chamber

    def scaled(self, now: float) -> float:
        """The heaters' own time: they are as much quicker as the moves are."""
        return now * self.options.speed

    def temperatures(self, now: float) -> str:
        """The report of M105 and M155: ``T:.. /.. B:.. /.. @:0 B@:0``."""
        when = self.scaled(now)

        def shown(name: str, heater: HeaterModel) -> str:
            return f"{name}:{heater.temperature(when):.2f} /{heater.target:.2f}"

        parts = [shown("T", self.tools[self.tool])]
        parts += [shown(name, heater) for name, heater in self.heaters() if name[0] != "T"]
        if len(self.tools) > 1:
            parts += [shown(name, heater) for name, heater in self.heaters() if name[0] == "T"]
        parts.append(f"@:{self.tools[self.tool].power(when)}")
        parts += [f"{n}@:{h.power(when)}" for n, h in self.heaters() if n[0] != "T"]
        if len(self.tools) > 1:
            parts += [f"@{i}:{heater.power(when)}" for i, heater in enumerate(self.tools)]
        return " ".join(parts)

    def reset(self, now: float) -> None:
        """The board starts anew; what is warm stays warm for a while."""
        self.motion.reset(now)
        self.heaters_off(now)
        self.fan = self.tool = 0
        self.message = ""
        self.report_interval = 0.0
        self.keepalive = self.options.keepalive

    def heaters_off(self, now: float) -> None:
        """As after a kill."""
        for _, heater in self.heaters():
            heater.set_target(0.0, self.scaled(now))

    def _hotend(self, words: Words) -> HeaterModel | None:
        index = whole(words, "T", self.tool)
        if 0 <= index < len(self.tools):
            return self.tools[index]
        self._say(f"echo:M104 Invalid extruder {index}")
        return None

    def _heat(self, heater: HeaterModel | None, words: Words, now: float) -> None:
        target = words.get("S") if words.get("S") is not None else words.get("R")
        if heater and target is not None:
            heater.set_target(target, self.scaled(now))

    def _heat_and_wait(self, heater: HeaterModel | None, words: Words, now: float) -> Waiting:
        self._heat(heater, words, now)
        if heater is None or ("S" not in words and "R" not in words):
            return
        self.released = False
        actual = heater.temperature(self.scaled(now))
        cooling = actual > heater.target
        if abs(actual - heater.target) <= CLOSE_ENOUGH:
            return
        if cooling and ("S" in words or not heater.target):
            return  # S waits only for warmth
        off = CLOSE_ENOUGH if cooling else -CLOSE_ENOUGH
        done = heater.reaches(heater.target + off) / self.options.speed
        while now < done and not self.released:
            now = yield Wait(min(done, now + HEATING_REPORT_INTERVAL), WaitKind.HEATUP)
            self._say(f" {self.temperatures(now)} W:?")

    def _m104(self, words: Words, _: str, now: float) -> None:
        self._heat(self._hotend(words), words, now)

    def _m109(self, words: Words, _: str, now: float) -> Waiting:
        return self._heat_and_wait(self._hotend(words), words, now)

    def _m140(self, words: Words, _: str, now: float) -> None:
        self._heat(self.bed, words, now)

    def _m190(self, words: Words, _: str, now: float) -> Waiting:
        return self._heat_and_wait(self.bed, words, now)

    def _m141(self, words: Words, _: str, now: float) -> None:
        self._heat(self.chamber, words, now)

    def _m191(self, words: Words, _: str, now: float) -> Waiting:
        return self._heat_and_wait(self.chamber, words, now)

    def _m155(self, words: Words, _: str, now: float) -> None:
        self.report_interval = max(0.0, words.get("S") or 0.0)

    # The head

    def _g0(self, words: Words, _: str, now: float) -> Waiting | None:
        return self.motion.linear(words, now)

    _g1 = _g0

    def _g2(self, words: Words, _: str, now: float) -> Waiting | None:
        return self.motion.arc(words, True, now)

    def _g3(self, words: Words, _: str, now: float) -> Waiting | None:
        return self.motion.arc(words, False, now)

    def _g4(self, words: Words, _: str, now: float) -> Waiting:
        return self.motion.dwell(words, now)

    def _g20(self, _words: Words, _: str, _now: float) -> None:
        self.motion.unit = MILLIMETRES_PER_INCH

    def _g21(self, _words: Words, _: str, _now: float) -> None:
        self.motion.unit = 1.0

    def _g28(self, words: Words, _: str, now: float) -> Waiting:
        yield from self.motion.home(words, now)
        self._say(self.motion.report(inf))  # no move is left, so that any time will do

    def _g90(self, _words: Words, _: str, _now: float) -> None:
        self.motion.absolute = self.motion.absolute_e = True

    def _g91(self, _words: Words, _: str, _now: float) -> None:
        self.motion.absolute = self.motion.absolute_e = False

    def _g92(self, words: Words, _: str, _now: float) -> None:
        self.motion.relocate(words)

    def _m82(self, _words: Words, _: str, _now: float) -> None:
        self.motion.absolute_e = True

    def _m83(self, _words: Words, _: str, _now: float) -> None:
        self.motion.absolute_e = False

    def _m114(self, _words: Words, _: str, now: float) -> None:
        self._say(self.motion.report(now))

    def _m220(self, words: Words, _: str, _now: float) -> None:
        self.motion.feed_percent = words.get("S") or self.motion.feed_percent

    def _m400(self, _words: Words, _: str, now: float) -> Waiting:
        return self.motion.synchronize(now)

    def _select_tool(self, number: int) -> None:
        if number < len(self.tools):
            self.tool = number
            self._say(f"echo:Active Extruder: {number}")
        else:
            self._say(f"echo:T{number} Invalid extruder")

    # The rest

    def _nothing(self, _words: Words, _: str, _now: float) -> None:
        """A command of :data:`SILENT`."""

    def _m105(self, _words: Words, _: str, _now: float) -> None:
        """The report is part of its ``ok``."""

    def _m106(self, words: Words, _: str, _now: float) -> None:
        self.fan = max(0, min(255, whole(words, "S", 255)))

    def _m107(self, _words: Words, _: str, _now: float) -> None:
        self.fan = 0

    def _m110(self, words: Words, _: str, _now: float) -> None:
        if words.get("N") is not None:
            self._set_line_number(whole(words, "N"))

    def _m112(self, _words: Words, _: str, now: float) -> None:
        if not self.options.emergency_parser:
            self._kill(now)

    def _m410(self, _words: Words, _: str, now: float) -> None:
        if not self.options.emergency_parser:
            self.motion.stop(now)

    def _m113(self, words: Words, _: str, _now: float) -> None:
        if words.get("S") is None:
            self._say(f"echo:M113 S{self.keepalive:g}")
        else:
            self.keepalive = min(60.0, words["S"] or 0.0)

    def _m115(self, _words: Words, _: str, _now: float) -> None:
        options = self.options
        self._say(
            f"FIRMWARE_NAME:{options.firmware} "
            "SOURCE_CODE_URL:github.com/MarlinFirmware/Marlin PROTOCOL_VERSION:1.0 "
            f"MACHINE_TYPE:{options.machine} EXTRUDER_COUNT:{options.extruders} "
            f"UUID:{options.uuid}"
        )
        for name, there in self._capabilities().items():
            self._say(f"Cap:{name}:{int(there)}")

    def _capabilities(self) -> dict[str, bool]:
        options = self.options
        return {
            **dict.fromkeys(CAPABILITIES_OFF, False),
            **dict.fromkeys(CAPABILITIES_ON, True),
            "AUTOREPORT_TEMP": options.autoreport,
            "EMERGENCY_PARSER": options.emergency_parser,
            "HOST_ACTION_COMMANDS": True,
            "PROMPT_SUPPORT": True,
            "CHAMBER_TEMPERATURE": options.chamber,
            **options.capabilities,
        }

    def _m117(self, _words: Words, text: str, _now: float) -> None:
        self.message = text

    def _m118(self, _words: Words, text: str, _now: float) -> None:
        prefix = ""
        while match := re.match(r"([AEP])(\d) ?", text):
            text = text[match.end() :]
            if match[2] == "1":
                prefix = {"A": "//", "E": "echo:"}.get(match[1], prefix)
        self._say(prefix + text)

    def _m600(self, _words: Words, _: str, now: float) -> Waiting:
        yield from self.motion.synchronize(now)
        self._say("//action:paused")
        self._prompt("Pause", "Dismiss")
        self._prompt("Nozzle Parked", "Continue")
        yield from self._until_released(now, inf)
        self._say("//action:prompt_end")
        self._say("//action:resumed")

    def _m0(self, words: Words, text: str, now: float) -> Waiting:
        yield from self.motion.synchronize(now)
        seconds = words.get("S") or (words.get("P") or 0.0) / 1000
        message = re.sub(r"^(?:[PS]\d+ *)*", "", text)
        self._prompt(message or "M0 Stop", "Continue")
        now = max(now, self.motion.planner.idle_at)
        yield from self._until_released(now, now + seconds if seconds else inf)

    _m1 = _m0

    def _prompt(self, question: str, button: str) -> None:
        self._say("//action:prompt_end")
        self._say(f"//action:prompt_begin {question}")
        self._say(f"//action:prompt_button {button}")
        self._say("//action:prompt_show")

    def _until_released(self, now: float, until: float) -> Waiting:
        self.released = False
        while now < until and not self.released:
            now = yield Wait(until, WaitKind.USER)
