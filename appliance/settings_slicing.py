"""The settings of slicing on the device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Length = Annotated[float, Meta(ge=0, le=10_000)]  # mm


class SlicingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is printed on, and what the slicer may use of this board."""

    bed_width: Length = 0.0  # 0 = not told: then the configuration's own bed counts
    bed_depth: Length = 0.0
    bed_height: Length = 0.0
    bed_shape: Literal["rectangle", "circle"] = "rectangle"
    bed_origin: Literal["corner", "center"] = "corner"  # where X0 Y0 is
    time_limit: Annotated[float, Meta(gt=0, le=86_400)] = 3600.0  # s
    memory_limit: Annotated[int, Meta(ge=0, le=1_000_000)] = 0  # MB; 0 = what is free
    max_model: Annotated[int, Meta(gt=0)] = 300_000_000  # bytes of an STL or 3MF
    cache_size: Annotated[int, Meta(ge=0)] = 500_000_000  # bytes of finished G-code; 0 = none


def slicing_problems(slicing: SlicingSettings) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it) for what types alone cannot say."""
    if bool(slicing.bed_width) != bool(slicing.bed_depth):
        yield "slicing.bed_width", "Expected both bed_width and bed_depth, or neither."
    if slicing.bed_height and not slicing.bed_width:
        yield "slicing.bed_height", "Expected bed_width and bed_depth, too."
