"""The Status Server as a stock Socket.IO client meets it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from appliance.errors import CloudError
from appliance.polar.keys import PrinterKey
from appliance.polar.messages import Cancel, PauseKind
from appliance.sim.cloud import CloudOptions, LocalCloud
from appliance.sim.cloud_records import Account, Direction, QueueState
from appliance.sim.cloud_session import SlotLimits
from appliance.sim.storage import BUCKET
from tests.sim.steps import register, upload

Make = Callable[..., Any]


# Sections 1.1, 2.10, 2.13, 3.8, 3.9: registration


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mfg": None}, "MFG_MISSING"),
        ({"mfg": "acme"}, "MFG_UNKNOWN"),
        ({"pin": "9999"}, "EMAIL_PIN_ERROR"),
        ({"email": "nobody@example.com"}, "EMAIL_PIN_ERROR"),
        ({"pin": None}, "EMAIL_PIN_ERROR"),
        ({"publicKey": ""}, "INVALID_KEY"),
        ({"publicKey": "no key"}, "INVALID_KEY"),
        ({"publicKey": None}, "INVALID_KEY"),
        ({"myInfo": {}}, "SERVER_ERROR"),
    ],
)
async def test_registration_refused(
    cloud: LocalCloud, new_printer: Make, changes: dict[str, object], reason: str
) -> None:
    printer = new_printer()
    await printer.connect()
    answer = await printer.register(**changes)
    assert answer == {"serialNumber": "FAILED", "status": "FAILED", "reason": reason}
    assert cloud.state.printers == {}


async def test_another_account_cannot_take_a_printer(new_printer: Make) -> None:
    accounts = (Account("owner@example.com", "1234"), Account("other@example.com", "5678"))
    async with LocalCloud(CloudOptions(accounts=accounts)) as cloud:
        from_owner = await register(new_printer, cloud)
        assert from_owner["status"] == "SUCCESS"
        answer = await register(new_printer, cloud, email="other@example.com", pin="5678")
        assert answer["reason"] == "FORBIDDEN"
        assert await register(new_printer, cloud) == from_owner


async def test_a_key_pair_from_the_cloud_registers_and_signs(
    cloud: LocalCloud, new_printer: Make
) -> None:
    printer = new_printer()
    await printer.connect()
    await printer.emit("makeKeyPair", {"type": "RSA", "bits": 2048})
    pair = await printer.next("keyPair")
    assert pair["status"] == "SUCCESS"
    assert load_pem_private_key(pair["private"].encode(), None)
    answer = await printer.register(publicKey=pair["public"])
    again = new_printer(PrinterKey.from_pem(pair["private"].encode()), answer["serialNumber"])
    assert (await again.hello(await again.connect()))["status"] == "SUCCESS"
    assert pair["private"] not in str([one.payload for one in cloud.state.log])


async def test_only_rsa_2048_is_made(new_printer: Make) -> None:
    printer = new_printer()
    await printer.connect()
    await printer.emit("makeKeyPair", {"type": "RSA", "bits": 512})
    assert (await printer.next("keyPair"))["status"] == "FAILED"


# Sections 1.2, 2.9, 2.19, 3.6: hello


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_hello_over_both_transports(new_printer: Make, transport: str) -> None:
    async with LocalCloud(CloudOptions(ping=(0.3, 1.0))) as cloud:
        serial = (await register(new_printer, cloud))["serialNumber"]
        printer = new_printer(serial=serial, cloud=cloud)
        assert (await printer.hello(await printer.connect([transport]))) == {"status": "SUCCESS"}
        assert cloud.state.lives[serial].connected == 1
        await printer.close()


async def test_every_connection_has_its_own_challenge(new_printer: Make) -> None:
    assert len({await new_printer().connect() for _ in range(5)}) == 5


async def test_a_wrong_signature_fails_and_the_socket_is_closed(
    cloud: LocalCloud, printer: Any, new_printer: Make, other_key: PrinterKey
) -> None:
    thief = new_printer(other_key, printer.serial)
    assert (await thief.hello(await thief.connect()))["status"] == "FAILED"
    async with asyncio.timeout(10):
        await thief.closed.wait()
    assert (await printer.ask("capabilities", "capabilitiesResponse"))["capabilities"]
    assert cloud.state.lives[printer.serial].connected == 1


@pytest.mark.parametrize("missing", ["signature", "serialNumber"])
async def test_a_hello_without_required_fields_fails(
    printer: Any, new_printer: Make, missing: str
) -> None:
    poor = new_printer(serial=printer.serial)
    answer = await poor.hello(await poor.connect(), **{missing: None})
    assert answer["status"] == "FAILED"
    async with asyncio.timeout(10):
        await poor.closed.wait()


async def test_a_printer_that_never_registered_is_deleted(new_printer: Make) -> None:
    stranger = new_printer(serial="OP000099")
    assert (await stranger.hello(await stranger.connect()))["status"] == "DELETED"
    async with asyncio.timeout(10):
        await stranger.closed.wait()


async def test_before_hello_everything_is_ignored(cloud: LocalCloud, new_printer: Make) -> None:
    mute = new_printer(serial="TEST000001")
    await mute.connect()
    for event in ("capabilities", "getQueue", "sendNextPrint", "status"):
        await mute.tell(event, status=0)
    await mute.emit("sendNextPrint", {"jobId": ""})
    # The answer to what is allowed comes first: nothing else was answered.
    assert (await mute.register())["status"] == "SUCCESS"
    assert not cloud.state.lives["TEST000001"].statuses


async def test_another_serial_number_is_dropped_and_counted(
    cloud: LocalCloud, printer: Any
) -> None:
    await printer.emit("status", {"serialNumber": "OP000077", "status": 3})
    await printer.emit("capabilities", {"serialNumber": "OP000077"})
    await printer.ask("getQueue", "getQueueResponse")
    assert cloud.state.lives[printer.serial].dropped == 2
    assert cloud.state.lives[printer.serial].status is None


async def test_malformed_messages_are_counted_and_the_connection_stays(
    cloud: LocalCloud, printer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wrong: list[object] = [None, [], "text", 5, {"status": "no number"}, {"x": ["deep"] * 3}]
    for payload in wrong:
        await printer.emit("status", payload)
    await printer.emit("noSuchEvent", {"serialNumber": printer.serial})
    await printer.ask("capabilities", "capabilitiesResponse")
    assert cloud.state.malformed == 7
    assert "noSuchEvent" in caplog.text


# Sections 2.6, 2.17, 3.13: the end of a registration


async def test_delete_is_told_and_then_hello_says_deleted(
    cloud: LocalCloud, printer: Any, new_printer: Make
) -> None:
    await cloud.server.delete(printer.serial)
    assert await printer.next("delete") == {"serialNumber": printer.serial}
    answer = await printer.ask("sendNextPrint", "sendNextPrintResponse")
    assert (answer["status"], answer["message"]) == ("FAILED", "PRINTER_DELETED")
    again = new_printer(serial=printer.serial)
    assert (await again.hello(await again.connect()))["status"] == "DELETED"


async def test_unregister(cloud: LocalCloud, printer: Any) -> None:
    answer = await printer.ask("unregister", "unregisterResponse")
    assert (answer["status"], answer["message"]) == ("SUCCESS", "Printer unregister successful")
    answer = await printer.ask("unregister", "unregisterResponse")
    assert (answer["status"], answer["message"]) == ("FAILED", "Printer not found")
    with pytest.raises(CloudError, match="No printer"):
        _ = cloud.printer


# Sections 2.2, 2.7, 2.12, 2.15, 3.1, 3.4, 3.7, 3.10: queue and jobs


async def test_capabilities(printer: Any) -> None:
    answer = await printer.ask("capabilities", "capabilitiesResponse")
    assert answer == {"serialNumber": printer.serial, "capabilities": ["sendNextPrint"]}


async def test_the_queue_in_pages(cloud: LocalCloud, printer: Any) -> None:
    jobs = [cloud.queue(f"{name}.gcode", b"G28\n") for name in "abcd"]
    page = await printer.ask("getQueue", "getQueueResponse", skip=1, limit=2)
    assert [job["jobId"] for job in page["jobs"]] == jobs[1:3]
    counts = [page[name] for name in ("totalCount", "skip", "limit", "jobCount")]
    assert counts == [4, 1, 2, 2]
    everything = await printer.ask("getQueue", "getQueueResponse")
    assert [job["jobName"] for job in everything["jobs"]] == [f"{n}.gcode" for n in "abcd"]
    assert (everything["skip"], everything["limit"], everything["jobCount"]) == (0, 0, 4)


async def test_send_next_print(cloud: LocalCloud, printer: Any) -> None:
    answer = await printer.ask("sendNextPrint", "sendNextPrintResponse")
    assert (answer["status"], answer["message"]) == ("NONE", "NO_QUEUED_JOBS")
    first, second = (cloud.queue(name, b"G28\n") for name in ("first", "second"))
    chosen = await printer.ask("sendNextPrint", "print", jobId=second)
    assert (chosen["jobId"], chosen["jobName"]) == (second, "second")
    assert (await printer.ask("sendNextPrint", "print"))["jobId"] == first
    taken = await printer.ask("sendNextPrint", "sendNextPrintResponse", jobId=first)
    assert (taken["status"], taken["message"]) == ("NONE", "NO_QUEUED_JOBS")
    for bad in ("../etc", "", "TEST-", f"{printer.serial}-", "x" * 500, {"id": 1}):
        wrong = await printer.ask("sendNextPrint", "sendNextPrintResponse", jobId=bad)
        assert (wrong["status"], wrong["message"]) == ("FAILED", "INVALID_JOBID")
    gone = f"{printer.serial}-9999"
    answer = await printer.ask("sendNextPrint", "sendNextPrintResponse", jobId=gone)
    assert (answer["status"], answer["message"]) == ("NONE", "NO_QUEUED_JOBS")
    assert answer["serialNumber"] == printer.serial


async def test_send_next_print_when_the_cloud_has_a_problem(
    cloud: LocalCloud, printer: Any
) -> None:
    job = cloud.queue("cube.gcode", b"G28\n")
    cloud.faults.broken = {"sendNextPrint"}
    answer = await printer.ask("sendNextPrint", "sendNextPrintResponse", jobId=job)
    assert (answer["status"], answer["message"]) == ("FAILED", "SERVER_ERROR")
    assert cloud.printer.queue[0].state is QueueState.READY


async def test_without_the_capability_nothing_is_answered(cloud: LocalCloud, printer: Any) -> None:
    cloud.queue("cube.gcode", b"G28\n")
    cloud.state.capabilities.clear()
    await printer.tell("sendNextPrint")
    answer = await printer.ask("capabilities", "capabilitiesResponse")
    assert answer["capabilities"] == [], "the first answer, though asked for second"
    assert cloud.printer.queue[0].state is QueueState.READY


async def test_a_print_from_queue_to_past(cloud: LocalCloud, printer: Any) -> None:
    gcode = b"G28\n" * 1000
    job = cloud.queue("cube.gcode", gcode)
    await cloud.start_print(job)
    message = await printer.next("print")
    assert message["serialNumber"] == printer.serial
    async with aiohttp.ClientSession() as http, http.get(message["gcodeFile"]) as answer:
        assert await answer.read() == gcode
    await printer.tell("job", jobId=job, state="canceled", printSeconds=5)
    await cloud.wait_for(lambda state: state.printer().past)
    assert cloud.printer.queue[0].state is QueueState.READY
    await cloud.start_print(job)
    await printer.next("print")
    await printer.tell("job", jobId=job, state="completed", printSeconds=65, filamentUsed=900)
    await cloud.wait_for(lambda state: not state.printer().queue)
    assert [past.ending for past in cloud.printer.past] == ["completed", "canceled"]
    assert (cloud.printer.past[0].print_seconds, cloud.printer.past[0].filament_mm) == (65, 900)
    # An outbox may say it again.
    await printer.tell("job", jobId=job, state="completed", printSeconds=65)
    await printer.ask("capabilities", "capabilitiesResponse")
    assert len(cloud.printer.past) == 2


# Sections 1.5, 2.8, 3.5: uploads


async def test_a_picture_goes_through_a_slot_into_the_storage(
    cloud: LocalCloud, printer: Any
) -> None:
    slot = await printer.ask("getUrl", "getUrlResponse", method="post", type="idle")
    assert (slot["maxSize"], slot["expires"], slot["contentType"]) == (76800, 86400, "image/jpeg")
    assert await upload(slot, b"\xff\xd8" * 100, "image/jpeg") == 204
    picture = cloud.state.lives[printer.serial].picture
    assert picture
    assert picture.size == 200
    stored = cloud.storage.get(picture.key)
    assert stored
    assert stored.path.read_bytes() == b"\xff\xd8" * 100
    assert await upload(slot, b"x" * 76801, "image/jpeg") == 400


@pytest.mark.parametrize("kind", ["printing", "timelapse"])
async def test_job_pictures_and_videos_need_a_known_job(
    cloud: LocalCloud, printer: Any, kind: str
) -> None:
    for wrong in ({}, {"jobId": "123"}, {"jobId": f"{printer.serial}-77"}):
        answer = await printer.ask("getUrl", "getUrlResponse", method="post", type=kind, **wrong)
        assert answer["status"] == "FAILED"
        assert answer["message"]
    job = cloud.queue("cube.gcode", b"G28\n")
    slot = await printer.ask("getUrl", "getUrlResponse", method="post", type=kind, jobId=job)
    assert slot["status"] == "SUCCESS"
    assert slot["fields"]["key"].startswith(f"files/printer/{printer.serial}/1/")


async def test_a_video_belongs_to_its_past_print(cloud: LocalCloud, printer: Any) -> None:
    job = cloud.queue("cube.gcode", b"G28\n")
    await cloud.start_print(job)
    await printer.next("print")
    await printer.tell("job", jobId=job, state="completed")
    slot = await printer.ask("getUrl", "getUrlResponse", method="post", type="timelapse", jobId=job)
    assert (slot["contentType"], slot["expires"]) == ("video/mp4", 3600)
    assert await upload(slot, b"mp4", "video/mp4") == 204
    assert cloud.printer.videos == {job: 3}
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{cloud.url}/api/state") as answer:
            video = (await answer.json())["printer"]["past"][0]["video"]
        assert video["url"].startswith(f"/storage/{BUCKET}/")
        async with http.get(cloud.url + video["url"]) as answer:
            assert await answer.read() == b"mp4"


async def test_slots_expire_as_the_options_say(new_printer: Make) -> None:
    now = [1000.0]
    options = CloudOptions(limits=SlotLimits(picture_expires=60), clock=lambda: now[0])
    async with LocalCloud(options) as cloud:
        serial = (await register(new_printer, cloud))["serialNumber"]
        printer = new_printer(serial=serial, cloud=cloud)
        await printer.hello(await printer.connect())
        slot = await printer.ask("getUrl", "getUrlResponse", method="post", type="idle")
        assert slot["expires"] == 60
        now[0] += 59
        assert await upload(slot, b"jpeg", "image/jpeg") == 204
        now[0] += 2
        assert await upload(slot, b"jpeg", "image/jpeg") == 403
        await printer.close()


# Sections 2.1, 2.3, 2.5, 2.11, 2.16, 3.2, 3.3, 3.11, 3.12: a lively printer


async def test_commands_reach_the_printer(cloud: LocalCloud, printer: Any) -> None:
    await cloud.pause(PauseKind.FILAMENT)
    assert (await printer.next("pause"))["type"] == "filament"
    await cloud.send(Cancel(serial_number=printer.serial))
    assert await printer.next("cancel") == {"serialNumber": printer.serial}


async def test_temperatures_go_out_before_the_command_they_came_in(
    cloud: LocalCloud, printer: Any
) -> None:
    await cloud.server.command(printer.serial, "G28\nM104 S210\nM140 S60\nM114")
    assert await printer.next("temperature") == {
        "serialNumber": printer.serial,
        "tool0": 210.0,
        "bed": 60.0,
    }
    assert (await printer.next("command"))["command"] == "G28\nM114"
    await printer.tell("commandResponse", response="ok\nX:0")
    answers = await cloud.wait_for(lambda state: state.lives[printer.serial].answers)
    assert answers[0].text == "ok\nX:0"


@pytest.mark.parametrize("name", ["customCommandList", "commandList"])
async def test_custom_commands_under_either_name(
    cloud: LocalCloud, printer: Any, name: str
) -> None:
    entries = [{"label": "Lamp", "command": "LAMP", "helpText": "Light"}]
    await printer.tell("customCommandList", **{name: entries})
    await cloud.wait_for(lambda state: state.printer().commands)
    await cloud.server.custom_command(printer.serial, "LAMP")
    assert (await printer.next("customCommand"))["customCommand"] == "LAMP"
    with pytest.raises(CloudError, match="never listed"):
        await cloud.server.custom_command(printer.serial, "OTHER")


async def test_statuses_and_versions_are_kept(cloud: LocalCloud, printer: Any) -> None:
    await printer.tell("status", status="3", tool0="201.5", jobId=0, startTime=0)
    reading = await cloud.wait_for(lambda state: state.lives[printer.serial].status)
    assert reading
    assert (reading.code, reading.fields["tool0"]) == (3, 201.5)
    await printer.tell("setVersion", runningVersion="1.0", latestVersion="1.1")
    await cloud.wait_for(lambda state: state.printer().update_possible)


async def test_what_passed_is_remembered_without_the_pin(cloud: LocalCloud, printer: Any) -> None:
    (register,) = cloud.state.seen("register")
    assert register.payload["pin"] == "(hidden)"
    assert register.payload["mfg"] == "test"
    assert [one.event for one in cloud.state.seen(serial_number=printer.serial)] == ["hello"]
    sent = [one.event for one in cloud.state.seen(direction=Direction.TO_PRINTER)]
    assert sent == ["welcome", "registerResponse", "welcome", "helloResponse"]
    assert cloud.state.connections == 2
