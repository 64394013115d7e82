from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.sim.wire import Wire

BYTE_TIME = 10 / 250_000


def test_a_byte_takes_ten_bits() -> None:
    wire = Wire(250_000)
    wire.offer(b"abc", now=1.0)
    assert wire.take(1.0 + 0.99 * BYTE_TIME) == b""
    assert wire.take(1.0 + BYTE_TIME) == b"a"
    assert wire.take(1.0 + 2.5 * BYTE_TIME) == b"b"
    assert wire.take(1.0 + 3 * BYTE_TIME) == b"c"
    assert wire.next_arrival == inf


def test_bytes_queue_up_behind_each_other() -> None:
    wire = Wire(115_200)
    wire.offer(b"first\n", now=0.0)
    wire.offer(b"x\n", now=0.0001)
    assert wire.next_arrival == pytest.approx(6 * 10 / 115_200)
    assert wire.take_piece() == b"first\n"
    assert wire.next_arrival == pytest.approx(8 * 10 / 115_200)


def test_pieces_end_at_line_feeds() -> None:
    wire = Wire(0)
    wire.offer(b"one\ntwo\nthr", now=0.0)
    assert [wire.take_piece() for _ in range(3)] == [b"one\n", b"two\n", b"thr"]


def test_a_wire_without_a_baud_rate_takes_no_time() -> None:
    wire = Wire(0)
    wire.offer(b"at once\n", now=5.0)
    assert wire.next_arrival == 5.0
    assert wire.take(5.0) == b"at once\n"


def test_what_has_not_arrived_can_be_forgotten() -> None:
    wire = Wire(250_000)
    wire.offer(b"abcdef", now=0.0)
    assert wire.take(2 * BYTE_TIME) == b"ab"
    wire.clear(2 * BYTE_TIME)
    wire.offer(b"z", now=2 * BYTE_TIME)
    assert wire.take(3 * BYTE_TIME) == b"z"


offers = st.lists(st.tuples(st.binary(max_size=40), st.floats(0, 0.01)), max_size=12)


@given(offers, st.sampled_from([0, 9600, 250_000]), st.lists(st.floats(0, 0.01), max_size=20))
def test_every_byte_arrives_once_in_order_and_never_early(
    offered: list[tuple[bytes, float]], baud: int, looks: list[float]
) -> None:
    wire = Wire(baud)
    due: list[float] = []
    now = free = 0.0
    for data, gap in offered:
        now += gap
        wire.offer(data, now)
        for _ in data:
            free = max(now, free) + (10 / baud if baud else 0.0)
            due.append(free)
    arrived = b""
    for look in [*sorted(look + now for look in looks), inf if not baud else free + 1]:
        arrived += wire.take(look)
        assert sum(when <= look - 1e-9 for when in due) <= len(arrived)
        assert len(arrived) <= sum(when <= look + 1e-9 for when in due)
    assert arrived == b"".join(data for data, _ in offered)
