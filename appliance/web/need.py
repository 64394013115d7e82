"""What a request must bring."""

from __future__ import annotations

from enum import Enum


class Need(Enum):
    """What a request must bring. The server checks it before the handler is called."""

    OPEN = "open"  # nothing: style sheet, captive probes, the code page
    SETUP = "setup"  # our own hotspot on first boot, or a session
    SESSION = "session"  # a cookie given for a confirmed code or the password
    API_KEY = "api-key"  # the header X-Api-Key of a slicer, or a session
    FEED = "feed"  # ?key= of the address that the cloud was told (camUrl), or a session
