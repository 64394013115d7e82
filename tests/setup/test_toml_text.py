from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.setup.toml_text import toml_text

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(tree=st.dictionaries(TEXT, VALUES, max_size=5))
def test_what_is_written_is_read_again(tree: dict[str, Any]) -> None:
    again = tomllib.loads(toml_text(tree))
    assert again == tree
    assert repr(sorted(again)) == repr(sorted(tree))


def test_types_stay_what_they_are() -> None:
    tree = {"a": True, "b": 1, "c": 1.0, "d": "1", "e": 1e300, "f": float("-inf")}
    again = tomllib.loads(toml_text(tree))
    assert [(type(one), one) for one in again.values()] == [
        (type(one), one) for one in tree.values()
    ]
    assert "nan" in toml_text({"a": float("nan")})


def test_it_is_written_as_a_person_would() -> None:
    tree = {"camera": {"transform": 3}, "moves": {"size_x": 220.0}, "materials": [{"name": "PLA"}]}
    assert toml_text(tree) == (
        'materials = [{name = "PLA"}]\n\n[camera]\ntransform = 3\n\n[moves]\nsize_x = 220.0\n'
    )


@pytest.mark.parametrize("value", [None, b"x", "\ud800", {"a": object()}])
def test_what_toml_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="TOML has no"):
        toml_text({"a": value})
