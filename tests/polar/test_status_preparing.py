"""What the status says before a print: downloads, slicing, and a model of the local page."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.polar.job import Chosen, CloudJob, LocalModel, Phase
from appliance.polar.messages import Status
from appliance.polar.status import StatusInputs, status_message
from appliance.printer.api import LOCAL_JOB_ID, LinkState, Snapshot

ID = "P3D12345-7"


def status(**inputs: Any) -> Status:
    snapshot = Snapshot(link=LinkState.READY)
    return status_message(
        StatusInputs(**{"snapshot": snapshot, "job": None, **inputs}), "P3D12345", 1000.0
    )


def job(phase: Phase, **changes: Any) -> CloudJob:
    return CloudJob(job_id=ID, key="k1", received_at=900.0, phase=phase, **changes)


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        (Phase.DOWNLOADING, "Downloading file for job"),
        (Phase.CONFIGURING, "Downloading config file for job"),
        (Phase.SLICING, "Slicing Job"),
    ],
)
def test_the_documents_words_for_each_phase(phase: Phase, words: str) -> None:
    plain = status(job=job(phase))
    assert (plain.status, plain.progress) == (2, "Preparing to print a job")
    assert plain.progress_detail == f"{words}: {ID}"
    detailed = status(job=job(phase, detail="34 %: Infilling layers"))
    assert detailed.progress_detail == f"{words}: {ID} - 34 %: Infilling layers"


def test_what_the_slicer_found_is_told_before_the_print() -> None:
    said = status(job=job(Phase.STARTING, estimated_seconds=61.4, filament_mm=250.6))
    assert (said.estimated_time, said.filament_used) == (61, 251)


@pytest.mark.parametrize("field", ["stl_url", "threemf_url", "gcode_url"])
def test_file_and_configuration_are_those_of_the_print_command(field: str) -> None:
    urls = {field: "http://cloud/7", "config_url": "http://cloud/7.ini"}
    said = status(job=job(Phase.SLICING, chosen=Chosen.STL, **urls))
    assert (said.file, said.config) == ("http://cloud/7", "http://cloud/7.ini")


def test_slicing_for_the_local_page_is_the_local_job() -> None:
    model = LocalModel(key="m", name="part.stl", path="/x", detail="34 %: Infilling layers")
    said = status(model=model)
    assert (said.status, said.job_id) == (11, LOCAL_JOB_ID)
    assert said.progress == "Preparing to print a job"
    assert said.progress_detail == "Slicing Job: 123 - 34 %: Infilling layers"
