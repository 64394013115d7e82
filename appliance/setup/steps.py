"""The wizard's course: which steps apply, which comes next, and the record's moves; pure.

A person may go back to every step that applies, and on by one at a time. Only a network is
indispensable: nobody gets past it without one. The registration is never passed over by
itself either, but a person may leave it out: the device then prints what it is sent locally.
"""

from __future__ import annotations

import msgspec

from appliance.host.network_api import Link
from appliance.setup.api import Answers, Facts, SetupRecord, Step

ORDER = tuple(Step)


def applies(step: Step, facts: Facts) -> bool:
    """Whether there is something to be asked at ``step``."""
    match step:
        case Step.NETWORK:
            return facts.network.radio or not linked(facts)
        case Step.CAMERA:
            return facts.has_camera
        case Step.PANEL:
            return facts.has_panel or facts.has_header
        case Step.CLOUD:
            return not facts.registered
    return True


def steps(facts: Facts) -> tuple[Step, ...]:
    """The steps that apply, in their order; WELCOME and DONE always do."""
    return tuple(step for step in ORDER if applies(step, facts))


def linked(facts: Facts) -> bool:
    """There is a network: a cable, or a Wi-Fi that is joined."""
    return facts.network.link in (Link.ETHERNET, Link.WIFI)


def lacks_network(facts: Facts) -> bool:
    """There is no network, and none is known that may come back."""
    return not (linked(facts) or facts.network.known)


def previous(step: Step, facts: Facts) -> Step | None:
    """The step before ``step``; None before the first."""
    before = [each for each in steps(facts) if _place(each) < _place(step)]
    return before[-1] if before else None


def following(step: Step, facts: Facts) -> Step:
    """The step that is shown after ``step``: a network that is there is not asked for again."""
    for each in steps(facts):
        if _place(each) > _place(step) and not (each is Step.NETWORK and linked(facts)):
            return each
    return Step.DONE


def can_go(record: SetupRecord, step: Step, facts: Facts) -> bool:
    """Whether a person may go to ``step`` without answering the present one."""
    if not applies(step, facts):
        return False
    if record.finished or _place(step) <= _place(record.step):
        return True
    if _is_behind_network(step) and lacks_network(facts):
        return False
    nearest = next(each for each in steps(facts) if _place(each) > _place(record.step))
    return step in (nearest, following(record.step, facts))


def gone(record: SetupRecord, step: Step, facts: Facts) -> SetupRecord:
    """The record after a person asked for ``step``; unchanged where that is not possible."""
    return _enter(record, step, facts) if can_go(record, step, facts) else record


def answered(
    record: SetupRecord, step: Step, facts: Facts, answers: Answers | None = None
) -> SetupRecord:
    """The record after the answers of ``step`` were taken.

    A second form of a step that is passed already (a double click, another browser) does not
    lead back. ``answers`` are all of them, where they changed.
    """
    record = msgspec.structs.replace(record, answers=answers or record.answers)
    if step is Step.NETWORK:
        record = msgspec.structs.replace(record, problem="")
    if _place(step) < _place(record.step) or not applies(step, facts):
        return settled(record, facts)
    if step is Step.DONE:  # the setup is finished by whoever saw its last page, not before
        return msgspec.structs.replace(record, finished=record.finished or record.step is step)
    if step is Step.CLOUD:
        return record  # `settled` goes on as soon as it is registered
    return _enter(record, following(step, facts), facts)


def settled(record: SetupRecord, facts: Facts) -> SetupRecord:
    """The record after the facts changed: its step always applies."""
    if applies(record.step, facts):
        return record
    return _enter(record, following(record.step, facts), facts)


def failed(record: SetupRecord, problem: str) -> SetupRecord:
    """Joining failed: the reason waits, on the page of the network, for whoever comes back."""
    step = record.step if record.finished else Step.NETWORK
    return msgspec.structs.replace(record, step=step, problem=problem)


def reopened(record: SetupRecord) -> SetupRecord:
    """Setup mode: from the beginning, with the answers of the last time."""
    return msgspec.structs.replace(record, step=Step.WELCOME, problem="")


def _enter(record: SetupRecord, step: Step, facts: Facts) -> SetupRecord:
    if not record.finished and _is_behind_network(step) and lacks_network(facts):
        step = Step.NETWORK
    return msgspec.structs.replace(record, step=step)


def _place(step: Step) -> int:
    return ORDER.index(step)


def _is_behind_network(step: Step) -> bool:
    return _place(step) > _place(Step.NETWORK)
