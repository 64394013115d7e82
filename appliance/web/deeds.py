"""What the local page and the slicers' interface ask of the agent (agent/web_deeds.py)."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Protocol

from appliance.agent.api import AgentView
from appliance.printer.api import PauseKind, Snapshot, Source, StartJob
from appliance.web.uploads import Stored, UploadRefused


class Deeds(Protocol):
    """What a person may do. Each raises ApplianceError with the words for them."""

    def view(self) -> AgentView:
        """The whole appliance at this moment."""

    async def print_file(self, request: StartJob) -> Snapshot:
        """Start a local print; refused beside another, behind an open door, on a full plate."""

    async def print_model(self, model: Path, config: Path | None, name: str) -> None:
        """Slice and print; refused as print_file refuses. Slicing begins soon after this."""

    async def pause(self, kind: PauseKind) -> None:
        """Pause the running print."""

    async def resume(self) -> None:
        """Go on with the paused print; refused while the door is open."""

    async def cancel(self) -> None:
        """End the present print, cloud or local."""

    async def clear_plate(self) -> None:
        """A person says that the build plate is empty."""

    async def restart_agent(self) -> None:
        """Start this program again; a print goes on meanwhile."""

    async def restart_device(self) -> None:
        """Start the whole device again; refused while something is printed."""

    async def shut_down(self) -> None:
        """Switch the device off; refused while something is printed."""


class Keys(Protocol):
    """The keys that this page shows (Access)."""

    @property
    def api_key(self) -> str:
        """Of slicers."""

    def renew_api_key(self) -> str:
        """Another one; the old one is worth nothing from now on."""

    @property
    def feed_key(self) -> str:
        """Part of the live picture's address."""


async def start(deeds: Deeds, file: Stored, profile: Stored | None = None) -> None:
    """Print an uploaded file: status 11, job id "123" (sections 3.7 and 3.12).

    A model is sliced first, with the settings of ``profile``.
    """
    if file.is_model:
        config = profile.path.absolute() if profile is not None else None
        if config is None and file.path.suffix.lower() == ".stl":
            raise UploadRefused(
                "An STL needs slicing settings, and this device has none yet. Send it the "
                "settings of your slicer first: see Slicing settings.",
                short="No slicer settings",
            )
        await deeds.print_model(file.path.absolute(), config, file.name)
        return
    request = StartJob(
        path=str(file.path.absolute()),
        key=secrets.token_hex(8),
        name=file.name,
        source=Source.NETWORK,
    )
    await deeds.print_file(request)
