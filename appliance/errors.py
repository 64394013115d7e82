"""The one root of everything that this product raises on purpose.

Each error carries two texts: a short one for an LCD line (20 characters at most) and a
long one that says what is wrong and what a person can do about it.
"""

from __future__ import annotations

SHORT_LENGTH = 20


class ApplianceError(Exception):
    """Something went wrong in a way that a person can be told about.

    ``long`` is a whole sentence or two for the web page, the log and the cloud;
    ``short`` fits one line of a 20-character LCD.
    """

    default_short = "Error"

    def __init__(self, long: str, *, short: str | None = None) -> None:
        super().__init__(long)
        self.long = long
        self.short = (short or self.default_short)[:SHORT_LENGTH]


class ConfigError(ApplianceError):
    """A settings file holds a key or a value that cannot be used."""

    default_short = "Check settings"


class StorageError(ApplianceError):
    """The disk is full, read-only, or holds a record that cannot be read."""

    default_short = "Storage problem"


class MessageError(ApplianceError):
    """A message from the cloud is not what the protocol document says it is."""

    default_short = "Bad cloud message"


class CloudError(ApplianceError):
    """The Polar Cloud cannot be reached, or refused what was asked of it."""

    default_short = "Cloud problem"


class TransferError(ApplianceError):
    """A download or an upload failed for good."""

    default_short = "Transfer failed"


class PrinterError(ApplianceError):
    """The printer, its port or its daemon cannot do what was asked."""

    default_short = "Printer problem"


class JobRefused(PrinterError):
    """A print, pause, resume or cancel that does not fit the present state; nothing changed."""

    default_short = "Not now"


class CameraError(ApplianceError):
    """No picture could be taken."""

    default_short = "Camera problem"


class EncoderError(ApplianceError):
    """No video could be made."""

    default_short = "Video failed"
