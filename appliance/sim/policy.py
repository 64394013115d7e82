"""The policy of a pre-signed POST as Amazon S3 makes and checks it. Pure.

Source: S3 API, "POST Policy" and "Authenticating Requests: Browser-Based Uploads Using POST
(AWS Signature Version 4)". Field names are compared without regard to case.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

ACCESS_KEY = "LOCALSTORAGE"
REGION = "us-east-1"
ALGORITHM = "AWS4-HMAC-SHA256"
UNCHECKED_FIELDS = ("file", "policy", "x-amz-signature")  # need no condition; x-ignore-* neither

EQUAL, PREFIX, RANGE = "eq", "starts-with", "content-length-range"


class PostError(Exception):
    """An upload that S3 refuses: HTTP status, S3's code and its message."""

    def __init__(self, status: int, code: str, message: str, **details: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details


@dataclass(frozen=True)
class Signer:
    """Signs policies, and knows its own signature again."""

    secret: bytes = field(repr=False)

    def signature(self, policy: str, date: str) -> str:
        """The hexadecimal X-Amz-Signature of ``policy`` (base64) for ``date`` (YYYYMMDD)."""
        key = b"AWS4" + self.secret
        for part in (date, REGION, "s3", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.new(key, policy.encode(), hashlib.sha256).hexdigest()

    def fields(
        self, now: float, lifetime: float, bucket: str, key: str, content_type: str, max_size: int
    ) -> dict[str, str]:
        """All form fields of a slot for ``key``, valid ``lifetime`` seconds from ``now``."""
        moment = datetime.fromtimestamp(now, UTC)
        date = moment.strftime("%Y%m%d")
        fields = {
            "key": key,
            "acl": "public-read",
            "bucket": bucket,
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{ACCESS_KEY}/{date}/{REGION}/s3/aws4_request",
            "X-Amz-Date": moment.strftime("%Y%m%dT%H%M%SZ"),
        }
        expiration = datetime.fromtimestamp(now + lifetime, UTC)
        conditions: list[object] = [{name: value} for name, value in fields.items()]
        conditions.append(["content-length-range", 1, max_size])
        conditions.append(["eq", "$Content-Type", content_type])
        policy = {
            "expiration": expiration.strftime("%Y-%m-%dT%H:%M:%S.") + f"{expiration:%f}"[:3] + "Z",
            "conditions": conditions,
        }
        encoded = base64.b64encode(json.dumps(policy).encode()).decode()
        return fields | {"Policy": encoded, "X-Amz-Signature": self.signature(encoded, date)}

    def verify(self, fields: Mapping[str, str]) -> None:
        """PostError unless the policy among ``fields`` (lower-case names) is signed by us."""
        for name in ("policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date"):
            if name not in fields:
                raise denied(f"Missing form field: {name}.")
        if fields["x-amz-algorithm"] != ALGORITHM:
            raise PostError(400, "InvalidArgument", "Only AWS4-HMAC-SHA256 is supported.")
        scope = fields["x-amz-credential"].split("/")
        if len(scope) != 5 or scope[2:] != [REGION, "s3", "aws4_request"]:
            raise PostError(400, "InvalidArgument", "The credential is malformed.")
        if scope[0] != ACCESS_KEY:
            raise PostError(403, "InvalidAccessKeyId", "This access key does not exist.")
        if not fields["x-amz-date"].startswith(scope[1]):
            raise PostError(400, "InvalidArgument", "Credential and date disagree.")
        wanted = self.signature(fields["policy"], scope[1])
        given = fields.get("x-amz-signature", "")
        if not hmac.compare_digest(wanted.encode(), given.encode()):
            raise PostError(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            )


@dataclass(frozen=True)
class Policy:
    """What a signed policy allows."""

    expires: float  # Unix seconds
    equal: tuple[tuple[str, str], ...]  # (field in lower case, value)
    prefix: tuple[tuple[str, str], ...]
    size_range: tuple[int, int] | None  # bytes, both ends included

    @classmethod
    def decode(cls, encoded: str) -> Policy:
        """Read the base64 JSON of a form's Policy field; PostError when it is none."""
        try:
            document = json.loads(base64.b64decode(encoded, validate=True))
            expires = datetime.fromisoformat(document["expiration"]).timestamp()
            conditions = list(document["conditions"])
            sizes = [_size_range(item) for item in conditions if _is_range(item)]
            rules = [_rule(item) for item in conditions if not _is_range(item)]
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise PostError(400, "InvalidPolicyDocument", f"Invalid Policy: {error}.") from None
        return cls(
            expires,
            tuple((name, value) for kind, name, value in rules if kind == EQUAL),
            tuple((name, value) for kind, name, value in rules if kind == PREFIX),
            sizes[-1] if sizes else None,
        )

    def check_fields(self, fields: Mapping[str, str], bucket: str, now: float) -> None:
        """PostError unless every condition holds, and every field has a condition.

        ``bucket`` is that of the address. A Content-Type is left to
        :meth:`check_content_type` when no form field has that name.
        """
        if now >= self.expires:
            raise _violated("Policy expired.")
        values = {"bucket": bucket} | dict(fields)
        for word, conditions in (("eq", self.equal), ("starts-with", self.prefix)):
            for name, wanted in conditions:
                if name == "content-type" and name not in values:
                    continue
                value = values.get(name)
                held = value is not None and (
                    value == wanted if word == "eq" else value.startswith(wanted)
                )
                if not held:
                    raise _violated(f'Policy Condition failed: ["{word}", "${name}", "{wanted}"]')
        covered = {name for name, _ in (*self.equal, *self.prefix)}
        for name in fields:
            free = name in UNCHECKED_FIELDS or name.startswith("x-ignore-")
            if not free and name not in covered:
                raise _violated(f"Extra input fields: {name}")

    def check_content_type(self, content_type: str) -> None:
        """Hold the file's own content type against the policy's condition for it."""
        for name, wanted in self.equal:
            if name == "content-type" and content_type != wanted:
                raise _violated(f'Policy Condition failed: ["eq", "$Content-Type", "{wanted}"]')
        for name, wanted in self.prefix:
            if name == "content-type" and not content_type.startswith(wanted):
                raise _violated(
                    f'Policy Condition failed: ["starts-with", "$Content-Type", "{wanted}"]'
                )

    def check_largest(self, size: int) -> None:
        """EntityTooLarge as soon as ``size`` bytes came."""
        if self.size_range and size > self.size_range[1]:
            raise PostError(
                400,
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
                ProposedSize=str(size),
                MaxSizeAllowed=str(self.size_range[1]),
            )

    def check_smallest(self, size: int) -> None:
        """EntityTooSmall for a whole file of ``size`` bytes."""
        if self.size_range and size < self.size_range[0]:
            raise PostError(
                400,
                "EntityTooSmall",
                "Your proposed upload is smaller than the minimum allowed size",
                ProposedSize=str(size),
                MinSizeAllowed=str(self.size_range[0]),
            )


def _is_range(condition: object) -> bool:
    return isinstance(condition, list) and len(condition) == 3 and condition[0] == RANGE


def _size_range(condition: list[object]) -> tuple[int, int]:
    low, high = condition[1:]
    if not (isinstance(low, int) and isinstance(high, int)):
        raise ValueError("content-length-range needs two integers")
    return low, high


def _rule(condition: object) -> tuple[str, str, str]:
    """(kind, field in lower case, value) of ``{field: value}`` or ``[kind, "$field", value]``."""
    if isinstance(condition, dict) and len(condition) == 1:
        ((name, value),) = condition.items()
        return EQUAL, str(name).lower(), _text(value)
    if isinstance(condition, list) and len(condition) == 3:
        kind, name, value = condition
        if kind in (EQUAL, PREFIX) and isinstance(name, str) and name.startswith("$"):
            return kind, name[1:].lower(), _text(value)
    raise ValueError("Invalid Simple-Condition")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("Invalid Simple-Condition: value must be a string")
    return value


def denied(message: str) -> PostError:
    """S3's AccessDenied."""
    return PostError(403, "AccessDenied", message)


def _violated(what: str) -> PostError:
    return denied(f"Invalid according to Policy: {what}")
