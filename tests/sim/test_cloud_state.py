from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from appliance.errors import CloudError
from appliance.polar.keys import PrinterKey
from appliance.polar.messages import FinalState, Result, UploadType
from appliance.sim.cloud_records import Account, MenuCommand, QueueState, RegisterReason, Saved
from appliance.sim.cloud_state import START_PATIENCE, CloudState, normal_mac, storage_key

OWNER = Account("owner@example.com", "1234")
OTHER = Account("other@example.com", "987654")
PUBLIC = PrinterKey.generate().public_pem()


def new_state(saved: Saved | None = None) -> CloudState:
    return CloudState([OWNER, OTHER, Account("nopin@example.com", "")], saved=saved)


def register(state: CloudState, **changes: Any) -> tuple[RegisterReason, str | None]:
    fields = {
        "mfg": "op",
        "email": OWNER.email,
        "pin": OWNER.pin,
        "public_key": PUBLIC,
        "mac": "b8:27:eb:71:01:46",
    }
    return state.register(**(fields | changes))


def registered(state: CloudState) -> str:
    reason, serial = register(state)
    assert reason is RegisterReason.SUCCESS
    assert serial
    return serial


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mfg": ""}, RegisterReason.MFG_MISSING),
        ({"mfg": "nobody"}, RegisterReason.MFG_UNKNOWN),
        ({"email": "else@example.com"}, RegisterReason.EMAIL_PIN_ERROR),
        ({"email": "nopin@example.com", "pin": ""}, RegisterReason.EMAIL_PIN_ERROR),
        ({"pin": "4321"}, RegisterReason.EMAIL_PIN_ERROR),
        ({"public_key": ""}, RegisterReason.INVALID_KEY),
        ({"public_key": "-----BEGIN PUBLIC KEY-----\nAAAA"}, RegisterReason.INVALID_KEY),
        ({"email": OTHER.email, "pin": OTHER.pin}, RegisterReason.FORBIDDEN),
    ],
)
def test_every_reason_to_refuse_a_registration(
    changes: dict[str, str], reason: RegisterReason
) -> None:
    state = new_state()
    registered(state)
    before = state.saved()
    assert register(state, **changes) == (reason, None)
    assert state.saved() == before


def test_the_same_mac_gets_its_serial_number_back_however_it_is_written() -> None:
    state = new_state()
    serial = registered(state)
    state.queue_job(serial, "a", 1, 0.0)
    again = PrinterKey.generate().public_pem()
    answer = register(state, mac="B8-27-EB-71-01-46", public_key=again, email="OWNER@example.com")
    assert answer == (RegisterReason.SUCCESS, serial)
    assert state.printer(serial).public_key == again
    assert len(state.printer(serial).queue) == 1
    assert normal_mac("12.34.de.ad.be.ef") == normal_mac("12:34:DE:AD:BE:EF")


def test_another_mac_gets_another_serial_number() -> None:
    state = new_state()
    assert registered(state) != register(state, mac="b8:27:eb:71:01:47")[1]


def test_a_deleted_printer_comes_back_for_its_owner_and_empty_for_another() -> None:
    state = new_state()
    serial = registered(state)
    state.queue_job(serial, "a", 1, 0.0)
    assert state.delete(serial)
    assert not state.delete(serial)
    with pytest.raises(CloudError):
        state.printer(serial)
    answer = register(state, email=OTHER.email, pin=OTHER.pin)
    assert answer == (RegisterReason.SUCCESS, serial)
    assert state.printer(serial).owner == OTHER.email
    assert state.printer(serial).queue == ()


def test_hello_knows_signatures_strangers_and_deleted_printers() -> None:
    key = PrinterKey.generate()
    state = new_state()
    _, serial = register(state, public_key=key.public_pem())
    assert serial
    assert state.hello(serial, "abc", key.sign("abc"), {})[0] is Result.SUCCESS
    assert state.hello(serial, "abd", key.sign("abc"), {})[0] is Result.FAILED
    assert state.hello("OP999999", "abc", key.sign("abc"), {})[0] is Result.DELETED
    state.delete(serial)
    assert state.hello(serial, "abc", key.sign("abc"), {})[0] is Result.DELETED


def test_an_update_is_offered_when_the_latest_version_is_lexically_greater() -> None:
    state = new_state()
    serial = registered(state)
    state.set_versions(serial, "1.3.3", "1.3.4")
    assert state.printer(serial).update_possible
    state.set_versions(serial, "1.3.4", "1.3.4")
    assert not state.printer(serial).update_possible


def test_a_job_asked_for_by_name_moves_to_the_head_and_completes_out_of_the_queue() -> None:
    state = new_state()
    serial = registered(state)
    jobs = [state.queue_job(serial, name, 1, 0.0) for name in "abc"]
    state.start_job(jobs[2], 1.0)
    assert [j.job_id for j in state.printer(serial).queue] == [jobs[2], jobs[0], jobs[1]]
    assert [j.job_id for j in state.ready_jobs(serial)] == jobs[:2]
    assert state.finish_job(serial, jobs[2], FinalState.COMPLETED, now=9.0, print_seconds=8)
    assert [j.job_id for j in state.printer(serial).queue] == jobs[:2]
    assert state.printer(serial).past[0].name == "c"


def test_a_job_that_is_being_printed_cannot_be_removed() -> None:
    state = new_state()
    job = state.queue_job(registered(state), "a", 1, 0.0)
    state.start_job(job, 1.0)
    with pytest.raises(CloudError, match="being printed"):
        state.remove_job(job)


