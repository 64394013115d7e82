"""Between JSON as it arrives and typed messages: limits, leniency and clear refusals.

What is lenient, and why, stands in ``docs/conformance.md``. Nothing here repeats a value
that was received: a message may carry a PIN, a private key or signed form fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta

from appliance.errors import MessageError

MAX_SIZE = 1_000_000
"""Bytes of JSON, about, that one message may have."""
MAX_TEXT = 65_536
"""Characters that one text, or one field's name, may have."""
MAX_DEPTH = 16
"""Levels of lists and objects."""
MAX_NUMBER = 2.0**53
"""Beyond it a JSON number is no longer exact."""

Count = Annotated[int, Meta(ge=0, le=2**53)]
"""A whole number of seconds, bytes, millimetres or things."""
Number = Annotated[float, Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
"""A number, never NaN or infinite: neither passes a bound."""
Flag = Annotated[int, Meta(ge=0, le=1)]
SerialNumber = Annotated[str, Meta(min_length=1, max_length=64)]
JobId = Annotated[str, Meta(min_length=1, max_length=200)]

# Texts that come as a number now and then (field notes; the examples of section 3.12).
_NUMBER_AS_TEXT = frozenset({"serialNumber", "jobId", "jobName", "startTime"})
_TYPE_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "nothing",
}


class Message(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A command of the protocol. Attributes are snake_case, the wire is camelCase."""

    SECRET: ClassVar[frozenset[str]] = frozenset()  # attributes that no log may show

    def __repr__(self) -> str:
        shown = (
            f"{name}={'(hidden)' if name in self.SECRET else repr(getattr(self, name))}"
            for name in self.__struct_fields__
            if getattr(self, name) is not None
        )
        return f"{type(self).__name__}({', '.join(shown)})"


T = TypeVar("T")


def refuse(event: str, problem: str, field: str = "") -> MessageError:
    """The error that says event, field and what was expected."""
    where = f"its field {field}: " if field else ""
    return MessageError(f"The message {event} was refused: {where}{problem}.")


def checked_object(event: str, payload: object) -> dict[str, Any]:
    """``payload`` as an object within the limits, free of what JSON cannot say.

    Raises MessageError.
    """
    if not isinstance(payload, dict):
        raise refuse(event, "expected an object")
    size = 0
    todo: list[tuple[object, int]] = [(payload, 1)]
    while todo:
        value, depth = todo.pop()
        size += _size(event, value)
        if size > MAX_SIZE:
            raise refuse(event, f"it is larger than {MAX_SIZE} bytes")
        if isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                raise refuse(event, f"it is nested more than {MAX_DEPTH} levels deep")
            todo.extend((part, depth + 1) for part in _parts(event, value))
    return payload


def _parts(event: str, value: dict[Any, Any] | list[Any]) -> Iterator[object]:
    if isinstance(value, list):
        yield from value
        return
    for name, part in value.items():
        if not isinstance(name, str):
            raise refuse(event, "a field's name is not text")
        yield name
        yield part


def _size(event: str, value: object) -> int:
    """About the bytes of a value's JSON, without its parts."""
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            raise refuse(event, f"a text is longer than {MAX_TEXT} characters")
        try:
            return len(value.encode()) + 3
        except UnicodeEncodeError:  # half of a surrogate pair: JSON allows it, UTF-8 does not
            raise refuse(event, "a text is not valid Unicode") from None
    if value is None or isinstance(value, bool):
        return 5
    if isinstance(value, int | float):
        if not abs(value) <= MAX_NUMBER:  # so written, NaN is refused too
            raise refuse(event, "a number is too large or not finite")
        return 8
    if isinstance(value, dict | list):
        # Two parts for each field, counted here so that a huge container is refused unread.
        return 2 + 2 * len(value)
    raise refuse(event, "it holds something that is not JSON")


def convert(event: str, payload: object, kind: type[T]) -> T:
    """``payload`` (checked) as ``kind``; raises MessageError naming field and expectation."""
    try:
        return msgspec.convert(_lenient(payload), kind, strict=False)
    except msgspec.ValidationError as error:
        raise _explained(event, str(error), kind) from None


def convert_number(event: str, field: str, value: object) -> float:
    """``value`` (checked) as the finite number of one ``field``; raises MessageError."""
    try:
        number: float = msgspec.convert(value, Number, strict=False)
    except msgspec.ValidationError:
        raise refuse(event, "expected a number", field) from None
    return number


def _lenient(value: Any) -> Any:
    """Without nulls, and with text where only the type of a number was wrong."""
    if isinstance(value, list):
        return [_lenient(part) for part in value]
    if not isinstance(value, Mapping):
        return value
    return {
        name: _as_text(part) if name in _NUMBER_AS_TEXT else _lenient(part)
        for name, part in value.items()
        if part is not None
    }


def _as_text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value:
        return value
    return str(int(value))


def without_nulls(value: Any) -> Any:
    """Builtins as they go out: absent optionals are left out at every level."""
    if isinstance(value, list):
        return [without_nulls(part) for part in value]
    if isinstance(value, dict):
        return {name: without_nulls(part) for name, part in value.items() if part is not None}
    return value


def _explained(event: str, text: str, kind: type) -> MessageError:
    """msgspec's "Expected `int`, got `str` - at `$.jobs[...].skip`" for a person."""
    problem, at, where = text.rpartition(" - at `$")
    if not at:
        problem, where = text, ""
    path = [part for part in where.rstrip("`").split(".") if part]
    if problem.startswith("Invalid enum value"):
        expected = ", ".join(map(repr, _choices(kind, path)))
        problem = f"expected one of {expected}"
    elif problem.startswith("Object missing required field"):
        path.append(problem.split("`")[1])
        problem = "it is required, but it is missing"
    else:
        problem = problem[:1].lower() + problem[1:]
    problem = re.sub(r"`([a-z |]+)`", _words, problem)
    return refuse(event, problem, ".".join(path))


def _words(match: re.Match[str]) -> str:
    names = [name for name in match[1].split(" | ") if name != "null"]
    return " or ".join(_TYPE_WORDS.get(name, name) for name in names) or "nothing"


def _choices(kind: Any, path: list[str]) -> list[str]:
    """The values that the field at ``path`` of ``kind`` may have."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(member.value) for member in kind]
    if get_origin(kind) is Literal:
        return [str(value) for value in get_args(kind)]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and path:
        fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        name = path[0].partition("[")[0]
        return _choices(fields.get(name), path[1:])
    return [choice for part in get_args(kind) for choice in _choices(part, path)]
