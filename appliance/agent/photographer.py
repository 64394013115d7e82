"""Pictures of what the printer is doing now."""

from __future__ import annotations

from appliance.agent.state import AgentState
from appliance.camera.camera import Camera
from appliance.camera.driver import Scene


class Photographer:
    """Takes upright pictures, and tells a drawing camera what there is to be seen."""

    def __init__(self, state: AgentState, camera: Camera) -> None:
        self._state = state
        self._camera = camera

    @property
    def available(self) -> bool:
        """There is a camera."""
        return self._camera.available

    async def picture(self) -> bytes:
        """One JPEG. Raises CameraError."""
        return await self._camera.capture(self._scene())

    def _scene(self) -> Scene:
        """What the synthetic camera draws; a real one ignores it."""
        snapshot = self._state.snapshot
        printed = snapshot.job if snapshot else None
        heaters = snapshot.heaters if snapshot else {}
        tool, bed = heaters.get("tool0"), heaters.get("bed")
        return Scene(
            percent=printed.percent if printed else None,
            name=printed.name if printed else "",
            state=printed.state.value.capitalize() if printed else "Idle",
            tool=tool.actual if tool else None,
            bed=bed.actual if bed else None,
            elapsed=printed.print_seconds if printed else None,
        )
