from hypothesis import given
from hypothesis import strategies as st

from appliance.printer.window import Window


def _fill(window: Window, answers: int) -> None:
    for _ in range(answers):
        window.answered(window.lines - 1)


def test_begins_with_one_line() -> None:
    window = Window(127)
    assert window.allows(40, 0, 0)
    assert not window.allows(40, 1, 40)


def test_widens_while_nothing_is_refused_and_begins_again_after_a_refusal() -> None:
    window = Window(127)
    _fill(window, 40)
    wide = window.lines
    assert wide > 3
    window.refused()
    assert window.lines == 1
    _fill(window, 4 * (wide // 2 - 1))
    assert window.lines == wide // 2
    _fill(window, 60)
    assert window.lines == wide // 2  # beyond the half it goes slowly
    _fill(window, 4)
    assert window.lines == wide // 2 + 1


def test_a_width_that_was_not_used_proves_nothing() -> None:
    window = Window(127)
    _fill(window, 8)
    lines = window.lines
    for _ in range(1000):
        window.answered(0)
    assert window.lines == lines > 1


def test_bytes_bound_it_however_wide_it_is() -> None:
    window = Window(127)
    _fill(window, 1000)
    assert window.allows(27, 4, 100)
    assert not window.allows(28, 4, 100)


@given(
    st.lists(st.booleans(), max_size=300),
    st.integers(1, 96),
    st.integers(0, 20),
    st.integers(0, 127),
)
def test_never_more_bytes_than_the_buffer_holds(
    course: list[bool], length: int, lines: int, flying: int
) -> None:
    window = Window(127)
    for good in course:
        if good:
            _fill(window, 1)
        else:
            window.refused()
        assert window.lines >= 1
    if lines and window.allows(length, lines, flying):
        assert flying + length <= 127