def test_a_local_print_is_a_past_print_and_touches_no_queue() -> None:
    state = new_state()
    serial = registered(state)
    state.queue_job(serial, "a", 1, 0.0)
    assert state.finish_job(serial, "123", FinalState.COMPLETED, now=5.0, filament_mm=12)
    assert state.printer(serial).past[0].filament_mm == 12
    assert len(state.printer(serial).queue) == 1
    assert not state.knows_job(serial, "123")


def test_a_job_the_idle_printer_never_took_becomes_ready_again_after_a_while() -> None:
    state = new_state()
    serial = registered(state)
    job = state.queue_job(serial, "a", 1, 0.0)
    state.start_job(job, 100.0)
    state.report(serial, {"status": 0}, 100.0 + START_PATIENCE)
    assert state.ready_jobs(serial) == []
    state.report(serial, {"status": 3}, 101.0 + START_PATIENCE)
    assert state.ready_jobs(serial) == []
    state.report(serial, {"status": 0}, 101.0 + START_PATIENCE)
    assert [j.job_id for j in state.ready_jobs(serial)] == [job]
    # Its end may still be reported late, from an outbox.
    assert state.finish_job(serial, job, FinalState.COMPLETED, now=200.0)


def test_a_job_that_waits_for_the_door_is_not_given_up() -> None:
    state = new_state()
    serial = registered(state)
    job = state.queue_job(serial, "a", 1, 0.0)
    state.start_job(job, 100.0)
    late = 101.0 + START_PATIENCE
    state.report(serial, {"status": 14, "jobId": job}, late)
    assert state.ready_jobs(serial) == []
    state.report(serial, {"status": 14, "jobId": "0"}, late)
    assert [j.job_id for j in state.ready_jobs(serial)] == [job]


def test_stored_uploads_are_found_again_by_printer_and_job() -> None:
    state = new_state()
    serial = registered(state)
    job = state.queue_job(serial, "a", 1, 0.0)
    state.stored(storage_key(serial, UploadType.IDLE, None), 10, 1.0)
    state.stored(storage_key(serial, UploadType.PRINTING, job), 20, 2.0)
    picture = state.lives[serial].picture
    assert picture
    assert (picture.size, picture.count) == (20, 2)
    state.stored(storage_key(serial, UploadType.TIMELAPSE, job), 30, 3.0)
    assert state.printer(serial).videos == {job: 30}
    state.stored("files/printer/nobody/snapshot.jpg", 1, 4.0)
    state.stored("somewhere/else", 1, 4.0)


def test_a_restart_keeps_printers_queues_and_numbers() -> None:
    state = new_state()
    serial = registered(state)
    job = state.queue_job(serial, "a", 1, 0.0)
    state.set_commands(serial, [MenuCommand("Home", "home")])
    kept = msgspec.json.decode(msgspec.json.encode(state.saved()), type=Saved)
    again = new_state(kept)
    assert again.saved() == state.saved()
    assert again.queue_job(serial, "b", 1, 1.0) != job
    assert register(again, mac="b8:27:eb:71:01:99")[1] != serial


class Queue(RuleBasedStateMachine):
    """Whatever printer and owner do, no job is lost, doubled or ended twice."""

    def __init__(self) -> None:
        super().__init__()
        self.state = new_state()
        self.serial = registered(self.state)
        self.now = 1.0
        self.made: list[str] = []
        self.removed: set[str] = set()
        self.starts: dict[str, int] = {}

    def some_job(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(self.made))

    @rule()
    def queue(self) -> None:
        self.made.append(self.state.queue_job(self.serial, "job", 1, self.now))

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        job = self.some_job(data)
        try:
            self.state.start_job(job, self.now)
        except CloudError:
            assert job not in self.queued()
        else:
            self.starts[job] = self.starts.get(job, 0) + 1

    @precondition(lambda self: self.made)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        job = self.some_job(data)
        try:
            self.state.remove_job(job)
        except CloudError:
            return
        self.removed.add(job)

    @precondition(lambda self: self.made)
    @rule(data=st.data(), ending=st.sampled_from(FinalState))
    def finish(self, data: st.DataObject, ending: FinalState) -> None:
        job = self.some_job(data)
        was = job in self.queued()
        taken = self.state.finish_job(self.serial, job, ending, now=self.now)
        assert not taken or was
        assert (job in self.queued()) == (was and not (taken and ending is FinalState.COMPLETED))

    @rule(seconds=st.floats(0, 100), code=st.integers(0, 15))
    def report(self, seconds: float, code: int) -> None:
        self.now += seconds
        self.state.report(self.serial, {"status": code}, self.now)

    def queued(self) -> list[str]:
        return [job.job_id for job in self.state.printer(self.serial).queue]

    def ended(self, ending: FinalState) -> list[str]:
        past = self.state.printer(self.serial).past
        return [one.job_id for one in past if one.ending is ending]

    @invariant()
    def every_job_is_in_one_place(self) -> None:
        completed = self.ended(FinalState.COMPLETED)
        places = sorted([*self.queued(), *completed, *self.removed])
        assert places == sorted(self.made)

    @invariant()
    def no_more_endings_than_starts(self) -> None:
        for job in self.made:
            told = [*self.ended(FinalState.CANCELED), *self.ended(FinalState.COMPLETED)].count(job)
            assert told <= self.starts.get(job, 0)

    @invariant()
    def started_jobs_remember_when(self) -> None:
        for job in self.state.printer(self.serial).queue:
            assert job.state is QueueState.READY or job.sent_at is not None


TestQueue = Queue.TestCase
TestQueue.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
