import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from appliance.gcode.reader import BLOCK, COMMAND_LIMIT, GcodeError, Reader, clean


def commands(data: bytes) -> list[str]:
    return [line.command for line in Reader(io.BytesIO(data)) if line.command]


@pytest.mark.parametrize(
    ("raw", "command"),
    [
        (b"G1 X1.5 Y-2 E.05 ; infill", "G1 X1.5 Y-2 E.05"),
        (b"  G28  ", "G28"),
        (b"; only a comment \xff\xfe", ""),
        (b"", ""),
        (b"%", ""),
        (b"(probe) G1 X5 (then) Y6", "G1 X5  Y6"),
        (b"(only a comment)", ""),
        (b"N12 G1 X5*97", "G1 X5"),
        (b"n12G1 X5 *97 ; c", "G1 X5"),
        (b"G1 X5*97", "G1 X5"),
        (b"G1\tX5\tY6", "G1 X5 Y6"),
        (b"G1 X5\x00\x00", "G1 X5"),
        (b"\xef\xbb\xbfG28", "G28"),
        (b"M117 50% of  layer (1/3)", "M117 50% of  layer [1/3]"),
        (b"M117 2*3", "M117 2x3"),
        (b"M117 a\\b\x08", "M117 ab"),
        ("M117 Größe ĳ 漢".encode(), "M117 Grosse ij ?"),
        (b"M117 Stra\xdfe", "M117 Stra?e"),
        ("M117 模型（1）；2＊3＼".encode(), "M117 ??[1],2x3"),
        ("㈀".encode(), "[?]"),
        (b"T0", "T0"),
        (b"START_PRINT BED=60", "START_PRINT BED=60"),
    ],
)
def test_a_line_is_what_marlin_would_keep_of_it(raw: bytes, command: str) -> None:
    assert clean(raw) == command
    assert commands(raw + b"\n") == ([command] if command else [])


def test_all_line_ends_and_none_at_the_end() -> None:
    assert commands(b"G1 X1\r\nG1 X2\rG1 X3\n\nG1 X4") == ["G1 X1", "G1 X2", "G1 X3", "G1 X4"]


def test_offsets_and_line_numbers_are_those_of_the_file() -> None:
    data = b"; c\nG28\r\n\r\nG1 X1;x\nM84"
    lines = [line for line in Reader(io.BytesIO(data)) if line.command]
    assert [(line.number, line.end) for line in lines] == [(2, 9), (4, 19), (5, len(data))]
    assert [data[: line.end].split()[-1] for line in lines] == [b"G28", b"X1;x", b"M84"]


def test_a_line_over_the_limit_names_itself() -> None:
    long = b"G1 X" + b"1" * COMMAND_LIMIT
    with pytest.raises(GcodeError, match="Line 3 of the print file is 84 characters"):
        commands(b"G28\n\n" + long + b"\nM84\n")
    assert commands(b"G1 X1 ;" + b"c" * 500) == ["G1 X1"], "the comment does not count"
    assert len(commands(b"M117 " + b"word " * 40)[0]) <= COMMAND_LIMIT, "a text is cut instead"


def test_a_damaged_move_is_not_sent() -> None:
    with pytest.raises(GcodeError, match="Line 2 of the print file is damaged"):
        commands(b"G28\nG1 X1\xff0 Y5\n")
    for line in ("Ｇ1 X5", "Ｔ1", "Ｎ5 G1 X5"):
        with pytest.raises(GcodeError, match="Line 1 of the print file is damaged"):
            commands(line.encode())


def test_comments_longer_than_memory_are_skipped_and_counted() -> None:
    data = b"G28 ;" + b"x" * (5 * BLOCK) + b"\nG1 X1\n"
    lines = [line for line in Reader(io.BytesIO(data)) if line.command]
    assert [line.command for line in lines] == ["G28", "G1 X1"]
    assert [line.end for line in lines] == [len(data) - 6, len(data)]


def test_a_command_without_end_is_an_error_not_a_memory_problem() -> None:
    with pytest.raises(GcodeError, match="more than 4096 characters"):
        commands(b"G1 " + b"X1 " * BLOCK)


@pytest.mark.parametrize(
    ("marks", "layers"),
    [
        ([b";LAYER_CHANGE", b";LAYER_CHANGE"], [1, 2]),
        ([b";LAYER:0", b";LAYER:1"], [1, 2]),
        ([b";LAYER:-2", b";LAYER:-1"], [1, 2]),
        ([b"; layer 1, Z = 0.200", b"; layer 2, Z = 0.400"], [1, 2]),
        ([b"; CHANGE_LAYER", b"; CHANGE_LAYER"], [1, 2]),
        ([b";AFTER_LAYER_CHANGE", b";LAYER_COUNT:7"], [None, None]),
    ],
)
def test_layer_marks(marks: list[bytes], layers: list[int | None]) -> None:
    data = b"G28\n" + b"".join(mark + b"\r\nG1 X1\r\n" for mark in marks)
    lines = [line for line in Reader(io.BytesIO(data)) if line.command]
    assert [line.layer for line in lines] == [None, *layers]


_confusing = st.text('GMTN017 X.-*();\\"\n\r\t%\0ß#（）；＊＼Ｇ', max_size=80).map(str.encode)


@given(st.one_of(st.binary(max_size=400), _confusing, st.text(max_size=80).map(str.encode)))
@example("M117 （1）；＊＼".encode())
def test_any_bytes_give_commands_that_a_wire_takes(data: bytes) -> None:
    reader = Reader(io.BytesIO(data))
    end = 0
    try:
        for line in reader:
            assert (line.command.isascii() and line.command.isprintable()) or not line.command
            assert len(line.command) <= COMMAND_LIMIT
            assert not set(line.command) & set("\\;*()\n\r")
            assert end <= line.end <= len(data)
            end = line.end
    except GcodeError as error:
        assert "print file" in error.long
    else:
        assert end == len(data)


@given(
    st.lists(
        st.from_regex(r"[GM][0-9]{1,3}( [XYZEFS][0-9]{1,3}\.[0-9]{1,3}){0,4}", fullmatch=True)
    ),
    st.sampled_from([b"\n", b"\r\n", b" ; c\n", b"\r"]),
)
def test_commands_come_out_as_they_went_in(made: list[str], end: bytes) -> None:
    assert commands(b"".join(command.encode() + end for command in made)) == made
