from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from appliance.panel.controllers import Span, TftMemory, joined, page_bytes, runs

pages = st.binary(min_size=128, max_size=128)


@given(shown=pages, patches=st.lists(st.tuples(st.integers(0, 127), st.binary(max_size=9))))
def test_runs_hold_all_that_differs_and_little_else(
    shown: bytes, patches: list[tuple[int, bytes]]
) -> None:
    changed = bytearray(shown)
    for start, patch in patches:
        changed[start : start + len(patch)] = patch[: 128 - start]
    wanted, found = bytes(changed), list(runs(shown, bytes(changed), 8))
    written = bytearray(shown)
    for left, right in found:
        assert wanted[left] != shown[left]
        assert wanted[right - 1] != shown[right - 1]
        written[left:right] = wanted[left:right]
    assert bytes(written) == wanted
    assert all(after[0] - before[1] > 8 for before, after in pairwise(found))


def test_a_memory_that_nobody_knows_is_written_whole() -> None:
    assert list(runs(None, bytes(128), 8)) == [(0, 128)]


def test_the_topmost_pixel_of_a_page_is_the_lowest_bit() -> None:
    image = Image.new("1", (128, 64))
    image.putpixel((5, 0), 255)
    image.putpixel((127, 63), 255)
    image.putpixel((0, 17), 255)
    packed = page_bytes(image)
    assert [len(page) for page in packed] == [128] * 8
    assert (packed[0][5], packed[7][127], packed[2][0]) == (1, 0x80, 2)
    assert sum(map(sum, packed)) == 1 + 0x80 + 2


spans = st.builds(
    lambda x, y, wide, high: Span(x, y, x + wide, y + high),
    st.integers(0, 100),
    st.integers(0, 100),
    st.integers(1, 28),
    st.integers(1, 9),
)


@given(st.lists(spans, max_size=12), st.integers(0, 50))
def test_joined_spans_cover_the_same_and_cost_no_more(parts: list[Span], cost: int) -> None:
    whole = joined(iter(parts), cost)

    def covered(spans: list[Span]) -> set[tuple[int, int]]:
        return {
            (x, y)
            for left, top, right, bottom in spans
            for x in range(left, right)
            for y in range(top, bottom)
        }

    def price(spans: list[Span]) -> int:
        return sum((span.right - span.left) * (span.bottom - span.top) + cost for span in spans)

    assert covered(parts) <= covered(whole)
    assert price(whole) <= price(parts)


def test_a_write_that_was_cut_short_is_written_again() -> None:
    """Nobody knows what arrived: the next picture is written whole."""
    memory = TftMemory()
    first, second = Image.new("RGB", (20, 20)), Image.new("RGB", (20, 20), (255, 0, 0))
    assert sum(len(write.data) for write in memory.writes(first)) == 1200
    second.paste((0, 0, 0), (0, 5, 20, 20))
    next(memory.writes(second))
    assert sum(len(write.data) for write in memory.writes(second)) == 1200
