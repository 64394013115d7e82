"""The commands of section 2, as the document writes them."""

import json

import pytest

from appliance.polar.messages import (
    FROM_CLOUD,
    Cancel,
    CapabilitiesResponse,
    CloudMessage,
    Command,
    ConnectPrinter,
    CustomCommand,
    Delete,
    GetQueueResponse,
    GetUrlResponse,
    HelloResponse,
    Jog,
    JogKind,
    JogPrinter,
    KeyPair,
    MessageError,
    Pause,
    PauseKind,
    Print,
    QueuedJob,
    RegisterResponse,
    Result,
    Resume,
    SendNextPrintResponse,
    Temperature,
    UnregisterResponse,
    Update,
    UploadType,
    Welcome,
    parse,
)

S3 = "https://s3.amazonaws.com"
FILES = f"{S3}/dev2.polar3d.com/files/printer"
QUEUE = f"{S3}/polar3d.com/printer/DREM000001"

# event -> (JSON, the document's own example where there is one; what it means)
EXAMPLES: dict[str, tuple[str, CloudMessage]] = {
    "cancel": ('{"serialNumber": "P3D99979"}', Cancel(serial_number="P3D99979")),
    "capabilitiesResponse": (
        '{"serialNumber": "P3D99979", "capabilities": ["sendNextPrint"]}',
        CapabilitiesResponse(serial_number="P3D99979", capabilities=["sendNextPrint"]),
    ),
    "command": (
        r'{"serialNumber": "P3D0000", "command": "M115\n"}',
        Command(serial_number="P3D0000", command="M115\n"),
    ),
    "connectPrinter": ('{"serialNumber": "P3D99979"}', ConnectPrinter(serial_number="P3D99979")),
    "customCommand": (
        '{ "serialNumber": "OP000001", "command": "COMMAND-1" }',
        CustomCommand(serial_number="OP000001", custom_command="COMMAND-1"),
    ),
    "delete": ('{"serialNumber": "P3D99979"}', Delete(serial_number="P3D99979")),
    "getQueueResponse": (
        f"""{{
          "serialNumber": "DREM000001",
          "totalCount": 2,
          "skip": 0,
          "limit": 0,
          "jobCount": 2,
          "jobs": [
            {{
              "jobId": "DREM000001-5141",
              "jobName": "Box.stl",
              "imageFile": "{QUEUE}/5141/yG713NmM-object.png",
              "imageThumbnailFile": "{QUEUE}/5141/yG713NmM-object.png",
              "owner": "Daniel Newman",
              "ownerPhotoFile": "https://lh5.googleusercontent.com/Bd08lU8zk/photo.jpg?sz=50"
            }},
            {{
              "jobId": "DREM000001-5142",
              "jobName": "Fulcrum test",
              "imageFile": "{QUEUE}/5142/0m8q4eWB-object.png",
              "imageThumbnailFile": "{QUEUE}/5142/0m8q4eWB-object.png",
              "owner": "3D Fred",
              "ownerPhotoFile": "https://lh3.googleusercontent.com/qdMkCWA/photo.jpg?sz=50"
            }}
          ]
        }}""",
        GetQueueResponse(
            serial_number="DREM000001",
            total_count=2,
            skip=0,
            limit=0,
            job_count=2,
            jobs=[
                QueuedJob(
                    job_id="DREM000001-5141",
                    job_name="Box.stl",
                    image_file=f"{QUEUE}/5141/yG713NmM-object.png",
                    image_thumbnail_file=f"{QUEUE}/5141/yG713NmM-object.png",
                    owner="Daniel Newman",
                    owner_photo_file="https://lh5.googleusercontent.com/Bd08lU8zk/photo.jpg?sz=50",
                ),
                QueuedJob(
                    job_id="DREM000001-5142",
                    job_name="Fulcrum test",
                    image_file=f"{QUEUE}/5142/0m8q4eWB-object.png",
                    image_thumbnail_file=f"{QUEUE}/5142/0m8q4eWB-object.png",
                    owner="3D Fred",
                    owner_photo_file="https://lh3.googleusercontent.com/qdMkCWA/photo.jpg?sz=50",
                ),
            ],
        ),
    ),
    "getUrlResponse": (
        """{
          "status": "SUCCESS",
          "serialNumber": "P3D99979",
          "method": "post",
          "type": "idle",
          "maxSize": 76800,
          "expires": 86400,
          "contentType": "image/jpeg",
          "url": "https://s3.amazonaws.com/polar3d.com",
          "fields": {
            "key": "files/printer/P3D99979/snapshot.jpg",
            "acl": "public-read",
            "bucket": "polar3d.com",
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": "AKIAJKCJDY6DKKJSKFD7A/20170521/us-east-1/s3/aws4_request",
            "X-Amz-Date": "20170521T234827Z",
            "Policy": "eyJleHBpcmF0aW9uIjojMj=",
            "X-Amz-Signature": "972b7428be734f2ad3f8b3f6c895087436ae1651a"
          }
        }""",
        GetUrlResponse(
            status=Result.SUCCESS,
            serial_number="P3D99979",
            method="post",
            type=UploadType.IDLE,
            max_size=76800,
            expires=86400,
            content_type="image/jpeg",
            url=f"{S3}/polar3d.com",
            fields={
                "key": "files/printer/P3D99979/snapshot.jpg",
                "acl": "public-read",
                "bucket": "polar3d.com",
                "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
                "X-Amz-Credential": "AKIAJKCJDY6DKKJSKFD7A/20170521/us-east-1/s3/aws4_request",
                "X-Amz-Date": "20170521T234827Z",
                "Policy": "eyJleHBpcmF0aW9uIjojMj=",
                "X-Amz-Signature": "972b7428be734f2ad3f8b3f6c895087436ae1651a",
            },
        ),
    ),
    "helloResponse": (
        '{"status": "DELETED", "message": "error message"}',
        HelloResponse(status=Result.DELETED, message="error message"),
    ),
    "jogPrinter": (
        '{"jogPrinter": {"command": "jog", "x": 10, "y": -5.5, "z": 0.02}}',
        JogPrinter(jog_printer=Jog(command=JogKind.JOG, x=10, y=-5.5, z=0.02)),
    ),
    "keyPair": (
        r"""{
          "public": "-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEAq1E56TSUEh3NB0+Hdac6hFoy19yr",
          "private": "-----BEGIN RSA PRIVATE KEY-----\nMIIEogIBAAKCAQEAq1E56TSUEh3NB0+Hdac6hFoy"
        }""",
        KeyPair(
            public="-----BEGIN RSA PUBLIC KEY-----\nMIIBCgKCAQEAq1E56TSUEh3NB0+Hdac6hFoy19yr",
            private="-----BEGIN RSA PRIVATE KEY-----\nMIIEogIBAAKCAQEAq1E56TSUEh3NB0+Hdac6hFoy",
        ),
    ),
    "pause": (
        '{"serialNumber": "P3D99979", "type": "cold"}',
        Pause(serial_number="P3D99979", type=PauseKind.COLD),
    ),
    "print": (
        f"""{{
          "serialNumber": "PB000112",
          "jobId": "PB000112-178572",
          "stlFile": "{FILES}/P3D99979/178137/JMaeKlWv-object.stl",
          "configFile": "{FILES}/P3D99979/178137/JMaeKlWv-config.gcode",
          "imageFile": "{FILES}/OP000010/1227/joWL5lGz-object.png",
          "imageThumbnailFile": "{FILES}/OP000010/1227/joWL5lGz-object.png",
          "jobName": "Fulcrum test"
        }}""",
        Print(
            serial_number="PB000112",
            job_id="PB000112-178572",
            stl_file=f"{FILES}/P3D99979/178137/JMaeKlWv-object.stl",
            config_file=f"{FILES}/P3D99979/178137/JMaeKlWv-config.gcode",
            image_file=f"{FILES}/OP000010/1227/joWL5lGz-object.png",
            image_thumbnail_file=f"{FILES}/OP000010/1227/joWL5lGz-object.png",
            job_name="Fulcrum test",
        ),
    ),
    "registerResponse": (
        '{"serialNumber": "P3D99979", "status": "SUCCESS", "reason": "SUCCESS"}',
        RegisterResponse(serial_number="P3D99979", status=Result.SUCCESS, reason="SUCCESS"),
    ),
    "resume": ('{\n  "serialNumber": "P3D99979"\n}', Resume(serial_number="P3D99979")),
    "sendNextPrintResponse": (
        '{"serialNumber": "P3D99979", "status": "NONE", "message": "NO_QUEUED_JOBS"}',
        SendNextPrintResponse(
            serial_number="P3D99979", status=Result.NONE, message="NO_QUEUED_JOBS"
        ),
    ),
    "temperature": (
        '{"serialNumber": "P3D99979", "bed": 60, "chamber": 0, "tool0": 200.5, "tool1": 0}',
        Temperature(
            serial_number="P3D99979",
            targets={"bed": 60, "chamber": 0, "tool0": 200.5, "tool1": 0},
        ),
    ),
    "unregisterResponse": (
        '{"serialNumber": "P3D99979", "status": "FAILED", "message": "Printer not found"}',
        UnregisterResponse(
            serial_number="P3D99979", status=Result.FAILED, message="Printer not found"
        ),
    ),
    "update": ('{"serialNumber": "P3D99979"}', Update(serial_number="P3D99979")),
    "welcome": ('{"challenge": "1234 ABCD"}', Welcome(challenge="1234 ABCD")),
}

