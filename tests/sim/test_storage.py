from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.sim.policy import Policy, PostError, Signer
from appliance.sim.storage import BUCKET, Storage, StoredObject

KEY = "files/printer/P3D99979/snapshot.jpg"
NOW = 1_790_000_000.0

Client = TestClient[web.Request, web.Application]


class Bench:
    """A storage on a real port, a clock to move, and one good form to spoil."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.seen: list[StoredObject] = []
        self.storage = Storage(folder, b"secret", lambda: self.now, on_stored=self.seen.append)

    def fields(self, max_size: int = 1000, content_type: str = "image/jpeg") -> dict[str, str]:
        return self.storage.presign("http://x", KEY, content_type, max_size, 60)["fields"]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
async def client(bench: Bench) -> AsyncIterator[Client]:
    app = web.Application()
    bench.storage.add_routes(app)
    async with TestClient(TestServer(app)) as client:
        yield client


def form(
    fields: dict[str, str],
    content: bytes = b"picture",
    *,
    content_type: str = "image/jpeg",
    after: dict[str, str] | None = None,
) -> tuple[bytes, dict[str, str]]:
    """A multipart body and its headers, made by hand so that it can be wrong."""
    parts = [
        f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts.append(
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="f.jpg"\r\n'
        + f"Content-Type: {content_type}\r\n\r\n".encode()
        + content
        + b"\r\n"
    )
    for name, value in (after or {}).items():
        parts.append(
            f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        )
    return b"".join(parts) + b"--B--\r\n", {"Content-Type": "multipart/form-data; boundary=B"}


async def post(client: Client, fields: dict[str, str], *args: Any, **more: Any) -> tuple[int, str]:
    body, headers = form(fields, *args, **more)
    async with client.post(f"/storage/{BUCKET}", data=body, headers=headers) as response:
        return response.status, await response.text()


async def test_presign_has_the_fields_of_section_2_8_in_order(bench: Bench) -> None:
    slot = bench.storage.presign("http://h:1/", KEY, "image/jpeg", 76800, 60)
    assert slot["url"] == f"http://h:1/storage/{BUCKET}"
    assert list(slot["fields"]) == [
        "key",
        "acl",
        "bucket",
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "Policy",
        "X-Amz-Signature",
    ]
    policy = json.loads(base64.b64decode(slot["fields"]["Policy"]))
    assert ["content-length-range", 1, 76800] in policy["conditions"]


def test_signature_is_that_of_amazons_example() -> None:
    # The key of the S3 API's example, "Browser-Based Uploads Using HTTP POST": its derived
    # signature for the policy below, as published there.
    signer = Signer(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    policy = (
        "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAg"
        "ICB7ImJ1Y2tldCI6ICJzaWd2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAi"
        "dXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJsaWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25f"
        "cmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3MuY29tL3N1Y2Nlc3NmdWxf"
        "dXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQog"
        "ICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRl"
        "LWVuY3J5cHRpb24iOiAiQUVTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAi"
        "Il0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAiQUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMt"
        "ZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIjogIkFXUzQtSE1BQy1TSEEy"
        "NTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9"
    )
    assert signer.signature(policy, "20151229") == (
        "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"
    )
    decoded = Policy.decode(policy)
    assert ("content-type", "image/") in decoded.prefix
    assert ("bucket", "sigv4examplebucket") in decoded.equal


async def test_a_good_form_is_stored(bench: Bench, client: Client) -> None:
    assert (await post(client, bench.fields()))[0] == 204
    assert (await post(client, bench.fields(), b"second"))[0] == 204
    (stored,) = bench.storage.objects()
    assert (stored.key, stored.size, stored.content_type, stored.uploads) == (
        KEY,
        6,
        "image/jpeg",
        2,
    )
    assert stored.path.read_bytes() == b"second"
    assert [one.uploads for one in bench.seen] == [1, 2]
    assert not [path for path in stored.path.parent.iterdir() if path.name.startswith(".")]


async def test_objects_survive_a_restart(bench: Bench, client: Client, tmp_path: Path) -> None:
    await post(client, bench.fields())
    again = Storage(tmp_path, b"secret", lambda: NOW)
    assert again.objects() == bench.storage.objects()


async def test_success_action_status_201_answers_with_the_key(bench: Bench, client: Client) -> None:
    # Signed with the condition, as S3 wants of every field.
    fields = _resigned(bench, lambda c: [*c, {"success_action_status": "201"}])
    status, text = await post(client, fields | {"success_action_status": "201"})
    assert (status, f"<Key>{KEY}</Key>" in text) == (201, True)


def _resigned(bench: Bench, change: Any) -> dict[str, str]:
    """The good fields with other conditions, rightly signed."""
    fields = bench.fields()
    policy = json.loads(base64.b64decode(fields["Policy"]))
    policy["conditions"] = change(policy["conditions"])
    encoded = base64.b64encode(json.dumps(policy).encode()).decode()
    date = fields["X-Amz-Date"][:8]
    signature = Signer(b"secret").signature(encoded, date)
    return fields | {"Policy": encoded, "X-Amz-Signature": signature}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"X-Amz-Signature": "0" * 64}, 403, "SignatureDoesNotMatch"),
        ({"X-Amz-Signature": None}, 403, "SignatureDoesNotMatch"),
        ({"Policy": base64.b64encode(b"{}").decode()}, 403, "SignatureDoesNotMatch"),
        ({"Policy": None}, 403, "AccessDenied"),
        ({"X-Amz-Date": None}, 403, "AccessDenied"),
        ({"X-Amz-Algorithm": "AWS4"}, 400, "InvalidArgument"),
        ({"X-Amz-Credential": "me"}, 400, "InvalidArgument"),
        ({"X-Amz-Credential": "WHO/20260921/us-east-1/s3/aws4_request"}, 403, "InvalidAccessKeyId"),
        ({"key": None}, 400, "InvalidArgument"),
        ({"key": "files/printer/OTHER/snapshot.jpg"}, 403, "AccessDenied"),
        ({"acl": None}, 403, "AccessDenied"),
        ({"acl": "private"}, 403, "AccessDenied"),
        ({"bucket": "elsewhere"}, 403, "AccessDenied"),
        ({"x-amz-meta-more": "1"}, 403, "AccessDenied"),
        ({"padding": "x" * 30_000}, 400, "MaxPostPreDataLengthExceeded"),
    ],
)
async def test_a_spoiled_form_is_refused_as_s3_does(
    bench: Bench, client: Client, change: dict[str, str | None], status: int, code: str
) -> None:
    fields = {name: value for name, value in (bench.fields() | change).items() if value is not None}
    got, text = await post(client, fields)
    assert (got, f"<Code>{code}</Code>" in text) == (status, True), text
    assert bench.storage.objects() == []


async def test_a_field_after_the_file_is_ignored_and_so_missing(
    bench: Bench, client: Client
) -> None:
    fields = bench.fields()
    signature = fields.pop("X-Amz-Signature")
    status, text = await post(client, fields, after={"X-Amz-Signature": signature})
    assert (status, "SignatureDoesNotMatch" in text) == (403, True)
    assert (await post(client, bench.fields(), after={"whatever": "x"}))[0] == 204


async def test_an_ignored_field_needs_no_condition(bench: Bench, client: Client) -> None:
    assert (await post(client, bench.fields() | {"x-ignore-me": "1"}))[0] == 204


async def test_expiry_is_to_the_second(bench: Bench, client: Client) -> None:
    fields = bench.fields()
    bench.now = NOW + 59.9
    assert (await post(client, fields))[0] == 204
    bench.now = NOW + 60
    status, text = await post(client, fields)
    assert (status, "Policy expired." in text) == (403, True)


@pytest.mark.parametrize(
    ("size", "status", "code"),
    [(0, 400, "EntityTooSmall"), (1, 204, ""), (1000, 204, ""), (1001, 400, "EntityTooLarge")],
)
async def test_size_range_holds_at_both_ends(
    bench: Bench, client: Client, size: int, status: int, code: str
) -> None:
    got, text = await post(client, bench.fields(1000), b"x" * size)
    assert (got, code in text) == (status, True)
    assert bool(bench.storage.objects()) == (status == 204)


async def test_a_refused_upload_leaves_the_old_object(bench: Bench, client: Client) -> None:
    await post(client, bench.fields(), b"old")
    await post(client, bench.fields(), b"x" * 2000)
    (stored,) = bench.storage.objects()
    assert stored.path.read_bytes() == b"old"


async def test_the_files_own_content_type_is_checked(bench: Bench, client: Client) -> None:
    status, text = await post(client, bench.fields(), content_type="video/mp4")
    assert (status, "$Content-Type" in text) == (403, True)


async def test_starts_with_conditions(bench: Bench, client: Client) -> None:
    fields = _resigned(
        bench,
        lambda conditions: [
            ["starts-with", "$key", "files/"] if isinstance(one, dict) and "key" in one else one
            for one in conditions
        ],
    )
    assert (await post(client, fields | {"key": "files/other.jpg"}))[0] == 204
    assert (await post(client, fields | {"key": "elsewhere/other.jpg"}))[0] == 403


@pytest.mark.parametrize("key", ["../../etc/passwd", "a//b", "/etc/passwd", "a/./b"])
async def test_a_key_never_leaves_the_folder(bench: Bench, client: Client, key: str) -> None:
    fields = bench.storage.presign("http://x", key, "image/jpeg", 1000, 60)["fields"]
    assert (await post(client, fields))[0] == 400


async def test_wrong_requests_get_s3s_answers(bench: Bench, client: Client) -> None:
    async with client.post(f"/storage/{BUCKET}", data=b"x") as response:
        assert response.status == 412
    body, headers = form(bench.fields())
    async with client.post("/storage/other", data=body, headers=headers) as response:
        assert (response.status, "NoSuchBucket" in await response.text()) == (404, True)

    async def pieces() -> AsyncIterator[bytes]:
        yield body

    async with client.post(f"/storage/{BUCKET}", data=pieces(), headers=headers) as response:
        assert (response.status, "MissingContentLength" in await response.text()) == (411, True)
    async with client.post(f"/storage/{BUCKET}", data=body[:-12], headers=headers) as response:
        assert (response.status, "MalformedPOSTRequest" in await response.text()) == (400, True)
    only_fields = body[: body.index(b'name="file"')].rpartition(b"--B")[0] + b"--B--\r\n"
    async with client.post(f"/storage/{BUCKET}", data=only_fields, headers=headers) as response:
        assert (response.status, "exactly one file" in await response.text()) == (400, True)
    assert bench.storage.objects() == []


@pytest.mark.filterwarnings("ignore:form-data")  # aiohttp's, for half a header
async def test_half_a_form_is_never_stored(bench: Bench, client: Client) -> None:
    body, headers = form(bench.fields())
    for length in range(0, len(body) - 8, 11):
        async with client.post(
            f"/storage/{BUCKET}", data=body[:length], headers=headers
        ) as response:
            assert (length, response.status) in ((length, 400), (length, 403))
    assert bench.storage.objects() == []


async def test_downloads_and_ranges(bench: Bench, client: Client) -> None:
    bench.storage.put("jobs/a b.gcode", b"0123456789", "text/plain")
    url = f"/storage/{BUCKET}/jobs/a%20b.gcode"
    async with client.get(url) as response:
        assert (response.status, await response.read()) == (200, b"0123456789")
        assert response.content_type == "text/plain"
        assert "ETag" in response.headers
    async with client.get(url, headers={"Range": "bytes=4-"}) as response:
        assert (response.status, await response.read()) == (206, b"456789")
        assert response.headers["Content-Range"] == "bytes 4-9/10"
    async with client.get(f"/storage/{BUCKET}/none") as response:
        assert (response.status, "NoSuchKey" in await response.text()) == (404, True)


async def test_faults_happen_as_often_as_asked(bench: Bench, client: Client) -> None:
    bench.storage.faults.refuse = 1
    status, text = await post(client, bench.fields())
    assert (status, "SlowDown" in text) == (503, True)
    bench.storage.faults.cut_uploads = 1
    with pytest.raises(aiohttp.ClientError):
        await post(client, bench.fields())
    assert bench.storage.objects() == []
    assert (await post(client, bench.fields()))[0] == 204
    bench.storage.faults.cut_downloads, bench.storage.faults.cut_after = 1, 3
    with pytest.raises(aiohttp.ClientError):
        async with client.get(f"/storage/{BUCKET}/{KEY}") as response:
            await response.read()
    async with client.get(f"/storage/{BUCKET}/{KEY}") as response:
        assert await response.read() == b"picture"


def test_the_secret_is_not_shown() -> None:
    assert "secret" not in repr(Signer(b"secret")).replace("Signer", "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(JSON | st.fixed_dictionaries({"expiration": st.text() | JSON, "conditions": JSON}))
def test_any_policy_document_is_read_or_refused(document: object) -> None:
    encoded = base64.b64encode(json.dumps(document).encode()).decode()
    try:
        Policy.decode(encoded)
    except PostError as error:
        assert error.code == "InvalidPolicyDocument"


NAMES = st.sampled_from(["key", "acl", "bucket", "x-amz-date", "tag"])
VALUES = st.sampled_from(["", "a", "ab", "b"])


@settings(deadline=None)
@given(
    equal=st.lists(st.tuples(NAMES, VALUES), max_size=4),
    prefix=st.lists(st.tuples(NAMES, VALUES), max_size=4),
    fields=st.dictionaries(NAMES, VALUES),
)
def test_a_form_passes_only_if_every_condition_holds_and_every_field_has_one(
    equal: list[tuple[str, str]], prefix: list[tuple[str, str]], fields: dict[str, str]
) -> None:
    policy = Policy(NOW + 1, tuple(equal), tuple(prefix), None)
    values = {"bucket": "ab"} | fields
    right = (
        all(name in values and values[name] == value for name, value in equal)
        and all(name in values and values[name].startswith(value) for name, value in prefix)
        and set(fields) <= {name for name, _ in equal} | {name for name, _ in prefix}
    )
    try:
        policy.check_fields(fields, "ab", NOW)
        passed = True
    except PostError as error:
        assert error.code == "AccessDenied"
        passed = False
    assert passed == right
