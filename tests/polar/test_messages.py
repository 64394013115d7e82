"""What holds for every message: round trips, refusals, secrets."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.errors import MessageError
from appliance.polar import messages, wire
from appliance.polar.messages import (
    FROM_CLOUD,
    TO_CLOUD,
    CloudMessage,
    PrinterMessage,
    Result,
    UnknownEvent,
    encode,
    parse,
    parse_from_printer,
    unknown_fields,
)

KINDS = [*FROM_CLOUD.items(), *TO_CLOUD.items()]
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.text(st.characters(categories=["Cs"]), max_size=2)
    | st.binary(max_size=2)
    | st.sampled_from(["SUCCESS", "FAILED", "DELETED", "pause", "idle", "12", "nan", "1e999"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


def values(kind: Any) -> st.SearchStrategy[Any]:  # noqa: PLR0911  # one line for each type
    """Values of a field as msgspec describes its type."""
    match kind:
        case msgspec.inspect.UnionType(types=types):
            return st.one_of(*map(values, types))
        case msgspec.inspect.NoneType():
            return st.none()
        case msgspec.inspect.BoolType():
            return st.booleans()
        case msgspec.inspect.IntType(ge=low, le=high):
            return st.integers(low, high)
        case msgspec.inspect.FloatType(ge=low, le=high):
            return st.floats(low, high)
        case msgspec.inspect.StrType(min_length=low, max_length=high):
            return st.text(
                st.characters(codec="utf-8"), min_size=low or 0, max_size=min(high or 12, 12)
            )
        case msgspec.inspect.LiteralType(values=choices):
            return st.sampled_from(choices)
        case msgspec.inspect.EnumType(cls=cls):
            return st.sampled_from(list(cls))
        case msgspec.inspect.ListType(item_type=item):
            return st.lists(values(item), max_size=3)
        case msgspec.inspect.DictType(value_type=item):
            return st.dictionaries(TEXT, values(item), max_size=3)
        case msgspec.inspect.StructType(cls=cls):
            return instances(cls)
    raise AssertionError(f"no strategy for {kind}")


def instances(kind: type) -> st.SearchStrategy[Any]:
    """Messages of one class, those that the class itself allows."""
    description = msgspec.inspect.type_info(kind)
    assert isinstance(description, msgspec.inspect.StructType)
    fields = {field.name: values(field.type) for field in description.fields}
    if kind is messages.Temperature:
        heater = st.sampled_from(["tool0", "tool1", "tool7", "tool15", "bed", "chamber"])
        fields["targets"] = st.dictionaries(heater, DEGREES)
    if kind in (messages.GetUrlResponse, messages.KeyPair):
        fields["status"] = st.sampled_from([Result.FAILED, Result.DELETED])
        return st.fixed_dictionaries(fields).map(lambda chosen: kind(**chosen)) | WHOLE[kind]
    return st.fixed_dictionaries(fields).map(lambda chosen: kind(**chosen))


DEGREES = st.floats(-300, 2000)
WHOLE: dict[type, st.SearchStrategy[Any]] = {
    messages.GetUrlResponse: st.builds(
        messages.GetUrlResponse,
        status=st.just(Result.SUCCESS),
        type=st.sampled_from(messages.UploadType),
        expires=st.integers(0, 100_000),
        max_size=st.integers(0, 100_000_000),
        url=TEXT,
        fields=st.dictionaries(TEXT, TEXT, max_size=9),
    ),
    messages.KeyPair: st.builds(messages.KeyPair, public=TEXT, private=TEXT),
}


@pytest.mark.parametrize(("event", "kind"), KINDS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_round_trip(
    event: str, kind: type[CloudMessage | PrinterMessage], data: st.DataObject
) -> None:
    message = data.draw(instances(kind))
    name, payload = encode(message)
    assert name == event
    over_the_wire = json.loads(json.dumps(payload))
    parser = parse if event in FROM_CLOUD else parse_from_printer
    assert parser(event, over_the_wire) == message
    if event in FROM_CLOUD:
        assert unknown_fields(event, over_the_wire) == []


@pytest.mark.parametrize(("event", "kind"), KINDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_anything_parses_or_is_refused(
    event: str, kind: type[CloudMessage | PrinterMessage], data: st.DataObject
) -> None:
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    known = st.dictionaries(st.sampled_from([*names, "command", "tool0", "bed"]), JSON, max_size=6)
    payload = data.draw(known | JSON)
    parser = parse if event in FROM_CLOUD else parse_from_printer
    try:
        message = parser(event, payload)
    except MessageError as error:
        assert event in error.long
        return
    assert type(message) is kind
    json.dumps(encode(message), allow_nan=False).encode()


@settings(max_examples=50, deadline=None)
@given(event=st.text(max_size=60), payload=JSON)
def test_events_that_are_not_known(event: str, payload: object) -> None:
    for parser, known in ((parse, FROM_CLOUD), (parse_from_printer, TO_CLOUD)):
        if event not in known:
            with pytest.raises(UnknownEvent) as caught:
                parser(event, payload)
            assert caught.value.event == event[:40]
            assert len(caught.value.long) < 500


def test_the_document_has_19_and_13_commands() -> None:
    assert len(FROM_CLOUD) == 19 + 1  # and jogPrinter
    assert len(TO_CLOUD) == 13


@pytest.mark.parametrize(
    ("event", "payload", "text"),
    [
        ("cancel", None, "cancel was refused: expected an object"),
        ("cancel", [], "cancel was refused: expected an object"),
        ("cancel", {}, "cancel was refused: its field serialNumber: it is required"),
        ("print", {"jobId": []}, "print was refused: its field jobId: expected text, got a list"),
        ("print", {"jobId": True}, "jobId: expected text, got true or false"),
        ("print", {"jobId": 1.5}, "jobId: expected text, got a number"),
        ("print", {"jobId": ""}, "jobId: expected text of length >= 1"),
        ("print", {"jobId": 1, "stlFile": 5}, "stlFile: expected text, got a whole number"),
        ("pause", {"serialNumber": "A", "type": "nap"}, "one of 'pause', 'cold', 'filament'"),
        ("helloResponse", {"status": "OK"}, "status: expected one of 'SUCCESS', 'FAILED'"),
        (
            "jogPrinter",
            {"jogPrinter": {"command": "fly"}},
            "jogPrinter.command: expected one of 'jog', 'home', 'extrude'",
        ),
        (
            "jogPrinter",
            {"jogPrinter": {"command": "home", "axes": ["e"]}},
            "jogPrinter.axes[0]: expected one of 'x', 'y', 'z'",
        ),
        (
            "getQueueResponse",
            {"totalCount": 1, "jobCount": 1, "jobs": [{"jobId": {}}]},
            "jobs[0].jobId: expected text, got an object",
        ),
        (
            "getQueueResponse",
            {"totalCount": -1, "jobCount": 1, "jobs": []},
            "totalCount: expected a whole number >= 0",
        ),
        ("temperature", {"serialNumber": "A", "tool1": "hot"}, "tool1: expected a number"),
        ("temperature", {"serialNumber": "A", "bed": "nan"}, "bed: expected a number"),
        ("temperature", {"serialNumber": "A", "bed": "inf"}, "bed: expected a number"),
        ("temperature", {"serialNumber": "A", "bed": float("nan")}, "not finite"),
        ("temperature", {"serialNumber": "A", "bed": float("-inf")}, "not finite"),
        ("temperature", {"serialNumber": "A", "bed": False}, "bed: expected a number"),
        ("welcome", {"challenge": "\ud800"}, "not valid Unicode"),
        ("welcome", {"challenge": b"x"}, "not JSON"),
        ("welcome", {1: "x"}, "name is not text"),
        ("getQueueResponse", {"totalCount": 10**400}, "too large"),
    ],
)
def test_refusals_say_event_field_and_expectation(event: str, payload: object, text: str) -> None:
    with pytest.raises(MessageError) as caught:
        parse(event, payload)
    assert text in caught.value.long
    assert event in caught.value.long


def _nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"challenge": "x" * (wire.MAX_TEXT + 1)}, "longer than"),
        ({"y" * (wire.MAX_TEXT + 1): 1}, "longer than"),
        ({"challenge": "x", "more": ["y" * 60_000] * 17}, "larger than"),
        ({"challenge": "x", "more": [0] * 600_000}, "larger than"),
        ({"challenge": "x", "more": _nested(wire.MAX_DEPTH)}, "levels deep"),
    ],
    ids=["text", "name", "many texts", "many numbers", "depth"],
)
def test_oversized_messages_are_refused(payload: object, text: str) -> None:
    with pytest.raises(MessageError, match=text) as caught:
        parse("welcome", payload)
    assert len(caught.value.long) < 200


def test_limits_leave_room() -> None:
    payload = {"challenge": "x" * wire.MAX_TEXT, "more": _nested(wire.MAX_DEPTH - 1)}
    assert parse("welcome", payload) == messages.Welcome(challenge="x" * wire.MAX_TEXT)


def test_a_message_that_contains_itself_is_refused() -> None:
    loop: dict[str, object] = {"challenge": "x"}
    loop["self"] = loop
    with pytest.raises(MessageError):
        parse("welcome", loop)


@pytest.mark.parametrize(
    "payload",
    [
        {"status": "SUCCESS", "type": "idle", "expires": "86400", "maxSize": "76800"},
        {"status": "SUCCESS", "type": "idle", "expires": 86400.0, "maxSize": 76800},
    ],
)
def test_numbers_may_come_as_text(payload: dict[str, object]) -> None:
    message = parse("getUrlResponse", {**payload, "url": "http://x", "fields": {}})
    assert isinstance(message, messages.GetUrlResponse)
    assert (message.expires, message.max_size) == (86400, 76800)


def test_temperatures_may_come_as_text_and_null_leaves_a_heater_alone() -> None:
    payload = {"serialNumber": 7, "tool0": "200.5", "bed": None, "tool12": 1, "toolbox": "x"}
    assert parse("temperature", payload) == messages.Temperature(
        serial_number="7", targets={"tool0": 200.5, "tool12": 1}
    )


def test_job_id_may_come_as_a_number() -> None:
    assert parse("print", {"jobId": 178137, "jobName": 3}) == messages.Print(
        job_id="178137", job_name="3"
    )


def test_null_is_absent() -> None:
    assert parse("print", {"jobId": "1", "stlFile": None}) == messages.Print(job_id="1")
    with pytest.raises(MessageError, match="required"):
        parse("print", {"jobId": None})


SECRET = "5ecret-5ecret"


@pytest.mark.parametrize(
    "message",
    [
        messages.Register(email="a@b.c", pin=SECRET, public_key="k"),
        messages.KeyPair(public="p", private=SECRET),
        messages.GetUrlResponse(status=Result.FAILED, fields={"X-Amz-Signature": SECRET}),
    ],
)
def test_secrets_are_in_no_repr(message: CloudMessage | PrinterMessage) -> None:
    assert SECRET not in repr(message)
    assert SECRET not in f"{message}"
    assert SECRET in json.dumps(encode(message))


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("keyPair", {"status": SECRET, "private": SECRET, "public": "p"}),
        ("keyPair", {"private": [SECRET], "public": SECRET}),
        ("getUrlResponse", {"status": "SUCCESS", "fields": {SECRET: 5}}),
        ("getUrlResponse", {"status": "FAILED", "fields": [SECRET]}),
        ("helloResponse", {"status": SECRET + " - at `$.nowhere`"}),
    ],
)
def test_values_are_in_no_refusal(event: str, payload: object) -> None:
    with pytest.raises(MessageError) as caught:
        parse(event, payload)
    assert SECRET not in caught.value.long


def test_unknown_fields_are_named() -> None:
    payload = {"serialNumber": "A", "tool3": 1, "fanSpeed": 2}
    assert unknown_fields("temperature", payload) == ["fanSpeed"]
    assert unknown_fields("customCommand", {"command": "x", "who": 1}) == ["who"]
    assert unknown_fields("nonsense", payload) == []
    assert unknown_fields("cancel", None) == []
