"""The files of queued jobs: G-code, or a model with its configuration; named by job and kind."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable
from io import BufferedWriter
from pathlib import Path

from appliance.errors import CloudError
from appliance.sim.cloud_records import CONFIG, FileKind
from appliance.sim.cloud_state import NotThere
from appliance.store import remove, write_atomic

ENDINGS = (*(kind.value for kind in FileKind), CONFIG)
MAX_SIZE = 1_000_000_000  # bytes
_JOB_ID = re.compile(r"[A-Za-z0-9_]+-[0-9]+", re.ASCII)


class JobFiles:
    """Keeps and finds the files of jobs."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._uploads = 0

    def path(self, job_id: str, ending: str) -> Path:
        """Where a job's file is or goes. Raises NotThere for what is no job's file."""
        if not _JOB_ID.fullmatch(job_id) or ending not in ENDINGS:
            raise NotThere("There is no such file.")
        return self._folder / f"{job_id}.{ending}"

    def keep(self, job_id: str, ending: str, content: bytes) -> None:
        """Store a file of a job."""
        write_atomic(self.path(job_id, ending), content)

    def adopt(self, job_id: str, ending: str, received: Path) -> None:
        """Make a received upload a file of the job."""
        received.replace(self.path(job_id, ending))

    def forget(self, job_id: str) -> None:
        """Remove a job's files."""
        for ending in ENDINGS:
            remove(self.path(job_id, ending))

    async def receive(self, chunks: AsyncIterable[bytes]) -> tuple[Path, int]:
        """Write an upload beside the jobs; its path and size in bytes.

        Raises CloudError when it is empty or larger than MAX_SIZE; nothing is left then.
        """
        self._uploads += 1
        target = self._folder / f"upload-{self._uploads}.part"
        size = 0
        try:
            with _create(target) as file:
                async for chunk in chunks:
                    size += file.write(chunk)
                    if size > MAX_SIZE:
                        raise CloudError(f"The file is larger than {MAX_SIZE // 10**6} MB.")
            if not size:
                raise CloudError("The file is empty. Choose another one.")
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target, size


def _create(path: Path) -> BufferedWriter:
    return path.open("wb")
