"""A text entered with a few keys."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.panel.characters import render
from appliance.panel.keys import Key, KeyStroke, Stroke
from appliance.panel.screen import Keys, Screen
from appliance.panel.typing import (
    DONE,
    SPACE,
    Form,
    Kind,
    Leave,
    Typing,
    entry,
    filled,
    press,
    wheel,
)
from tests.panel.states import strokes

FORMS = [
    Form(Kind.TEXT, 63),
    Form(Kind.TEXT, 3),
    Form(Kind.EMAIL, 254),
    Form(Kind.PIN, 16),
    Form(Kind.COUNTRY, 2),
]
PASSWORD = Form(Kind.TEXT, 63)
ENCODER = (KeyStroke(Key.UP), KeyStroke(Key.DOWN), KeyStroke(Key.OK), KeyStroke(Key.LEFT))


def turned_to(form: Form, typing: Typing, word: str) -> Typing:
    """The wheel at ``word``, as an encoder turns it there."""
    for _ in wheel(form, typing):
        if wheel(form, typing)[typing.at] == word:
            return typing
        turned = press(form, typing, KeyStroke(Key.DOWN))
        assert isinstance(turned, Typing)
        typing = turned
    raise LookupError(word)


def entered(form: Form, typing: Typing, *words: str) -> Typing | Leave:
    result: Typing | Leave = typing
    for word in words:
        assert isinstance(result, Typing)
        result = press(form, turned_to(form, result, word), KeyStroke(Key.OK))
    return result


@pytest.mark.parametrize(
    ("form", "characters"),
    [
        (PASSWORD, string.ascii_letters + string.digits + string.punctuation + " "),
        (FORMS[2], string.ascii_lowercase + string.digits + "!#$%&'*+-/=?^_`{|}~.@"),
        (FORMS[3], string.digits),
        (FORMS[4], string.ascii_uppercase),
    ],
    ids=lambda value: str(getattr(value, "kind", "")),
)
def test_every_character_can_be_entered_by_turning_and_pushing(form: Form, characters: str) -> None:
    found = ""
    names = [word for word in wheel(form, Typing()) if len(word) > 1 and word not in (DONE, SPACE)]
    starts: list[Typing | Leave] = [Typing(), *(entered(form, Typing(), name) for name in names)]
    for start in starts:
        assert isinstance(start, Typing)
        for word in wheel(form, start):
            if len(word) == 1 or word == SPACE:
                typed = entered(form, start, word)
                assert isinstance(typed, Typing)
                found += typed.text
    assert set(found) == set(characters)


def test_a_password_with_everything() -> None:
    words = [*"ab", "ABC", "Z", "123", "7", "#+=", "\\", SPACE, "abc", "q"]
    typed = entered(PASSWORD, Typing(), *words)
    assert isinstance(typed, Typing)
    assert typed.text == "abZ7\\ q"
    assert entered(PASSWORD, typed, DONE) is Leave.DONE


def test_done_is_one_step_up_from_the_beginning() -> None:
    up = press(PASSWORD, Typing(), KeyStroke(Key.UP))
    assert isinstance(up, Typing)
    assert wheel(PASSWORD, up)[up.at] == DONE
    assert press(PASSWORD, up, KeyStroke(Key.OK)) is Leave.DONE
    assert press(PASSWORD, up, KeyStroke(Key.RIGHT)) == up, "right takes, but ends nothing"


def test_right_takes_a_character_too() -> None:
    typed = press(PASSWORD, Typing(), KeyStroke(Key.RIGHT))
    assert isinstance(typed, Typing)
    assert typed.text == "a"


def test_left_deletes_the_last_and_then_leads_back() -> None:
    typing = Typing(text="ab")
    for left in ("a", ""):
        typed = press(PASSWORD, typing, KeyStroke(Key.LEFT))
        assert isinstance(typed, Typing)
        typing = typed
        assert typing.text == left
    assert press(PASSWORD, typing, KeyStroke(Key.LEFT)) is Leave.BACK


def test_a_held_key_runs_faster_after_a_while() -> None:
    typing, places = Typing(), []
    for stroke in [Stroke.PRESS, Stroke.HOLD, *[Stroke.REPEAT] * 6, Stroke.PRESS]:
        turned = press(PASSWORD, typing, KeyStroke(Key.DOWN, stroke))
        assert isinstance(turned, Typing)
        typing = turned
        places.append(typing.at)
    assert places == [1, 1, 2, 3, 4, 5, 8, 11, 12]


def test_a_full_entry_takes_no_more_and_stands_at_done() -> None:
    country = FORMS[4]
    typed = entered(country, Typing(), "D", "E")
    assert isinstance(typed, Typing)
    assert wheel(country, typed)[typed.at] == DONE
    assert entered(country, typed, "F") == turned_to(country, typed, "F")


def test_what_is_known_is_ready_to_be_taken() -> None:
    typing = filled(FORMS[2], "ada@example.com")
    assert press(FORMS[2], typing, KeyStroke(Key.OK)) is Leave.DONE
    assert filled(FORMS[2], "") == Typing()


def test_no_repr_shows_what_was_entered() -> None:
    typing = Typing(text="secretword")
    shown = Screen(title="Password", entry=entry(PASSWORD, typing))
    assert "secretword" not in f"{typing!r} {shown!r} {entry(PASSWORD, typing)}"


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(FORMS), st.lists(strokes | st.sampled_from(ENCODER), max_size=80))
def test_any_keys(form: Form, pressed: list[KeyStroke]) -> None:
    typing, allowed = Typing(), set(string.printable)
    for stroke in pressed:
        result = press(form, typing, stroke)
        if isinstance(result, Leave):
            assert stroke.stroke is Stroke.PRESS
            assert stroke.key is (Key.OK if result is Leave.DONE else Key.LEFT)
            continue
        typing = result
        assert len(typing.text.encode()) <= form.limit
        assert set(typing.text) <= allowed
        shown = entry(form, typing)
        assert shown.choice == wheel(form, typing)[typing.at]
        for columns, rows in ((16, 2), (20, 4), (8, 1)):
            screen = Screen(title="Password", value="63/63", keys=Keys("Delete", "Take"))
            screen = Screen(title="Password", value="63/63", entry=shown, keys=screen.keys)
            frame = render(screen, columns, rows, 0.0, "A00")
            assert [len(row) for row in frame.rows] == [columns] * rows
            assert frame.again is None, "it stands still while somebody looks for a letter"
