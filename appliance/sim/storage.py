"""A store on this machine that takes pre-signed POSTs as Amazon S3 does.

It checks what S3 checks: policy and signature, expiry, that every field is covered by a
condition and ``file`` comes last, the size range; and answers with S3's XML errors. It is
stricter in one point: the policy's content type is held against the file part's own
header when no Content-Type field was sent, since the slots of the Polar Cloud (protocol
section 2.8) have no such field.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypedDict
from xml.sax.saxutils import escape

import msgspec
from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import BadHttpMessage

from appliance import store
from appliance.sim.policy import Policy, PostError, Signer

BUCKET = "polar3d.com"
FORM_LIMIT = 20_000  # bytes of all fields before the file, as in S3
PIECE = 64 * 1024


class StoredObject(msgspec.Struct, frozen=True):
    """A file in the store."""

    key: str
    file: str  # where it lies
    size: int  # bytes
    content_type: str
    stored_at: float  # Unix seconds
    uploads: int = 1  # how often this key was stored

    @property
    def path(self) -> Path:
        """Where it lies."""
        return Path(self.file)


class PresignedPost(TypedDict):
    """Where to POST, and the form fields to send before ``file``, in this order."""

    url: str
    fields: dict[str, str]


class Faults(msgspec.Struct):
    """What shall go wrong next; each counts down."""

    refuse: int = 0  # uploads to answer with an error before they are read
    refuse_status: int = 503
    refuse_code: str = "SlowDown"
    cut_uploads: int = 0  # uploads to break off without an answer
    cut_downloads: int = 0  # downloads to break off
    cut_after: int = 0  # bytes, for both


class Storage:
    """Objects of one bucket in ``folder``; ``clock`` gives Unix seconds."""

    def __init__(
        self,
        folder: Path,
        secret: bytes,
        clock: Callable[[], float],
        *,
        bucket: str = BUCKET,
        on_stored: Callable[[StoredObject], None] | None = None,
    ) -> None:
        self.faults = Faults()
        self._folder = folder
        self._signer = Signer(secret)
        self._clock = clock
        self._bucket = bucket
        self._on_stored = on_stored
        self._objects: dict[str, StoredObject] = {}
        for path in sorted((folder / "records").glob("*.json")):
            record = store.Record(path, StoredObject).load()
            if record is not None and record.path.is_file():
                self._objects[record.key] = record

    def presign(
        self, base_url: str, key: str, content_type: str, max_size: int, lifetime: float
    ) -> PresignedPost:
        """``url`` and ``fields`` of a slot, as in getUrlResponse (section 2.8)."""
        fields = self._signer.fields(
            self._clock(), lifetime, self._bucket, key, content_type, max_size
        )
        return {"url": f"{base_url.rstrip('/')}/storage/{self._bucket}", "fields": fields}

    def objects(self) -> list[StoredObject]:
        """All objects, by key."""
        return [self._objects[key] for key in sorted(self._objects)]

    def get(self, key: str) -> StoredObject | None:
        """One object."""
        return self._objects.get(key)

    def put(self, key: str, content: bytes, content_type: str) -> StoredObject:
        """Store an object without a form, as the cloud's own servers do."""
        store.write_atomic(self._place(key), content, 0o644)
        return self._register(key, len(content), content_type)

    def add_routes(self, app: web.Application) -> None:
        """Serve ``POST /storage/{bucket}`` and ``GET /storage/{bucket}/{key}``."""
        app.router.add_post("/storage/{bucket}", self._post)
        app.router.add_get("/storage/{bucket}/{key:.+}", self._get)

    # Uploads

    async def _post(self, request: web.Request) -> web.StreamResponse:
        try:
            return await self._take_upload(request)
        except PostError as error:
            return _xml(error)

    async def _take_upload(self, request: web.Request) -> web.StreamResponse:
        faults = self.faults
        if faults.refuse > 0:
            faults.refuse -= 1
            raise PostError(faults.refuse_status, faults.refuse_code, "As the test asked for.")
        if request.match_info["bucket"] != self._bucket:
            raise PostError(404, "NoSuchBucket", "The specified bucket does not exist.")
        if request.content_type != "multipart/form-data":
            raise PostError(
                412,
                "PreconditionFailed",
                "Bucket POST must be of the enclosure-type multipart/form-data",
            )
        if request.content_length is None:
            raise PostError(
                411, "MissingContentLength", "You must provide the Content-Length HTTP header."
            )
        try:
            fields, file = await _read_form(request)
            policy = self._authorised(fields)
            stored = await self._store(request, fields, file, policy)
        except (ValueError, BadHttpMessage) as error:  # aiohttp's, for a broken body
            raise PostError(400, "MalformedPOSTRequest", str(error)[:100]) from None
        return self._created(request, fields, stored)

    def _authorised(self, fields: dict[str, str]) -> Policy:
        if "key" not in fields:
            raise PostError(400, "InvalidArgument", "Bucket POST must contain a field named 'key'.")
        self._signer.verify(fields)
        policy = Policy.decode(fields["policy"])
        policy.check_fields(fields, self._bucket, self._clock())
        return policy

    async def _store(
        self, request: web.Request, fields: dict[str, str], file: BodyPartReader, policy: Policy
    ) -> StoredObject:
        content_type = fields.get("content-type")
        if content_type is None:
            content_type = file.headers.get("Content-Type", "binary/octet-stream")
            policy.check_content_type(content_type)
        key = fields["key"].replace("${filename}", file.filename or "")
        place = self._place(key)
        place.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".upload.", dir=place.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as target:
                size = await self._copy(request, file, target, policy)
            temporary.chmod(0o644)
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)
        return self._register(key, size, content_type)

    async def _copy(
        self, request: web.Request, file: BodyPartReader, target: BinaryIO, policy: Policy
    ) -> int:
        size = 0
        while piece := await file.read_chunk(PIECE):
            size += len(piece)
            policy.check_largest(size)
            self._cut_upload(request, size)
            await asyncio.to_thread(target.write, piece)
        if not file.at_eof():
            raise ValueError("The form ends in the middle of the file.")
        policy.check_smallest(size)
        self._cut_upload(request, max(size, self.faults.cut_after))
        return size

    def _cut_upload(self, request: web.Request, size: int) -> None:
        if self.faults.cut_uploads > 0 and size >= self.faults.cut_after:
            self.faults.cut_uploads -= 1
            if request.transport is not None:
                request.transport.abort()
            raise PostError(500, "InternalError", "Cut off, as the test asked for.")

    def _created(
        self, request: web.Request, fields: dict[str, str], stored: StoredObject
    ) -> web.Response:
        status = fields.get("success_action_status", "204")
        location = f"{request.url.origin()}/storage/{self._bucket}/{stored.key}"
        if status != "201":
            return web.Response(
                status=200 if status == "200" else 204, headers={"Location": location}
            )
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse>'
            f"<Location>{escape(location)}</Location><Bucket>{escape(self._bucket)}</Bucket>"
            f"<Key>{escape(stored.key)}</Key></PostResponse>"
        )
        return web.Response(status=201, text=body, content_type="application/xml")

    # Downloads

    async def _get(self, request: web.Request) -> web.StreamResponse:
        stored = self._objects.get(request.match_info["key"])
        if request.match_info["bucket"] != self._bucket or stored is None:
            return _xml(PostError(404, "NoSuchKey", "The specified key does not exist."))
        if self.faults.cut_downloads > 0 and stored.size > self.faults.cut_after:
            self.faults.cut_downloads -= 1
            return await self._cut_download(request, stored)
        return web.FileResponse(stored.path, headers={"Content-Type": stored.content_type})

    async def _cut_download(self, request: web.Request, stored: StoredObject) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": stored.content_type})
        response.content_length = stored.size
        await response.prepare(request)
        with stored.path.open("rb") as file:
            await response.write(await asyncio.to_thread(file.read, self.faults.cut_after))
        if request.transport is not None:
            request.transport.close()  # what was written still arrives
        return response

    # Objects

    def _place(self, key: str) -> Path:
        """Where an object lies: under its own name, so that a person finds the video."""
        parts = key.split("/")
        if not key or "\0" in key or any(part in ("", ".", "..") for part in parts):
            raise PostError(400, "InvalidArgument", "This store has no place for such a key.")
        return self._folder.joinpath("objects", *parts)

    def _register(self, key: str, size: int, content_type: str) -> StoredObject:
        before = self._objects.get(key)
        stored = StoredObject(
            key,
            str(self._place(key)),
            size,
            content_type,
            self._clock(),
            before.uploads + 1 if before else 1,
        )
        name = hashlib.sha256(key.encode()).hexdigest()
        store.Record(self._folder / "records" / f"{name}.json", StoredObject).save(stored)
        self._objects[key] = stored
        if self._on_stored:
            self._on_stored(stored)
        return stored


async def _read_form(request: web.Request) -> tuple[dict[str, str], BodyPartReader]:
    """The fields before ``file`` by lower-case name, and the file, yet to be read.

    What comes after the file is never looked at, as in S3.
    """
    fields: dict[str, str] = {}
    length = 0
    reader = await request.multipart()
    while (part := await reader.next()) is not None:
        if not isinstance(part, BodyPartReader) or not part.name:
            raise PostError(400, "MalformedPOSTRequest", "A part of the form has no name.")
        if part.name.lower() == "file":
            return fields, part
        value = b""
        while piece := await part.read_chunk(PIECE):
            value += piece
            length += len(piece)
            if length > FORM_LIMIT:
                raise PostError(
                    400, "MaxPostPreDataLengthExceeded", "The fields before the file are too long."
                )
        fields[part.name.lower()] = value.decode("utf-8")
    raise PostError(400, "InvalidArgument", "POST requires exactly one file upload per request.")


def _xml(error: PostError) -> web.Response:
    details = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in error.details.items())
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{error.code}</Code>'
        f"<Message>{escape(error.message)}</Message>{details}</Error>"
    )
    return web.Response(status=error.status, text=body, content_type="application/xml")
