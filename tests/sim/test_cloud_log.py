from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from appliance.sim.cloud_log import safe


def test_secrets_are_hidden_at_every_level() -> None:
    payload = {"pin": "1234", "myInfo": {"MAC": "aa", "PIN": "1234"}, "list": [{"private": "k"}]}
    assert "1234" not in str(safe("register", payload))
    assert safe("register", payload)["list"] == [{"private": "(hidden)"}]
    assert safe("register", payload)["myInfo"]["MAC"] == "aa"


def test_signed_form_fields_are_hidden() -> None:
    seen = safe("getUrlResponse", {"url": "u", "fields": {"Policy": "p", "X-Amz-Signature": "s"}})
    assert seen == {"url": "u", "fields": "(hidden)"}


def test_long_texts_and_deep_objects_are_cut() -> None:
    assert len(safe("status", {"progress": "x" * 100_000})["progress"]) < 5000
    deep: Any = "end"
    for _ in range(50):
        deep = [deep]
    assert "end" not in str(safe("status", deep))


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None, exclude_categories=()))
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(_JSON)
def test_whatever_came_can_be_shown(payload: object) -> None:
    msgspec.json.encode(safe("status", payload))