# Where the document marks serialNumber as required.
SERIAL_REQUIRED = {
    "cancel",
    "capabilitiesResponse",
    "command",
    "connectPrinter",
    "pause",
    "resume",
    "sendNextPrintResponse",
    "temperature",
}


@pytest.mark.parametrize("event", FROM_CLOUD)
def test_example(event: str) -> None:
    text, meaning = EXAMPLES[event]
    assert parse(event, json.loads(text)) == meaning


@pytest.mark.parametrize("event", FROM_CLOUD)
def test_serial_number_is_required_where_the_document_says_so(event: str) -> None:
    payload = json.loads(EXAMPLES[event][0])
    payload.pop("serialNumber", None)
    if event in SERIAL_REQUIRED:
        with pytest.raises(MessageError, match="serialNumber"):
            parse(event, payload)
    else:
        assert getattr(parse(event, payload), "serial_number", None) is None


@pytest.mark.parametrize("event", FROM_CLOUD)
def test_unknown_fields_are_ignored(event: str) -> None:
    text, meaning = EXAMPLES[event]
    assert parse(event, {**json.loads(text), "newField": {"of": ["2027"]}}) == meaning


def test_pause_is_a_plain_pause_without_a_type() -> None:
    assert parse("pause", {"serialNumber": "A"}) == Pause(serial_number="A", type=PauseKind.PAUSE)


