"""What can go wrong on the way from a model to its G-code, each with what to do about it."""

from __future__ import annotations

from appliance.errors import ApplianceError


class SlicingError(ApplianceError):
    """No G-code could be made; nothing partial is left behind."""

    default_short = "Slicing failed"


class SlicerMissing(SlicingError):
    """The program is not installed; the sentence names its package."""

    default_short = "No slicer"


class BadModel(SlicingError):
    """The model is no model, or one that nothing can be printed from."""

    default_short = "Bad model"


class ModelTooLarge(BadModel):
    """The model does not fit the build volume, or is too large a file."""

    default_short = "Model too large"


class BadConfiguration(SlicingError):
    """The configuration is none that can be used."""

    default_short = "Bad slicer settings"


class NotEnoughMemory(SlicingError):
    """The slicer needs more memory than this board has to give."""

    default_short = "Not enough memory"


class TooSlow(SlicingError):
    """The slicer was ended at its time limit."""

    default_short = "Slicing too slow"
