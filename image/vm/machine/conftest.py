"""Fixtures of the tests that start the emulated machine."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from appliance.sim.cloud import CloudOptions, LocalCloud
from image.vm.machine.card import TOP


@pytest.fixture(scope="module")
def folder(request: pytest.FixtureRequest) -> Path:
    """An empty folder for the module's cards and sockets."""
    name: str = request.module.__name__.rpartition(".")[2].removeprefix("test_")
    path: Path = TOP / ".vm/run" / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cloud(folder: Path) -> AsyncIterator[LocalCloud]:
    """A Polar Cloud on this machine."""
    async with LocalCloud(CloudOptions(folder=folder / "cloud")) as local:
        yield local