def test_custom_command_in_the_words_of_the_schema() -> None:
    payload = {"serialNumber": "OP000001", "customCommand": "COMMAND-2"}
    assert parse("customCommand", payload) == CustomCommand(
        serial_number="OP000001", custom_command="COMMAND-2"
    )


def test_custom_command_prefers_the_schema_when_both_are_there() -> None:
    payload = {"customCommand": "right", "command": "other"}
    assert parse("customCommand", payload) == CustomCommand(custom_command="right")


def test_print_with_gcode_and_what_the_live_cloud_adds() -> None:
    payload = {"jobId": "1", "gcodeFile": "http://x/y", "fileToPrint": "gcodeFile", "stlFile": None}
    assert parse("print", payload) == Print(
        job_id="1", gcode_file="http://x/y", file_to_print="gcodeFile"
    )


def test_a_failed_url_needs_no_more_than_its_status() -> None:
    assert parse("getUrlResponse", {"status": "FAILED"}) == GetUrlResponse(status=Result.FAILED)


@pytest.mark.parametrize("field", ["type", "expires", "maxSize", "url", "fields"])
def test_a_successful_url_is_whole(field: str) -> None:
    payload = json.loads(EXAMPLES["getUrlResponse"][0])
    del payload[field]
    with pytest.raises(MessageError, match=field):
        parse("getUrlResponse", payload)


def test_key_pair_with_status() -> None:
    payload = {"status": "FAILED", "message": "reason for failure"}
    assert parse("keyPair", payload) == KeyPair(status=Result.FAILED, message="reason for failure")
    with pytest.raises(MessageError, match="public and private"):
        parse("keyPair", {"status": "SUCCESS", "public": "x"})


@pytest.mark.parametrize(
    ("payload", "granted"),
    [
        ({"serialNumber": "P1", "status": "SUCCESS"}, "P1"),
        ({"serialNumber": "P1"}, "P1"),
        ({"serialNumber": "FAILED", "reason": "FORBIDDEN"}, None),
        ({"serialNumber": "P1", "status": "FAILED"}, None),
        ({"serialNumber": "", "status": "SUCCESS"}, None),
        ({"status": "SUCCESS"}, None),
    ],
)
def test_what_counts_as_a_serial_number(payload: dict[str, object], granted: str | None) -> None:
    message = parse("registerResponse", payload)
    assert isinstance(message, RegisterResponse)
    assert message.granted == granted


@pytest.mark.parametrize(
    ("jog", "meaning"),
    [
        ({"command": "home", "axes": ["x", "y"]}, Jog(command=JogKind.HOME, axes=["x", "y"])),
        ({"command": "extrude", "amount": "5"}, Jog(command=JogKind.EXTRUDE, amount=5)),
        (
            {"command": "jog", "x": 1, "absolute": True, "speed": 30},
            Jog(command=JogKind.JOG, x=1, absolute=True, speed=30),
        ),
    ],
)
def test_jogs(jog: dict[str, object], meaning: Jog) -> None:
    assert parse("jogPrinter", {"jogPrinter": jog}) == JogPrinter(jog_printer=meaning)
