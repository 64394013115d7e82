"""PrusaSlicer's command line: its arguments, and what it says. Pure.

Measured with 2.5.0 (Debian 12) and 2.9.2 (Debian 13): the older checks no bed with
``--center``; the newer ends with status 0 on most errors, so only the file counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.slicing.errors import (
    BadConfiguration,
    BadModel,
    ModelTooLarge,
    NotEnoughMemory,
    SlicingError,
)

PROGRAM = "prusa-slicer"
PACKAGE = "prusa-slicer"
_PROGRESS = re.compile(r"^(\d{1,3}) => (.{1,200})$")
_SUBSTITUTED = re.compile(r'key = "([^"]+)"\s+loaded = "(.*?)"?\s+substituted = "(.*?)"?$')
_LOG_LINE = re.compile(r"^\[[^\]]+\] \[0x[0-9a-f]+\] \[(\w+)\]\s+")
_CONFIG_LINE = re.compile(rb"^; ([a-z0-9_]+) = ", re.MULTILINE)
_KEPT = 40  # lines of what it says
_LINE = 400  # characters


def arguments(
    model: Path,
    configs: Iterable[Path],
    output: Path,
    data: Path,
    center: tuple[float, float] | None,
    *,
    arrange: bool = True,
) -> list[str]:
    """The command line; a later file of ``configs`` overrides an earlier one.

    ``data`` is an empty folder that stands in for the person's own settings.
    """
    words = [PROGRAM, "--export-gcode", "--datadir", str(data)]
    for config in configs:
        words += ["--load", str(config)]
    if center is not None:
        # 2.5.0 takes negative numbers only when it is told not to arrange as well.
        words += ["--dont-arrange", f"--center={center[0]:.3f},{center[1]:.3f}"]
    elif not arrange:
        words.append("--dont-arrange")
    return [*words, "--output", str(output), str(model)]


@dataclass
class Output:
    """What a run says, line by line."""

    percent: float = 0.0
    stage: str = ""
    lines: list[str] = field(default_factory=list)
    substituted: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _warning: bool = False

    def feed(self, line: str) -> bool:
        """Take one line without its end; whether it told of progress."""
        line = line.rstrip()[:_LINE]
        if match := _PROGRESS.match(line):
            self._warning = False
            self.percent = max(self.percent, min(float(match[1]), 100.0))
            self.stage = match[2].partition(" to ")[0].strip()
            return True
        if match := _SUBSTITUTED.search(line):
            self.substituted.append(
                f"{match[1]} = {match[2]} is not known to this PrusaSlicer: "
                f"{match[3] or 'its default'} is used."
            )
        elif line.startswith("print warning:"):
            self._warning = True
            self.warnings.append(line.partition(":")[2].strip())
        elif self._warning and line and len(self.warnings) < _KEPT:
            self.warnings.append(line.strip())
        elif line and not line.startswith(("Slicing result exported", "The following config")):
            level = _LOG_LINE.match(line)
            if level is None or level[1] in ("error", "fatal"):
                self.lines.append(line[level.end() :] if level else line)
                del self.lines[:-_KEPT]
        return False

    def notes(self) -> tuple[str, ...]:
        """What a person should know although it went well."""
        warning = " ".join(word for word in self.warnings if not word.startswith("model."))
        return (*self.substituted, *([f"PrusaSlicer: {warning}"] if warning else []))


_TOO_LARGE = (
    "The model does not fit on the bed of the configuration. Make it smaller, or set the "
    "printer's real size (bed_width, bed_depth and bed_height under [slicing])."
)
_REASONS: tuple[tuple[str, type[SlicingError], str], ...] = (
    (r"bad_alloc|Unable to create convex hull|Cannot allocate memory", NotEnoughMemory, ""),
    (r"could not fit on the bed|outside of the print volume", ModelTooLarge, _TOO_LARGE),
    (r"Loading of a model file failed", BadModel,
     "PrusaSlicer cannot read the model. Export it once more, as STL."),
    (r"cannot export G-code for an FFF configuration|SLA configuration", BadConfiguration,
     "The configuration is for a resin printer (SLA). Choose one for this printer."),
    (r"no extrusions|print is empty|no layers|Nothing to print|no printable", BadModel,
     "Nothing of the model can be printed: it is too thin or too flat for this nozzle and "
     "layer height."),
    (r"Error while reading config file|failed loading configuration|Invalid value|"
     r"Parsing error|custom G-code|greater than nozzle|extrusion width|layer height|Invalid \w+",
     BadConfiguration, "The slicer's configuration cannot be used: {said}"),
)  # fmt: skip


def reason(output: Output) -> SlicingError:
    """Why there is no G-code, from what the slicer said."""
    said = " ".join(output.lines[-12:]).partition("Please inspect the file")[0].strip()
    for pattern, kind, sentence in _REASONS:
        if re.search(pattern, said, re.IGNORECASE):
            return kind(sentence.format(said=_tidy(said)))
    return SlicingError(
        f"PrusaSlicer could not slice the model: {_tidy(said) or 'it gave no reason.'}"
    )


def _tidy(said: str) -> str:
    """Without the names of our own files, and not too long."""
    said = re.sub(r'"?/[^\s"]*/([^\s"/]+)"?', r"\1", said)
    said = re.sub(
        r"terminate called after throwing an instance of '[^']*'\s+what\(\):\s*", "", said
    )
    said = said[:300].strip()
    return said if said.endswith((".", "!")) or not said else f"{said}."


def config_keys(tail: bytes) -> frozenset[str]:
    """The settings that PrusaSlicer wrote at the end of its G-code: all that it knows."""
    _, _, block = tail.rpartition(b"; prusaslicer_config = begin")
    return frozenset(match.decode("ascii") for match in _CONFIG_LINE.findall(block))


def not_understood(given: frozenset[str], known: frozenset[str]) -> str:
    """A sentence about the settings that this version does not know; "" when there are none."""
    missing = sorted(given - known) if known else []
    return f"Not known to this PrusaSlicer, left out: {', '.join(missing)}." if missing else ""
