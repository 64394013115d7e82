from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.camera.framing import MAGIC, MAX_BODY, Decoder, Frame, FramingError, Kind, encode

FRAMES = st.lists(
    st.builds(
        Frame,
        kind=st.sampled_from(Kind),
        number=st.integers(0, 2**32 - 1),
        body=st.binary(max_size=200),
    ),
    max_size=8,
)


@given(FRAMES, st.data())
def test_frames_survive_any_cutting_of_the_pipe(frames: list[Frame], data: st.DataObject) -> None:
    stream = b"".join(map(encode, frames))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    decoder, seen = Decoder(), list[Frame]()
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        seen += decoder.feed(stream[start:end])
    assert seen == frames


@given(st.binary(min_size=2).filter(lambda data: not data.startswith(MAGIC)))
def test_anything_else_is_refused_at_once(garbage: bytes) -> None:
    with pytest.raises(FramingError):
        Decoder().feed(garbage)


def test_an_absurd_length_is_refused_before_memory_is_spent() -> None:
    header = bytearray(encode(Frame(Kind.PICTURE, 1)))
    header[-4:] = (MAX_BODY + 1).to_bytes(4, "big")
    with pytest.raises(FramingError, match="frame of kind 3"):
        Decoder().feed(bytes(header))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(FramingError, match="kind 9"):
        Decoder().feed(MAGIC + bytes([9]) + bytes(8))
