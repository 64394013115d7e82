from __future__ import annotations

import pickle

import pytest

from appliance import errors
from appliance.errors import SHORT_LENGTH, ApplianceError

KINDS = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ApplianceError)
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_two_texts(kind: type[ApplianceError]) -> None:
    error = kind("The printer does not answer. Check its cable.")
    assert str(error) == error.long == "The printer does not answer. Check its cable."
    assert error.short == kind.default_short
    assert 0 < len(kind.default_short) <= SHORT_LENGTH


@pytest.mark.parametrize("kind", KINDS)
def test_the_short_text_always_fits_the_display(kind: type[ApplianceError]) -> None:
    assert kind("x", short="Disk full").short == "Disk full"
    assert kind("x", short="y" * 50).short == "y" * SHORT_LENGTH


def test_short_texts_tell_the_errors_apart() -> None:
    texts = [kind.default_short for kind in KINDS]
    assert len(set(texts)) == len(texts)


def test_a_refused_job_is_a_printer_error() -> None:
    assert issubclass(errors.JobRefused, errors.PrinterError)


def test_an_error_survives_pickling() -> None:
    """Workers in other processes may hand errors over."""
    error = pickle.loads(pickle.dumps(errors.StorageError("No room.", short="Disk full")))
    assert (error.long, error.short) == ("No room.", "Disk full")
