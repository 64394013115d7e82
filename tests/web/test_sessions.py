from __future__ import annotations

import random
from pathlib import Path

import pytest

from appliance.errors import StorageError
from appliance.store import Record
from appliance.web.sessions import LIFETIME, MOST, TOUCH, Kept, Sessions, csrf_of, is_token
from tests.web.doorway import Memory

DAY = 24 * 3600.0


class World:
    def __init__(self) -> None:
        self.today = 1.7e9
        self.store = Memory()
        self.random = random.Random(3)
        self.sessions = self.start()

    def start(self) -> Sessions:
        return Sessions(self.store, lambda: self.today, self.random.randbytes)


@pytest.fixture
def world() -> World:
    return World()


def test_a_session_outlives_a_restart_and_its_cookie_is_not_on_the_disk(world: World) -> None:
    token = world.sessions.begin()
    assert is_token(token)
    assert world.store.data is not None and token.encode() not in world.store.data
    again = world.start()
    assert again.holds(token)
    assert not again.holds(token[:-1] + ("0" if token[-1] != "0" else "1"))


def test_it_ends_after_thirty_days_unused_and_not_before(world: World) -> None:
    token = world.sessions.begin()
    for _ in range(10):
        world.today += LIFETIME - DAY
        assert world.sessions.holds(token)
    world.today += LIFETIME
    assert not world.start().holds(token)
    assert not world.sessions.holds(token)
    assert len(world.sessions) == 0


def test_a_clock_that_is_set_back_signs_nobody_out_nor_keeps_anybody_in(world: World) -> None:
    token = world.sessions.begin()
    world.today -= 400 * DAY
    assert world.sessions.holds(token)
    world.today += LIFETIME
    assert not world.sessions.holds(token)


def test_use_is_written_down_once_a_day_only(world: World) -> None:
    token = world.sessions.begin()
    saves = world.store.saves
    for _ in range(100):
        world.today += TOUCH / 200
        world.sessions.holds(token)
    assert world.store.saves == saves
    world.today += TOUCH
    world.sessions.holds(token)
    assert world.store.saves == saves + 1


def test_the_longest_unused_gives_way(world: World) -> None:
    tokens = []
    for _ in range(MOST):
        world.today += 1
        tokens.append(world.sessions.begin())
    world.today += TOUCH
    assert world.sessions.holds(tokens[0])
    world.sessions.begin()
    assert len(world.sessions) == MOST
    assert [world.sessions.holds(token) for token in tokens[:3]] == [True, False, True]


def test_signing_out_ends_one_or_all_for_good(world: World) -> None:
    one, two, three = (world.sessions.begin() for _ in range(3))
    world.sessions.end(one)
    assert [world.start().holds(token) for token in (one, two, three)] == [False, True, True]
    world.sessions.end_all()
    assert not any(world.start().holds(token) for token in (one, two, three))


def test_keys_are_made_once_and_can_be_renewed(world: World) -> None:
    key, feed = world.sessions.api_key, world.sessions.feed_key
    assert len(key) == len(feed) == 32 and key != feed
    assert (world.start().api_key, world.start().feed_key) == (key, feed)
    renewed = world.sessions.renew_api_key()
    assert renewed != key and world.start().api_key == renewed


def test_a_damaged_record_lets_nobody_in_and_stops_nothing(tmp_path: Path) -> None:
    record = Record(tmp_path / "sessions.json", Kept)
    record.path.write_text("{broken")
    sessions = Sessions(record, lambda: 0.0, random.Random(1).randbytes)
    assert len(sessions) == 0
    assert record.path.stat().st_mode & 0o077 == 0


class Full(Memory):
    """A disk without room, for a while."""

    full = True

    def save(self, value: Kept) -> None:
        if self.full:
            raise StorageError("The disk is full.")
        super().save(value)


def test_a_full_disk_keeps_nobody_out_and_is_written_when_there_is_room(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.store = disk = Full()
    sessions = world.start()
    key, token = sessions.api_key, sessions.begin()
    world.today += TOUCH
    assert sessions.holds(token)
    assert caplog.text.count("The disk is full.") == 1
    sessions.save_again()
    disk.full = False
    sessions.save_again()
    sessions.save_again()
    assert disk.saves == 1
    assert world.start().holds(token)
    assert world.start().api_key == key


def test_what_is_taken_back_on_a_full_disk_is_said(world: World) -> None:
    world.store = disk = Full()
    sessions = world.start()
    sessions.end_all()
    token = sessions.begin()
    with pytest.raises(StorageError):
        sessions.end(token)
    assert not sessions.holds(token)
    with pytest.raises(StorageError):
        sessions.renew_api_key()
    disk.full = False
    sessions.save_again()
    assert not world.start().holds(token)
    assert world.start().api_key == sessions.api_key


def test_a_disk_that_cannot_be_read_stops_nothing(world: World) -> None:
    class Broken(Full):
        def load(self) -> Kept | None:
            raise StorageError("It cannot be read.")

    world.store = Broken()
    assert len(world.start()) == 0


def test_each_cookie_has_its_own_csrf_token() -> None:
    assert csrf_of("a" * 64) != csrf_of("b" * 64)
    assert "a" * 64 not in csrf_of("a" * 64)


def test_a_clock_that_is_set_at_last_signs_nobody_out(world: World) -> None:
    world.today = 75.0  # 1970
    token = world.sessions.begin()
    world.today = 1.79e9
    assert world.sessions.holds(token)
    world.today += LIFETIME
    assert not world.sessions.holds(token), "from then on it is as any other"
