"""Registration and its end: against the local cloud, and against outcomes in a row."""

from __future__ import annotations

import asyncio
import contextlib
import pwd
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest

from appliance.agent import membership as membership_module
from appliance.agent import registration
from appliance.agent.api import RegisterAs
from appliance.agent.identity import Identity, IdentityStore
from appliance.agent.main import join_cloud
from appliance.agent.membership import NOT_KEPT, Membership
from appliance.agent.registration import register_once
from appliance.agent.state import AgentState
from appliance.cloud.client import CloudClient
from appliance.cloud.key_tool import KeyTool
from appliance.config import CloudSettings, PathSettings, Settings
from appliance.errors import ApplianceError, CloudError, StorageError
from appliance.polar.actions import (
    Deleted,
    Deliver,
    HelloFailed,
    Ignored,
    Registered,
    RegistrationFailed,
    Unregistered,
)
from appliance.polar.key_pair import KeyPair
from appliance.polar.keys import PrinterKey
from appliance.polar.messages import CloudMessage, Resume
from appliance.sim.cloud import CloudOptions, LocalCloud
from appliance.sim.cloud_records import Account

EMAIL, PIN = "owner@example.com", "90817263"
KEY = PrinterKey.generate()


def settings(folder: Path, url: str = "http://127.0.0.1:9", *, pin: str = PIN) -> Settings:
    return Settings(
        cloud=CloudSettings(url=url, mfg="test", email=EMAIL, pin=pin),
        paths=PathSettings(state=str(folder / "state"), run=str(folder / "run")),
    )


def nothing_secret(folder: Path, log: str) -> None:
    """The PIN is nowhere, the key in its own file alone."""
    key_text = KEY.private_pem().decode().splitlines()[5]
    assert PIN not in log
    assert key_text not in log
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert PIN.encode() not in content, path
            assert (key_text.encode() in content) == (path.name == "key.pem"), path


async def nobody_reads(private: str) -> KeyPair:
    raise AssertionError("the public half is kept")


@pytest.fixture(autouse=True)
def one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async def make(_: KeyTool) -> KeyPair:
        return KEY.pair()

    monkeypatch.setattr(KeyTool, "make", make)


@pytest.fixture
async def cloud() -> AsyncIterator[LocalCloud]:
    async with LocalCloud(CloudOptions(accounts=(Account(EMAIL, PIN),))) as one:
        yield one


class Agent:
    """The agent as far as its membership goes."""

    def __init__(self, options: Settings) -> None:
        self.settings = options
        self.state = AgentState()
        self.store = IdentityStore(options.state_folder)

    @contextlib.asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        self.membership, self.client = await join_cloud(self.settings, self.state, lambda: False)
        line = asyncio.create_task(self.client.run())
        try:
            yield
            assert not line.done()
        finally:
            line.cancel()
            await asyncio.gather(line, return_exceptions=True)

    async def register_by_itself(self) -> None:
        async with asyncio.timeout(20):
            await self.membership.register_by_itself(self.client, self.settings.cloud)

    async def noticed(self, words: str) -> None:
        async with asyncio.timeout(20):
            while words not in self.state.notice:
                await self.state.revision.wait_beyond(self.state.revision.number)

    async def online(self) -> None:
        await asyncio.wait_for(self.client.wait_online(), 20)


@pytest.fixture
def agent(tmp_path: Path, cloud: LocalCloud) -> Agent:
    return Agent(settings(tmp_path, cloud.url))


# --- against the local cloud -----------------------------------------------------------------


async def test_nobody_is_registered_whose_key_a_full_disk_does_not_take(
    agent: Agent, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes, mode: int = 0o600) -> None:
        raise StorageError("The disk is full.", short="Disk full")

    with monkeypatch.context() as patch:
        patch.setattr("appliance.store.write_atomic", full)
        patch.setattr("appliance.agent.identity.write_atomic", full)
        async with agent.alive():
            with pytest.raises(CloudError, match="The disk is full"):
                await agent.membership.register(agent.client, RegisterAs(EMAIL, PIN))
            patch.undo()
            agent.membership.save_again()
            await agent.membership.register(agent.client, RegisterAs(EMAIL, PIN))
            number = cloud.printer.serial_number
    assert agent.store.load(None).serial_number == number


async def test_a_number_that_a_full_disk_does_not_take_is_written_later(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes, mode: int = 0o600) -> None:
        raise StorageError("The disk is full.", short="Disk full")

    async with agent.alive():
        with monkeypatch.context() as patch:
            patch.setattr("appliance.store.write_atomic", full)
            await agent.membership.register(agent.client, RegisterAs(EMAIL, PIN))
            assert agent.state.notice == NOT_KEPT
            assert agent.store.load(None).serial_number is None
            assert agent.membership.serial_number()
        agent.membership.save_again()
    assert IdentityStore(agent.settings.state_folder).load(None).serial_number


