from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.host.network_api import Link, NetworkState
from appliance.setup import steps
from appliance.setup.api import Answers, Facts, SetupRecord, Step

ORDER = list(Step)
NOWHERE = NetworkState(radio=True)
JOINED = NetworkState(radio=True, link=Link.WIFI, known=True, ssid=b"home")
CABLE = NetworkState(radio=True, link=Link.ETHERNET)
ALL = Facts(network=NOWHERE, has_camera=True, has_panel=True)
LINKED = msgspec.structs.replace(ALL, network=JOINED)


def at(step: Step, *, finished: bool = False) -> SetupRecord:
    return SetupRecord(step=step, finished=finished)


def test_every_step_applies_where_everything_is_there() -> None:
    assert steps.steps(ALL) == tuple(Step)


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        (msgspec.structs.replace(ALL, has_camera=False), Step.CAMERA),
        (msgspec.structs.replace(ALL, has_panel=False), Step.PANEL),
        (msgspec.structs.replace(ALL, registered=True), Step.CLOUD),
        (msgspec.structs.replace(ALL, network=NetworkState(link=Link.ETHERNET)), Step.NETWORK),
    ],
)
def test_a_step_without_a_question_is_left_out(facts: Facts, missing: Step) -> None:
    assert steps.steps(facts) == tuple(step for step in Step if step is not missing)


def test_where_a_panel_can_be_connected_it_is_asked_for() -> None:
    bare = msgspec.structs.replace(ALL, has_panel=False, has_header=True)
    assert steps.steps(bare) == tuple(Step)


def test_without_radio_and_cable_the_network_is_asked_for_a_cable() -> None:
    assert Step.NETWORK in steps.steps(msgspec.structs.replace(ALL, network=NetworkState()))


def test_the_whole_course_of_a_phone() -> None:
    record = SetupRecord()
    seen = [record.step]
    facts = ALL
    for _ in range(12):
        if record.step is Step.NETWORK:
            facts = LINKED
        if record.step is Step.CLOUD:
            facts = msgspec.structs.replace(facts, registered=True)
        record = steps.answered(record, record.step, facts)
        seen.append(record.step)
        if record.step is Step.DONE:
            break
    assert seen == list(Step)
    assert not record.finished
    assert steps.answered(record, Step.DONE, facts).finished


def test_a_cable_is_the_answer_of_the_network() -> None:
    facts = msgspec.structs.replace(ALL, network=CABLE)
    assert steps.answered(SetupRecord(), Step.WELCOME, facts).step is Step.TIME
    assert steps.gone(at(Step.TIME), Step.NETWORK, facts).step is Step.NETWORK


def test_nobody_gets_past_a_missing_network() -> None:
    record = at(Step.NETWORK)
    assert steps.answered(record, Step.NETWORK, ALL) == record
    assert steps.gone(record, Step.TIME, ALL) == record
    lost = steps.answered(at(Step.PRINTER), Step.PRINTER, ALL)
    assert lost.step is Step.NETWORK  # the cable was pulled, and there is no other way


def test_a_known_network_that_is_gone_for_a_while_holds_nobody_up() -> None:
    away = msgspec.structs.replace(ALL, network=NetworkState(radio=True, known=True))
    assert steps.answered(at(Step.TIME), Step.TIME, away).step is Step.PRINTER
    assert steps.following(Step.WELCOME, away) is Step.NETWORK


def test_the_registration_is_left_out_by_a_person_alone() -> None:
    record = at(Step.CLOUD)
    assert steps.answered(record, Step.CLOUD, LINKED) == record
    assert steps.answered(at(Step.PANEL), Step.DONE, LINKED) == at(Step.PANEL)
    assert not steps.can_go(at(Step.PANEL), Step.DONE, LINKED)
    assert steps.gone(record, Step.DONE, LINKED) == at(Step.DONE)


def test_the_registration_leads_on_as_soon_as_it_is_there() -> None:
    registered = msgspec.structs.replace(LINKED, registered=True)
    assert steps.settled(at(Step.CLOUD), registered) == at(Step.DONE)
    assert steps.previous(Step.DONE, registered) is Step.PANEL


