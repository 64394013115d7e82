"""The printer's queue in the cloud: looking at it, and asking for a print of it.

Sections 2.7, 2.15, 3.4 and 3.10.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from appliance.agent.state import AgentState
from appliance.errors import ApplianceError, CloudError, JobRefused
from appliance.panel.state import QUEUE_LENGTH, QueueEntry, QueuePage
from appliance.polar import messages
from appliance.polar.codes import running_job
from appliance.polar.job import Phase
from appliance.polar.texts import clipped

log = logging.getLogger(__name__)

CAPABILITY = "sendNextPrint"  # section 2.2
PATIENCE = 10.0  # seconds that a person waits for the cloud
NAME_LENGTH = 300  # characters of a name that are kept

NEXT_PRINT_TEXT: Mapping[str, tuple[str, str]] = {
    "NO_QUEUED_JOBS": (
        "There is no job in the queue that is ready to print.",
        "No job is ready",
    ),
    "INVALID_JOBID": (
        "The cloud does not know this job any more. Load the queue again.",
        "Unknown job",
    ),
    "PRINTER_DELETED": (
        "This printer was deleted in the Polar Cloud. Register it again.",
        "Printer deleted",
    ),
    "SERVER_ERROR": (
        "The Polar Cloud had a problem. Try again in a minute.",
        "Cloud problem",
    ),
}
"""Section 2.15 in a person's words: the sentence, and one for 20 characters."""

JOB_GONE = (
    "This job is not in the queue any more, or is being prepared again. Load the queue again.",
    "Job is not ready",
)
"""What NO_QUEUED_JOBS means for one certain job."""

T = TypeVar("T")


class Client(Protocol):
    """What the queue needs of the line to the cloud; see CloudClient."""

    @property
    def online(self) -> bool:
        """The session is up."""

    @property
    def status_text(self) -> str:
        """A sentence about the connection."""

    @property
    def capabilities(self) -> frozenset[str]:
        """What the cloud allows on this connection."""

    async def ask(
        self,
        message: messages.PrinterMessage,
        answer: type[T],
        timeout: float,
        *,
        fits: Callable[[T], bool] = ...,
    ) -> T:
        """Send a question and wait for its answer. Raises CloudError."""


class QueueEmpty(CloudError):
    """The cloud has no job that could be printed next."""

    default_short = "No job is ready"


class SerialNumber(Protocol):
    """Gives the serial number of the present identity."""

    def __call__(self) -> str | None:
        """The serial number, None while unregistered."""


def refusal(message: messages.SendNextPrintResponse, job_id: str | None = None) -> CloudError:
    """Why no print follows, for a person; ``job_id`` when a certain one was asked for."""
    word = message.message
    if word == "NO_QUEUED_JOBS" and job_id is not None:
        return CloudError(JOB_GONE[0], short=JOB_GONE[1])
    if word == "NO_QUEUED_JOBS":
        return QueueEmpty(NEXT_PRINT_TEXT[word][0])
    long, short = NEXT_PRINT_TEXT.get(
        word, (f"The Polar Cloud sends no print ({clipped(word)}).", "No print comes")
    )
    return CloudError(long, short=short)


