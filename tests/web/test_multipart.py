"""Forms in any pieces, and cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.web.multipart import (
    HEADER_LIMIT,
    PARTS,
    Data,
    Event,
    Form,
    FormError,
    PartBegan,
    PartEnded,
)

BOUNDARY = "------------------------d74496d66958873e"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"

names = st.text("abcXYZ-_", min_size=1, max_size=8)
filenames = st.none() | st.text(max_size=20).filter(lambda t: "\r" not in t and "\n" not in t)
bodies = st.binary(max_size=200) | st.sampled_from(
    [b"\r\n", b"--", f"\r\n--{BOUNDARY[:-1]}".encode(), b"\r\n\r\n", b"\n--" + BOUNDARY.encode()]
)
parts = st.lists(st.tuples(names, filenames, bodies), max_size=5)


def written(fields: list[tuple[str, str | None, bytes]]) -> bytes:
    """As curl writes it."""
    out = b""
    for name, filename, body in fields:
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
        if filename is not None:
            escaped = filename.replace("\\", "\\\\").replace('"', '\\"')
            head += f'; filename="{escaped}"\r\nContent-Type: application/octet-stream'
        out += head.encode("utf-8", "replace") + b"\r\n\r\n" + body + b"\r\n"
    return out + f"--{BOUNDARY}--\r\n".encode()


def read(data: bytes, sizes: list[int]) -> tuple[Form, list[tuple[str, str | None, bytes]]]:
    """Feed ``data`` in pieces; the parts that ended."""
    form, events, at = Form(TYPE), list[Event](), 0
    for size in [*sizes, len(data)]:
        events += form.feed(data[at : at + size])
        at += size
    found: list[tuple[str, str | None, bytes]] = []
    began, body = PartBegan("", None), b""
    for event in events:
        match event:
            case PartBegan():
                began, body = event, b""
            case Data(content):
                body += content
            case PartEnded():
                found.append((began.name, began.filename, body))
    return form, found


def same(text: str | None) -> str | None:
    """What reaches the other side of a name."""
    if text is None:
        return None
    sent = text.encode("utf-8", "replace").decode()
    for escaped, meant in (("%22", '"'), ("%0D", "\r"), ("%0A", "\n")):
        sent = sent.replace(escaped, meant)
    return sent


@given(parts, st.lists(st.integers(1, 40), max_size=30))
def test_a_form_is_the_same_in_any_pieces(
    fields: list[tuple[str, str | None, bytes]], sizes: list[int]
) -> None:
    form, found = read(written(fields), sizes)
    assert form.complete
    assert found == [(name, same(filename), body) for name, filename, body in fields]


@given(parts, st.data())
def test_a_cut_form_is_never_complete(
    fields: list[tuple[str, str | None, bytes]], data: st.DataObject
) -> None:
    whole = written(fields)
    end = whole.rindex(b"--")
    cut = data.draw(st.integers(0, end + 1))
    form, found = read(whole[:cut], [7, 100])
    assert not form.complete
    assert len(found) <= len(fields)


@given(st.binary(max_size=400), st.booleans())
def test_noise_is_an_error_or_nothing(noise: bytes, led: bool) -> None:
    form = Form(TYPE)
    try:
        form.feed((f"--{BOUNDARY}".encode() if led else b"") + noise)
    except FormError as error:
        assert error.long.endswith(".")


@pytest.mark.parametrize(
    "kind",
    ["", "text/plain", "multipart/form-data", "multipart/mixed; boundary=x", "a; boundary=x"],
)
def test_other_content_is_no_form(kind: str) -> None:
    with pytest.raises(FormError):
        Form(kind)


def test_qt_quotes_the_boundary() -> None:
    form = Form('multipart/form-data; boundary="boundary_.oOo._MTIz/=+"')
    form.feed(b"--boundary_.oOo._MTIz/=+--\r\n")
    assert form.complete


def test_names_may_hold_what_separates_parameters() -> None:
    form = Form(TYPE)
    head = 'Content-Disposition: form-data; name="file"; filename="a; b; name=\\"c\\".gcode"'
    events = form.feed(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode())
    assert events == [PartBegan("file", 'a; b; name="c".gcode')]


def test_the_extended_name_goes_first() -> None:
    form = Form(TYPE)
    head = "Content-Disposition: form-data; name=f; filename=a; filename*=UTF-8''%C3%A4.gcode"
    assert form.feed(f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode()) == [PartBegan("f", "ä.gcode")]


def test_headers_and_fields_are_bounded() -> None:
    with pytest.raises(FormError, match="too long"):
        Form(TYPE).feed(f"--{BOUNDARY}\r\n".encode() + b"x" * (HEADER_LIMIT + 10))
    with pytest.raises(FormError, match="too many"):
        Form(TYPE).feed(written([("a", None, b"")] * (PARTS + 1)))


def test_a_body_is_handed_on_and_not_collected() -> None:
    form = Form(TYPE)
    form.feed(f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"\r\n\r\n'.encode())
    for _ in range(50):
        (piece,) = form.feed(b"G1 X1\n" * 1000)
        assert isinstance(piece, Data)
        assert len(piece.content) <= 6000 + len(BOUNDARY) + 4
