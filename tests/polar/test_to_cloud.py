"""The commands of section 3, as the document writes them."""

import json

import pytest

from appliance.polar.messages import (
    TO_CLOUD,
    Capabilities,
    CommandResponse,
    CustomCommandEntry,
    CustomCommandList,
    FinalState,
    GetQueue,
    GetUrl,
    Hello,
    Job,
    MakeKeyPair,
    MessageError,
    MyInfo,
    PrinterMessage,
    Register,
    SendNextPrint,
    SetVersion,
    Status,
    Unregister,
    UploadType,
    encode,
    parse_from_printer,
)

FILES = "https://s3.amazonaws.com/dev2.polar3d.com/files/printer/P3D99979/178137"
MENU = """[
    {
      "label": "printer off",
      "command": "COMMAND-1",
      "helpText": "Turn your printer's power off",
      "confirmText": "You are about to turn off your printer."
    },
    {
      "label": "printer on",
      "command": "COMMAND-2",
      "helpText": "Turn your printer's power on"
    }
  ]"""

# event -> (the JSON that goes out, the document's own example where there is one; the message)
EXAMPLES: dict[str, tuple[str, PrinterMessage]] = {
    "capabilities": ('{"serialNumber": "P3D99979"}', Capabilities(serial_number="P3D99979")),
    "commandResponse": (
        r'{"serialNumber": "P3D99979", "response": "FIRMWARE_NAME:Marlin\nok"}',
        CommandResponse(serial_number="P3D99979", response="FIRMWARE_NAME:Marlin\nok"),
    ),
    "customCommandList": (
        # Beside the document's spelling the reference client's, with the same list.
        f'{{"serialNumber": "OP000001", "customCommandList": {MENU}, "commandList": {MENU}}}',
        CustomCommandList(
            serial_number="OP000001",
            custom_command_list=[
                CustomCommandEntry(
                    label="printer off",
                    command="COMMAND-1",
                    help_text="Turn your printer's power off",
                    confirm_text="You are about to turn off your printer.",
                ),
                CustomCommandEntry(
                    label="printer on",
                    command="COMMAND-2",
                    help_text="Turn your printer's power on",
                ),
            ],
        ),
    ),
    "getQueue": (
        '{"serialNumber": "P3D99979", "skip": 0, "limit": 10}',
        GetQueue(serial_number="P3D99979", skip=0, limit=10),
    ),
    "getUrl": (
        '{"serialNumber": "P3D99979", "method": "post", "type": "timelapse", '
        '"jobId": "P3D99979-178137"}',
        GetUrl(serial_number="P3D99979", type=UploadType.TIMELAPSE, job_id="P3D99979-178137"),
    ),
    "hello": (
        """{
          "serialNumber": "P3D99979",
          "signature": "...",
          "protocol": "2.0",
          "transformImg": 0,
          "printerMake": "Polar3D 2.0",
          "version": "17.03.25.01",
          "MAC": "b8:27:eb:71:01:46",
          "localIP": "192.168.2.126"
        }""",
        Hello(
            serial_number="P3D99979",
            signature="...",
            transform_img=0,
            printer_make="Polar3D 2.0",
            version="17.03.25.01",
            mac="b8:27:eb:71:01:46",
            local_ip="192.168.2.126",
        ),
    ),
    "job": (
        """{
          "serialNumber": "P3D999979",
          "jobId": "P3D999979-178137",
          "state": "completed",
          "filamentUsed": 11872,
          "printSeconds": 3957
        }""",
        Job(
            serial_number="P3D999979",
            job_id="P3D999979-178137",
            state=FinalState.COMPLETED,
            filament_used=11872,
            print_seconds=3957,
        ),
    ),
    "makeKeyPair": ('{"type": "RSA", "bits": 2048}', MakeKeyPair()),
    "register": (
        """{
          "mfg": "test",
          "email": "dnewman@sample.com",
          "pin": "1234",
          "publicKey": "-----BEGIN PUBLIC KEY-----\\nMIIBIjANBgqhkiG9w0BAQEFAAOCAQ8AMIIB",
          "myInfo": {
            "MAC": "00.34.DE.AD.BE.EF"
          }
        }""",
        Register(
            mfg="test",
            email="dnewman@sample.com",
            pin="1234",
            public_key="-----BEGIN PUBLIC KEY-----\nMIIBIjANBgqhkiG9w0BAQEFAAOCAQ8AMIIB",
            my_info=MyInfo(mac="00.34.DE.AD.BE.EF"),
        ),
    ),
    "sendNextPrint": (
        '{"serialNumber": "P3D99979", "jobId": "DREM000001-5142"}',
        SendNextPrint(serial_number="P3D99979", job_id="DREM000001-5142"),
    ),
    "setVersion": (
        '{ "serialNumber": "OP000123", "runningVersion": "1.3.3", "latestVersion": "1.3.4" }',
        SetVersion(serial_number="OP000123", running_version="1.3.3", latest_version="1.3.4"),
    ),
    "status": (
        f"""{{
          "serialNumber": "P3D99979",
          "status": 3,
          "progress": "Job Printing",
          "progressDetail": "Printing Job: P3D99979-178137 Percent Complete: 49.7%",
          "estimatedTime": 105,
          "filamentUsed": 167,
          "startTime": "2017-03-29T14:17:45.087Z",
          "printSeconds": 166,
          "bytesRead": 25268,
          "fileSize": 50845,
          "tool0": 185.1,
          "tool1": 0,
          "bed": 0,
          "targetTool0": 185,
          "jobId": "P3D99979-178137",
          "stlFile": "{FILES}/yPad5lml-object.stl",
          "configFile": "{FILES}/yPad5lml-config.gcode",
          "file": "{FILES}/yPad5lml-object.stl",
          "config": "{FILES}/yPad5lml-config.gcode"
        }}""",
        Status(
            serial_number="P3D99979",
            status=3,
            progress="Job Printing",
            progress_detail="Printing Job: P3D99979-178137 Percent Complete: 49.7%",
            estimated_time=105,
            filament_used=167,
            start_time="2017-03-29T14:17:45.087Z",
            print_seconds=166,
            bytes_read=25268,
            file_size=50845,
            tool0=185.1,
            tool1=0,
            bed=0,
            target_tool0=185,
            job_id="P3D99979-178137",
            file=f"{FILES}/yPad5lml-object.stl",
            config=f"{FILES}/yPad5lml-config.gcode",
        ),
    ),
    "unregister": ('{"serialNumber": "P3D99979"}', Unregister(serial_number="P3D99979")),
}


