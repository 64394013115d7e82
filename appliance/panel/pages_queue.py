"""The pages of the cloud's queue: the jobs, page by page, and the one to be printed."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from appliance.panel.actions import LoadQueue, PrintQueued
from appliance.panel.page import (
    BACK_ITEM,
    Do,
    Item,
    Page,
    Place,
    Then,
    View,
    opens,
    refusing,
    saying,
    waiting,
)
from appliance.panel.rules import why_no_print
from appliance.panel.screen import Icon, Keys, Line, Tone
from appliance.panel.state import QUEUE_LENGTH, PanelState, QueueEntry, QueuePage
from appliance.panel.words import LONGEST_NAME, plain

QUEUE = opens(Place(page=Page.QUEUE), LoadQueue())
"""Opens the page and asks the cloud anew."""


def queue_page(place: Place, state: PanelState) -> View:
    """The jobs that wait in the cloud, in their order."""
    queue = state.queue
    if queue.loading:
        return _asking("Queue")
    if queue.problem:
        again = Do(action=LoadQueue(queue.skip))
        said = saying("Queue", "Not loaded", plain(queue.problem), icon=Icon.QUEUE)
        return replace(said, keys=Keys(left="Back", ok="Again"), ok=again)
    if not queue.entries:
        return saying("Queue", "No jobs waiting", icon=Icon.QUEUE)
    items = (*_earlier(queue), *_entries(queue), *_further(queue), BACK_ITEM)
    view = View(title="Queue", icon=Icon.QUEUE, items=items)
    return _numbered(view, place, queue)


def _asking(title: str) -> View:
    return waiting(title, "Asking the cloud", icon=Icon.QUEUE)


def _entries(queue: QueuePage) -> Iterator[Item]:
    for entry in queue.entries:
        where = Place(page=Page.QUEUED, about=entry.job_id)
        yield Item(f"job {entry.job_id}", Line(_name(entry)), opens(where))


def _name(entry: QueueEntry) -> str:
    return plain(entry.name, LONGEST_NAME) or f"Job {plain(entry.job_id, LONGEST_NAME)}"


def _further(queue: QueuePage) -> Iterator[Item]:
    after = queue.skip + len(queue.entries)
    if after < queue.total:
        left = f"{queue.total - after}"
        yield Item("next", Line("Next jobs", left), _load(after))


def _earlier(queue: QueuePage) -> Iterator[Item]:
    if queue.skip > 0:
        skip = max(0, queue.skip - QUEUE_LENGTH)
        yield Item("earlier", Line("Earlier jobs", f"{queue.skip}"), _load(skip, "next"))


def _load(skip: int, chosen: str = "") -> Do:
    place = Place(page=Page.QUEUE, chosen=chosen)
    return Do(action=LoadQueue(skip), then=Then.REPLACE, place=place)


def _numbered(view: View, place: Place, queue: QueuePage) -> View:
    """With the number of the selected job among all of them beside the title."""
    selected = view.selected(place) or 0
    number = selected + 1 if queue.skip == 0 else queue.skip + selected
    total = max(queue.total, queue.skip + len(queue.entries))
    is_job = view.items[selected].key.startswith("job ")
    return replace(view, value=f"{number}/{total}") if is_job else view


def queued_page(place: Place, state: PanelState) -> View | None:
    """One job: to be printed, or not."""
    entry = next((one for one in state.queue.entries if one.job_id == place.about), None)
    if entry is None:
        return None
    name = _name(entry)
    owner = plain(entry.owner, LONGEST_NAME)
    if why := why_no_print(state):
        return refusing(why)
    asked = Do(action=PrintQueued(entry.job_id), then=Then.REPLACE, place=Place(page=Page.ASKED))
    items = (
        Item("print", Line(f"Print {name}"), asked),
        *((Item("owner", Line(f"by {owner}")),) if owner else ()),
        BACK_ITEM,
    )
    return View(title="Print this job?", tone=Tone.ASKING, items=items)


def asked_page(_place: Place, _state: PanelState) -> View:
    """Until the cloud sends the job, or says why not."""
    return replace(_asking("Print"), waits=True)
