"""The state in words."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.agent.api import AgentView
from appliance.polar.codes import StatusCode
from appliance.polar.job import PREPARING, CloudJob, LocalModel, Outcome, Phase
from appliance.printer import api
from appliance.web.words import words
from tests.panel.states import NUMBERS, TEXTS
from tests.web.local_world import FakeDeeds


def view(state: api.JobState | None = None, **changes: object) -> AgentView:
    deeds = FakeDeeds()
    if state is not None:
        deeds.printing(state)
    return msgspec.structs.replace(deeds.view(), **changes)


def cloud_job(phase: Phase, **changes: object) -> CloudJob:
    job = CloudJob(job_id="P3D1-7", key="k7", name="Boat", received_at=0.0, phase=phase)
    return msgspec.structs.replace(job, **changes)


@pytest.mark.parametrize(
    ("state", "pause", "resume", "cancel"),
    [
        (None, False, False, False),
        (api.JobState.PRINTING, True, False, True),
        (api.JobState.PAUSING, False, False, True),
        (api.JobState.PAUSED, False, True, True),
        (api.JobState.RESUMING, False, False, True),
        (api.JobState.CANCELING, False, False, False),
        (api.JobState.COMPLETED, False, False, False),
    ],
)
def test_only_what_can_be_done_is_offered(
    state: api.JobState | None, pause: bool, resume: bool, cancel: bool
) -> None:
    said = words(view(state))
    assert (said.can_pause, said.can_resume, said.can_cancel) == (pause, resume, cancel)


@pytest.mark.parametrize("phase", list(Phase))
def test_a_job_of_the_cloud_can_be_canceled_before_it_prints(phase: Phase) -> None:
    said = words(view(job=cloud_job(phase)))
    assert said.can_cancel == (phase in PREPARING)
    assert (said.job is not None) == (phase is not Phase.ENDED)


def test_how_far_slicing_is_and_what_the_slicer_said() -> None:
    job = cloud_job(Phase.SLICING, detail="34 %: Infilling layers", notes=("fooBar left out.",))
    said = words(view(job=job)).job
    assert said is not None
    assert said.percent == 34.0
    assert said.facts == (("From", "Polar Cloud"), ("Slicer", "fooBar left out."))
    ready = cloud_job(Phase.STARTING, estimated_seconds=600.0, layers=12, notes=job.notes)
    said = words(view(job=ready)).job
    assert said is not None
    assert said.facts[1:3] == (("Will take", "about 10 min"), ("Layers", "12"))
    printed = words(view(api.JobState.PRINTING, job=msgspec.structs.replace(ready, key="k"))).job
    assert printed is not None
    assert printed.facts[-1] == ("Slicer", "fooBar left out.")


def test_a_model_of_this_page_can_be_canceled_while_it_is_sliced() -> None:
    model = LocalModel(key="m", name="part.stl", path="/x", detail="34 %: Infilling layers")
    said = words(view(model=model, status=11, progress="Preparing to print a job"))
    assert (said.headline, said.can_cancel) == ("Preparing a print", True)
    assert said.job is not None
    assert (said.job.name, said.job.percent) == ("part.stl", 34.0)
    asked = msgspec.structs.replace(model, cancel_requested=True)
    assert not words(view(model=asked, status=6)).can_cancel


def test_a_print_has_name_progress_and_times() -> None:
    said = words(view(api.JobState.PRINTING))
    assert said.job is not None
    assert (said.headline, said.tone, said.detail) == ("Printing", "good", "")
    assert (said.job.name, said.job.percent) == ("Vase", 42.3)
    assert said.job.facts == (
        ("Printed for", "31 min"),
        ("Time left", "about 51 min"),
        ("Layer", "12 of 80"),
    )
    assert said.temperatures == (("Nozzle", "23 °C"), ("Bed", "58 °C of 60 °C"))


def test_the_reason_stands_without_the_protocols_words() -> None:
    detail = "Printing Job: 123 Percent Complete: 42.3% - The door paused the print."
    assert words(view(progress_detail=detail)).detail == "The door paused the print."


def test_pausing_and_resuming_are_told() -> None:
    assert words(view(api.JobState.PAUSING)).headline == "Pausing …"
    assert words(view(api.JobState.RESUMING)).headline == "Resuming …"


def test_the_end_of_the_last_job_is_told() -> None:
    last = cloud_job(Phase.ENDED, outcome=Outcome.FAILED, reason="The nozzle did not heat.")
    assert words(view(last_job=last)).last == "Boat: failed. The nozzle did not heat."


def test_every_status_has_words() -> None:
    for code in StatusCode:
        said = words(view(status=int(code)))
        assert said.headline
        assert said.tone in ("good", "wait", "bad")


@given(TEXTS, TEXTS, NUMBERS, NUMBERS, NUMBERS, st.sampled_from(list(api.JobState)))
def test_anything_from_outside_can_be_said(
    name: str, text: str, heat: float, seconds: float, rest: float, state: api.JobState
) -> None:
    deeds = FakeDeeds()
    deeds.printing(state, name)
    assert deeds.snapshot is not None
    assert deeds.snapshot.job is not None
    job = msgspec.structs.replace(
        deeds.snapshot.job, print_seconds=seconds, estimated_seconds=rest, reason=text
    )
    snapshot = msgspec.structs.replace(
        deeds.snapshot, job=job, heaters={"tool0": api.Heater(heat, rest)}, message=text
    )
    said = words(view(snapshot=snapshot, progress_detail=text, notice=text))
    for line in (said.detail, said.notice, *(value for _, value in said.facts)):
        assert line.isprintable()
