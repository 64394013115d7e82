"""Which file of a ``print`` command is printed (section 2.12 and the live cloud). Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from appliance.errors import JobRefused
from appliance.polar.job import Chosen
from appliance.polar.messages import Print

_GCODE_ENDINGS: Final = (".gcode", ".gco", ".g")
_FILES: Final[Mapping[Chosen, Callable[[Print], str | None]]] = {
    Chosen.GCODE: lambda message: message.gcode_file,
    Chosen.STL: lambda message: message.stl_file,
    Chosen.THREEMF: lambda message: message.threemf_file,
}


class NothingToPrint(JobRefused):
    """The command lacks what could be printed."""

    default_short = "Nothing to print"


class Choice(msgspec.Struct, frozen=True):
    """The file that is printed, and the address of the configuration it may be sliced with."""

    what: Chosen
    url: str
    config_url: str = ""


def choose(message: Print) -> Choice:
    """The file that ``fileToPrint`` names, else the first that can be printed.

    In this order: G-code, STL with a configuration, 3MF. What is named wins over what would be
    possible: nothing else is printed in its place. A name that is not known here counts as
    none. Raises NothingToPrint with what is missing.
    """
    if message.file_to_print in tuple(Chosen):
        return _named(Chosen(message.file_to_print), message)
    stl = message.stl_file or ""
    if message.gcode_file:
        return Choice(Chosen.GCODE, message.gcode_file)
    if stl and (message.config_file or _is_gcode(stl)):
        return _stl(stl, message)
    if message.threemf_file:
        return _threemf(message.threemf_file, message)
    if stl:
        return _stl(stl, message)
    raise NothingToPrint(
        "The job has no file that can be printed: no G-code, no STL, no 3MF. Upload it again."
    )


def _named(wanted: Chosen, message: Print) -> Choice:
    url = _FILES[wanted](message)
    if not url:
        raise NothingToPrint(
            f"The Polar Cloud wants the job's {wanted} to be printed, but the job has none. "
            "Upload the file again."
        )
    match wanted:
        case Chosen.STL:
            return _stl(url, message)
        case Chosen.THREEMF:
            return _threemf(url, message)
        case Chosen.GCODE:
            return Choice(wanted, url)


def _stl(url: str, message: Print) -> Choice:
    if _is_gcode(url):
        return Choice(Chosen.GCODE, url)
    if not message.config_file:
        raise NothingToPrint(
            "The job has a model (STL), but no slicing configuration. Choose one for it in the "
            "Polar Cloud, or let the cloud slice it.",
            short="No slicer settings",
        )
    return Choice(Chosen.STL, url, message.config_file)


def _threemf(url: str, message: Print) -> Choice:
    """It may hold settings of its own; those that the cloud chose for the job win."""
    return Choice(Chosen.THREEMF, url, message.config_file or "")


def _is_gcode(url: str) -> bool:
    """The live cloud has been seen to send G-code as ``stlFile``."""
    try:
        path = urlsplit(url).path
    except ValueError:  # an address that cannot be used; the download says so
        return False
    return path.lower().endswith(_GCODE_ENDINGS)
