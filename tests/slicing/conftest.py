from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.settings_slicing import SlicingSettings
from appliance.slicing.api import Progress, Request, Sliced
from appliance.slicing.slicer import Slicer
from tests.slicing.shapes import Measured, Triangle, binary, box, measure

SETTINGS = SlicingSettings(time_limit=100)


class Bench:
    """Slices what a test gives it, in a folder of its own."""

    def __init__(self, folder: Path, settings: SlicingSettings = SETTINGS) -> None:
        self.folder = folder
        self.slicer = Slicer(settings, None)
        self.output = folder / "out.gcode"
        self.progress: list[Progress] = []

    def request(self, config: bytes | None, model: bytes | None = None) -> Request:
        stl = self.folder / "the model"
        stl.write_bytes(binary(box()) if model is None else model)
        ini = self.folder / "the config" if config is not None else None
        if ini is not None and config is not None:
            ini.write_bytes(config)
        return Request(stl, ini, self.output, "a model")

    async def slice(self, config: bytes | None, model: bytes | None = None) -> Sliced:
        return await self.slicer.slice(self.request(config, model), self.progress.append)

    async def measured(
        self, config: bytes, triangles: list[Triangle] | None = None
    ) -> tuple[Sliced, Measured]:
        model = None if triangles is None else binary(triangles)
        sliced = await self.slice(config, model)
        return sliced, measure(sliced.output)

    @property
    def left(self) -> set[str]:
        """What lies in the folder beside the two inputs."""
        return {path.name for path in self.folder.iterdir()} - {"the model", "the config"}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def bench_with(tmp_path: Path) -> Callable[[SlicingSettings], Bench]:
    return lambda settings: Bench(tmp_path, settings)
