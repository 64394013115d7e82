from __future__ import annotations

import pytest

from appliance.web.passwords import hash_password, is_hash, right_password


@pytest.mark.parametrize("password", ["correct horse", "", "ä" * 100, "\ud800", 'q"\0\n'])
def test_a_password_is_known_again_and_no_other(password: str) -> None:
    kept = hash_password(password)
    assert is_hash(kept)
    assert password == "" or password not in kept
    assert right_password(password, kept)
    assert not right_password(password + "x", kept)


def test_two_hashes_of_one_password_differ() -> None:
    assert hash_password("same") != hash_password("same")


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "plain",
        f"scrypt$14${'0' * 32}${'0' * 63}",
        f"scrypt$30${'0' * 32}${'0' * 64}",  # 1 GiB
        f"scrypt$00${'0' * 32}${'0' * 64}",
        f"scrypt$14${'0' * 32}${'0' * 64}\n",
    ],
)
def test_what_is_no_hash_opens_nothing(kept: str) -> None:
    assert not is_hash(kept)
    assert not right_password("", kept)