@pytest.mark.parametrize("event", TO_CLOUD)
def test_example(event: str) -> None:
    text, message = EXAMPLES[event]
    assert encode(message) == (event, json.loads(text))
    assert parse_from_printer(event, json.loads(text)) == message


def test_hello_of_the_document_with_its_additional_data() -> None:
    payload = json.loads("""{
      "serialNumber": "P3D99979",
      "signature": "...",
      "transformImg": 0,
      "camOff": 0,
      "printerMake": "Polar3D 2.0",
      "version": "17.03.25.01",
      "MAC": "b8:27:eb:71:01:46",
      "localIP": "192.168.2.126",
      "interfaces": {
        "eth0": {"iface": "eth0", "mac": "B8:27:EB:71:01:46", "address": "none"},
        "current": "wlan100",
        "current_eth": "eth0"
      }
    }""")
    hello = parse_from_printer("hello", payload)
    assert isinstance(hello, Hello)
    assert hello.cam_off == 0
    assert hello.local_ip == "192.168.2.126"


def test_idle_status_of_the_document_with_numbers_where_text_is_meant() -> None:
    payload = json.loads("""{
      "serialNumber": "P3D99979",
      "status": 0,
      "progress": "",
      "progressDetail": "",
      "estimatedTime": 0,
      "filamentUsed": 0,
      "startTime": 0,
      "printSeconds": 0,
      "bytesRead": 0,
      "fileSize": 0,
      "tool0": 23.1,
      "tool1": 0,
      "bed": 0,
      "targetTool0": 0,
      "jobId": 0,
      "stlFile": null,
      "configFile": null
    }""")
    assert parse_from_printer("status", payload) == Status(
        serial_number="P3D99979",
        status=0,
        progress="",
        progress_detail="",
        estimated_time=0,
        filament_used=0,
        start_time="0",
        print_seconds=0,
        bytes_read=0,
        file_size=0,
        tool0=23.1,
        tool1=0,
        bed=0,
        target_tool0=0,
        job_id="0",
    )


def test_slicing_status_of_the_document_with_text_where_numbers_are_meant() -> None:
    payload = json.loads("""{
      "serialNumber": "P3D99979",
      "status": 2,
      "progress": "Job Printing",
      "progressDetail": "Slicing Job: P3D99979-178137",
      "estimatedTime": "105",
      "filamentUsed": "167",
      "startTime": "2017-03-29T14:17:45.087Z",
      "fileSize": 50845,
      "tool0": 152.0,
      "targetTool0": 150,
      "jobId": "P3D99979-178137",
      "stlFile": "https://s3.amazonaws.com/yPad5lml-object"
    }""")
    status = parse_from_printer("status", payload)
    assert isinstance(status, Status)
    assert (status.estimated_time, status.filament_used) == (105, 167)
    assert status.file == "https://s3.amazonaws.com/yPad5lml-object"


def test_the_reference_clients_spelling_of_the_menu() -> None:
    payload = {"serialNumber": "A", "commandList": [{"label": "L", "command": "c"}]}
    assert parse_from_printer("customCommandList", payload) == CustomCommandList(
        serial_number="A", custom_command_list=[CustomCommandEntry(label="L", command="c")]
    )


def test_absent_optionals_are_left_out() -> None:
    assert encode(GetUrl(serial_number="A", type=UploadType.IDLE)) == (
        "getUrl",
        {"serialNumber": "A", "method": "post", "type": "idle"},
    )


@pytest.mark.parametrize("field", ["MAC", "mfgSn", "camUrl", "rotateImg"])
def test_hello_needs_only_what_the_text_calls_required(field: str) -> None:
    least = {"serialNumber": "A", "signature": "s", "protocol": "2.0"}
    assert parse_from_printer("hello", least)
    with pytest.raises(MessageError, match=field):
        parse_from_printer("hello", {**least, field: []})