def test_a_double_click_leads_on_once() -> None:
    once = steps.answered(at(Step.TIME), Step.TIME, LINKED)
    assert steps.answered(once, Step.TIME, LINKED) == once


def test_what_was_answered_late_is_kept_all_the_same() -> None:
    answers = Answers(time_zone="Europe/Berlin")
    record = steps.answered(at(Step.CAMERA), Step.TIME, LINKED, answers)
    assert record == SetupRecord(step=Step.CAMERA, answers=answers)


def test_a_failed_join_waits_on_the_page_of_the_network() -> None:
    failed = steps.failed(at(Step.TIME), "The password is wrong.")
    assert (failed.step, failed.problem) == (Step.NETWORK, "The password is wrong.")
    assert steps.answered(failed, Step.NETWORK, LINKED).problem == ""
    assert steps.failed(at(Step.DONE, finished=True), "x").step is Step.DONE


def test_setup_mode_begins_anew_and_forgets_nothing() -> None:
    done = SetupRecord(step=Step.DONE, finished=True, answers=Answers(country="DE"), problem="x")
    again = steps.reopened(done)
    assert again == SetupRecord(step=Step.WELCOME, finished=True, answers=Answers(country="DE"))
    assert all(steps.can_go(again, step, LINKED) for step in Step)


FACTS = st.builds(
    Facts,
    network=st.builds(
        NetworkState, link=st.sampled_from(Link), radio=st.booleans(), known=st.booleans()
    ),
    has_camera=st.booleans(),
    has_panel=st.booleans(),
    has_header=st.booleans(),
    registered=st.booleans(),
    hotspot=st.booleans(),
)
MOVES = st.one_of(
    st.tuples(st.sampled_from(["submit", "go"]), st.sampled_from(Step)),
    st.tuples(st.just("fail"), st.just(Step.NETWORK)),
    FACTS,
)


@given(first=FACTS, moves=st.lists(MOVES, max_size=25))
def test_any_course_stays_on_a_step_that_applies_and_can_be_ended(
    first: Facts, moves: list[tuple[str, Step] | Facts]
) -> None:
    record, facts = steps.settled(SetupRecord(), first), first
    for move in moves:
        before = record
        if isinstance(move, Facts):
            facts = move
        elif move[0] == "submit":
            record = steps.answered(record, move[1], facts)
        elif move[0] == "go":
            record = steps.gone(record, move[1], facts)
        else:
            record = steps.failed(record, "reason")
        record = steps.settled(record, facts)
        assert record.step in steps.steps(facts)
        assert record.finished >= before.finished
        if record.finished > before.finished:
            assert before.step is Step.DONE
        if not before.finished and ORDER.index(record.step) > ORDER.index(before.step):
            assert_nothing_needed_was_passed(before, move, record, facts)
    assert_can_be_ended(record, facts)


def assert_nothing_needed_was_passed(
    before: SetupRecord, move: tuple[str, Step] | Facts, after: SetupRecord, facts: Facts
) -> None:
    if ORDER.index(after.step) > ORDER.index(Step.NETWORK):
        assert not steps.lacks_network(facts)
    if after.step is Step.DONE and not facts.registered:
        assert before.step is Step.CLOUD
        assert move == ("go", Step.DONE)


def assert_can_be_ended(record: SetupRecord, facts: Facts) -> None:
    """From wherever it is: join, answer, register."""
    for _ in (*Step, Step.DONE):
        if record.step is Step.NETWORK:
            facts = msgspec.structs.replace(facts, network=JOINED)
        if record.step is Step.CLOUD:
            facts = msgspec.structs.replace(facts, registered=True)
        record = steps.settled(steps.answered(record, record.step, facts), facts)
    assert record.step is Step.DONE
    assert record.finished


@given(facts=FACTS)
def test_back_is_the_way_that_was_come(facts: Facts) -> None:
    shown = steps.steps(facts)
    assert steps.previous(shown[0], facts) is None
    for before, step in itertools.pairwise(shown):
        assert steps.previous(step, facts) is before
        assert steps.can_go(at(step), before, facts)