class Queue:
    """What was last loaded of the queue, and the one print that is being asked for.

    Whoever carries out ``print`` tells :meth:`print_came` or :meth:`print_refused`: the cloud
    answers ``sendNextPrint`` with nothing else when it succeeds.
    """

    def __init__(self, client: Client, state: AgentState, serial_number: SerialNumber) -> None:
        self.page = QueuePage()
        self._client = client
        self._state = state
        self._serial_number = serial_number
        self._loads = 0
        self._loading = asyncio.Lock()
        self._wanted: asyncio.Future[messages.Print] | None = None
        self._wanted_job: str | None = None

    async def load(self, skip: int = 0, limit: int = QUEUE_LENGTH) -> None:
        """Load ``limit`` entries from the position ``skip`` on into :attr:`page`.

        Never raises: what went wrong stands in the page. Of several loads the last one
        counts, and those that another has overtaken before their turn are not asked at all.
        """
        self._loads += 1
        mine = self._loads
        kept = self.page.entries if skip == self.page.skip else ()
        self._show(QueuePage(loading=True, entries=kept, skip=skip, total=self.page.total))
        page: QueuePage | None = None
        try:
            async with self._loading:
                if mine == self._loads:
                    page = await self._ask_for(skip, limit)
        finally:
            if mine == self._loads:
                self._show(page or QueuePage(skip=skip))

    async def print_next(self, job_id: str | None = None) -> None:
        """Ask for a certain job, or for the next one, and return once its print has begun.

        Raises JobRefused while nothing can be printed, CloudError when the cloud cannot be
        asked, refuses or sends nothing, and what the print itself was refused with.
        """
        self._refuse_now()
        self._wanted_job = job_id
        self._wanted = came = asyncio.get_running_loop().create_future()
        try:
            await self._refuse_if_not_allowed()
            message = await self._exchange(came, job_id)
        finally:
            self._wanted = None
            came.cancel()
        log.info("the cloud sent %s", message.job_id)
        self._show(QueuePage())  # it is out of date now

    async def _exchange(
        self, came: asyncio.Future[messages.Print], job_id: str | None
    ) -> messages.Print:
        """Send the question; whichever of print, refusal and silence comes first counts."""
        question = messages.SendNextPrint(serial_number=self._number(), job_id=job_id)
        answer = asyncio.create_task(
            self._client.ask(question, messages.SendNextPrintResponse, 2 * PATIENCE)
        )
        try:
            either: set[asyncio.Future[Any]] = {came, answer}
            await asyncio.wait(either, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            if came.done():
                return came.result()
            if answer.done():
                raise refusal(answer.result(), job_id)
        finally:
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)
        raise CloudError(
            f"The Polar Cloud sent no print within {PATIENCE:.0f} s. Its queue may have no job "
            "that is ready.",
            short="No print came",
        )

    def print_came(self, message: messages.Print) -> None:
        """This ``print`` of the cloud is being carried out."""
        if self._waits_for(message) and self._wanted is not None:
            self._wanted.set_result(message)

    def print_refused(self, message: messages.Print, error: ApplianceError) -> None:
        """This ``print`` of the cloud was refused here, for the reason of ``error``."""
        if self._waits_for(message) and self._wanted is not None:
            self._wanted.set_exception(error)

    def _waits_for(self, message: messages.Print) -> bool:
        waits = self._wanted is not None and not self._wanted.done()
        return waits and self._wanted_job in (None, message.job_id)

    def _refuse_now(self) -> None:
        job = self._state.job
        if (
            running_job(self._state.inputs()) is not None
            or self._state.model is not None
            or (job is not None and job.phase is not Phase.ENDED)
        ):
            raise JobRefused("A print is not over yet.", short="Not while printing")
        if self._state.plate_full:
            raise JobRefused(
                "The build plate is not clear. Take the print off and confirm that first.",
                short="Clear the plate",
            )
        if self._wanted is not None:
            raise JobRefused("A print was asked for already; wait a moment.", short="Asked already")
        self._number()

    async def _refuse_if_not_allowed(self) -> None:
        """A session that has just begun may not have its answer to ``capabilities`` yet."""
        if CAPABILITY in self._client.capabilities:
            return
        question = messages.Capabilities(serial_number=self._number())
        answer = await self._client.ask(question, messages.CapabilitiesResponse, PATIENCE)
        if CAPABILITY not in answer.capabilities:
            raise CloudError(
                "The Polar Cloud does not let this printer ask for a print. Start it at "
                "polar3d.com.",
                short="Not allowed",
            )

    def _number(self) -> str:
        """The serial number. Raises CloudError while there is none, and while offline."""
        number = self._serial_number()
        if number is None:
            raise CloudError(
                "This printer is not registered with the Polar Cloud.", short="Not registered"
            )
        if not self._client.online:
            raise CloudError(self._client.status_text, short="Offline")
        return number

    async def _ask_for(self, skip: int, limit: int) -> QueuePage:
        try:
            answer = await self._question(skip, limit)
            if not answer.jobs and 0 < answer.total_count <= skip:
                # The queue has become shorter: its last page.
                skip = (answer.total_count - 1) // limit * limit
                answer = await self._question(skip, limit)
        except CloudError as error:
            return QueuePage(problem=error.long, skip=skip)
        return QueuePage(entries=_entries(answer.jobs[:limit]), skip=skip, total=answer.total_count)

    async def _question(self, skip: int, limit: int) -> messages.GetQueueResponse:
        return await self._client.ask(
            messages.GetQueue(serial_number=self._number(), skip=skip, limit=limit),
            messages.GetQueueResponse,
            PATIENCE,
            fits=lambda answer: answer.skip == skip,  # not a late one for another page
        )

    def _show(self, page: QueuePage) -> None:
        if page != self.page:
            self.page = page
            self._state.revision.bump()


def _entries(jobs: Sequence[messages.QueuedJob]) -> tuple[QueueEntry, ...]:
    return tuple(
        QueueEntry(
            job_id=job.job_id,
            name=clipped(job.job_name or job.job_id, NAME_LENGTH),
            owner=clipped(job.owner or "", NAME_LENGTH),
        )
        for job in jobs
    )