async def test_registers_by_itself_once_and_comes_back_with_its_number(
    agent: Agent, cloud: LocalCloud, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    async with agent.alive():
        await agent.register_by_itself()
        await agent.online()
        number = cloud.printer.serial_number
        assert agent.membership.serial_number() == number
        assert number in agent.state.notice
        assert agent.store.load(None).email == EMAIL
    async with agent.alive():  # the next start
        await agent.register_by_itself()
        await agent.online()
        assert agent.membership.serial_number() == number
    assert len(cloud.state.printers) == 1
    assert cloud.printer.mac == agent.store.load(None).mac.replace(":", "")
    nothing_secret(tmp_path, caplog.text)


async def test_a_wrong_pin_is_said_and_not_tried_again(
    tmp_path: Path, cloud: LocalCloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    agent = Agent(settings(tmp_path, cloud.url, pin="55443322"))
    async with agent.alive():
        await agent.register_by_itself()
        assert agent.membership.serial_number() is None
        assert "PIN" in agent.state.notice
        with pytest.raises(CloudError, match="PIN"):
            await agent.membership.register(agent.client, RegisterAs(EMAIL, "11223344"))
        await agent.membership.register(agent.client, RegisterAs(EMAIL, PIN))  # a person knows it
        await agent.online()
    for pin in ("55443322", "11223344"):
        assert pin not in caplog.text
    nothing_secret(tmp_path, caplog.text)


async def test_deleted_in_the_cloud_it_keeps_its_key_and_stays_away(
    agent: Agent, cloud: LocalCloud
) -> None:
    async with agent.alive():
        await agent.register_by_itself()
        await agent.online()
        await cloud.server.delete(cloud.printer.serial_number)
        await agent.noticed("deleted")
        assert agent.membership.serial_number() is None
    kept = await agent.store.key(nobody_reads)
    assert kept is not None
    assert kept.public == KEY.public_pem()
    hellos = cloud.state.connections
    async with agent.alive():  # the next start does not register by itself
        await agent.register_by_itself()
        assert agent.membership.serial_number() is None
        await agent.membership.register(agent.client, RegisterAs(EMAIL, PIN))  # only a person does
        await agent.online()
        assert agent.store.load(None).deleted is False
    assert cloud.state.connections > hellos


async def test_a_hello_answered_with_deleted_is_the_same(agent: Agent, cloud: LocalCloud) -> None:
    async with agent.alive():
        await agent.register_by_itself()
        await agent.online()
    await cloud.server.delete(cloud.printer.serial_number)
    async with agent.alive():
        await agent.noticed("deleted")
    identity = agent.store.load(None)
    assert (identity.serial_number, identity.deleted) == (None, True)


async def test_unregister(agent: Agent, cloud: LocalCloud) -> None:
    async with agent.alive():
        await agent.register_by_itself()
        await agent.online()
        await asyncio.wait_for(agent.membership.unregister(agent.client), 20)
        assert agent.membership.serial_number() is None
        await agent.register_by_itself()  # a person took it out: it stays out
        assert agent.membership.serial_number() is None
        with pytest.raises(CloudError):
            await agent.membership.unregister(agent.client)
    assert [one.deleted for one in cloud.state.printers.values()] == [True]


async def test_a_key_made_by_the_cloud_is_kept(agent: Agent, cloud: LocalCloud) -> None:
    async with agent.alive():
        account = RegisterAs(EMAIL, PIN, cloud_key=True)
        await asyncio.wait_for(agent.membership.register(agent.client, account), 20)
        await agent.online()
    kept = await agent.store.key(nobody_reads)
    assert kept is not None
    assert kept.public == cloud.printer.public_key != KEY.public_pem()
    assert (agent.store._key_file.stat().st_mode & 0o777) == 0o600


async def test_register_once_while_the_agent_is_off(
    tmp_path: Path, cloud: LocalCloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    options = settings(tmp_path, cloud.url)
    number = await asyncio.wait_for(register_once(options, RegisterAs(EMAIL, PIN)), 20)
    assert IdentityStore(options.state_folder).load(None).serial_number == number
    with pytest.raises(CloudError, match="PIN"):
        await register_once(options, RegisterAs(EMAIL, "1111"))
    nothing_secret(tmp_path, caplog.text)


async def test_a_cloud_that_is_not_there_is_said_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(membership_module, "PATIENCE", 0.2)
    with pytest.raises(CloudError) as refusal:
        await register_once(settings(tmp_path), RegisterAs(EMAIL, PIN))
    assert refusal.value.short == "Cloud not reached"
    assert IdentityStore(tmp_path / "state").load(None).serial_number is None


# --- outcomes in a row -------------------------------------------------------------------------


class Cloud:
    """Answers each registration with the next outcome."""

    status_text = "Not connected."

    def __init__(self, membership: Membership, *reasons: str) -> None:
        self.asked = 0
        self._membership = membership
        self._reasons = list(reasons)

    async def register(self, email: str, pin: str) -> Registered | RegistrationFailed:
        assert (email, pin) == (EMAIL, PIN)
        self.asked += 1
        reason = self._reasons.pop(0)
        outcome: Registered | RegistrationFailed
        if reason == "SUCCESS":
            outcome = Registered("P3D9")
        elif reason == "a person was quicker":
            self._membership.act(Registered("P3D8"))
            outcome = RegistrationFailed("SERVER_ERROR", "Try again.")
        else:
            outcome = RegistrationFailed(reason, f"Because of {reason}.")
        self._membership.act(outcome)
        return outcome


@pytest.fixture
def member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Membership:
    monkeypatch.setattr(membership_module, "RETRY_PAUSES", (0.0, 0.0))
    store = IdentityStore(tmp_path)
    return Membership(AgentState(), store, store.load("00:00:00:00:00:01"))


@pytest.mark.parametrize(
    ("reasons", "asked", "serial"),
    [
        (("SUCCESS",), 1, "P3D9"),
        (("SERVER_ERROR", "CONNECTION_LOST", "SERVER_ERROR", "SUCCESS"), 4, "P3D9"),
        (("EMAIL_PIN_ERROR", "SUCCESS"), 1, None),
        (("FORBIDDEN", "SUCCESS"), 1, None),
        (("MFG_UNKNOWN", "SUCCESS"), 1, None),
        (("SOMETHING_NEW", "SUCCESS"), 1, None),
        (("SERVER_ERROR", "EMAIL_PIN_ERROR", "SUCCESS"), 2, None),
        (("a person was quicker", "SUCCESS"), 1, "P3D8"),
    ],
)
async def test_which_refusals_are_tried_again(
    member: Membership, reasons: tuple[str, ...], asked: int, serial: str | None
) -> None:
    cloud = Cloud(member, *reasons)
    options = CloudSettings(email=EMAIL, pin=PIN)
    await member.register_by_itself(cast(CloudClient, cloud), options)
    assert (cloud.asked, member.serial_number()) == (asked, serial)


@pytest.mark.parametrize(
    ("options", "identity"),
    [
        (CloudSettings(email=EMAIL), Identity(mac="a")),
        (CloudSettings(pin=PIN), Identity(mac="a")),
        (CloudSettings(email=EMAIL, pin=PIN), Identity(mac="a", serial_number="P3D1")),
        (CloudSettings(email=EMAIL, pin=PIN), Identity(mac="a", deleted=True)),
    ],
)
async def test_when_it_does_not_register_by_itself(
    tmp_path: Path, options: CloudSettings, identity: Identity
) -> None:
    one = Membership(AgentState(), IdentityStore(tmp_path), identity)
    cloud = Cloud(one)
    await one.register_by_itself(cast(CloudClient, cloud), options)
    assert cloud.asked == 0


def test_what_the_session_says_is_seen_and_kept(
    member: Membership, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    state = member._state
    member.act(Registered("P3D1"))
    assert IdentityStore(tmp_path).load(None).serial_number == "P3D1"
    member.act(HelloFailed("Register the printer again."))
    assert state.notice == "Register the printer again."
    member.act(Ignored("an unknown event"))
    assert "an unknown event" in caplog.text
    member.act(Unregistered())
    assert IdentityStore(tmp_path).load(None) == Identity(mac="00:00:00:00:00:01", deleted=True)
    member.act(Registered("P3D2"))
    assert not IdentityStore(tmp_path).load(None).deleted
    member.act(Deleted("It was deleted."))
    assert (member.serial_number(), state.notice) == (None, "It was deleted.")


def test_commands_are_handed_on(member: Membership, caplog: pytest.LogCaptureFixture) -> None:
    handed: list[CloudMessage] = []
    member.act(Deliver(Resume(serial_number="P3D1")))
    assert "before the agent was ready" in caplog.text
    member.hand_on(handed.append)
    member.act(Deliver(Resume(serial_number="P3D1")))
    assert handed == [Resume(serial_number="P3D1")]


async def test_root_makes_no_key_that_the_cards_agent_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = pwd.getpwnam("nobody")  # in place of the card's
    monkeypatch.setattr(registration, "CARDS_USER", user.pw_name)
    options = settings(tmp_path, "http://127.0.0.1:1")
    options.state_folder.mkdir(parents=True)
    options.state_folder.chmod(0o3770)
    with pytest.raises(ApplianceError, match="sudo -u nobody"):
        await register_once(options, RegisterAs(EMAIL, PIN))
    assert list(options.state_folder.iterdir()) == []
