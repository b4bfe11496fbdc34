"""Failures: the one place where an error answer of a registry becomes an error of ours.

Decided by status and by the ``code`` of the body (OCI distribution spec 1.1, "Error Codes"), never by
a message's wording.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from s3lo.errors import AccessDeniedError, NotFoundError, S3loError, ServiceError, ThrottledError
from s3lo.transports.registry.passing import Passing, asked_seconds, is_passing

if TYPE_CHECKING:
    from s3lo.transports.registry.http import Answer

MOST_ERROR_BYTES = 64 << 10
_SHOWN = 300
_DENIED = frozenset({"DENIED", "UNAUTHORIZED"})
_ABSENT = frozenset({"NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"})
_THROTTLED = "TOOMANYREQUESTS"


class _Error(Struct, frozen=True):
    code: str = ""
    message: str | None = None


class _Body(Struct, frozen=True):
    errors: tuple[_Error, ...] = ()


_BODY = msgspec.json.Decoder(_Body)


class Refusal(Struct, frozen=True):
    """An answer that is no success: who gave it, and what it says."""

    host: str
    status: int
    body: bytes = b""

    @property
    def said(self) -> _Error:
        """The first of the errors that the body names, or an empty one."""
        try:
            errors = _BODY.decode(self.body).errors
        except (msgspec.DecodeError, UnicodeDecodeError):
            errors = ()
        return errors[0] if errors else _Error()


def error_from(refusal: Refusal, what: str, registry: str) -> S3loError:
    """The error for a refusal. ``what`` names what was asked for, ``registry`` the host to log in to."""
    said = refusal.said
    code = said.code.upper()
    shown = f": {_printable(said.message)}" if said.message else ""
    detail = f"{what} ({refusal.host}: {refusal.status}{' ' + code if code else ''}){shown}"
    if refusal.status == 429 or code == _THROTTLED:
        return ThrottledError(
            f"the registry takes no more requests for {detail}",
            hint=f"Try again later; who is logged in may often ask for more: docker login {registry},"
            " or --creds USER.",
        )
    if refusal.status in (401, 403) or code in _DENIED:
        return denied(f"the registry denies access to {detail}", registry)
    if refusal.status == 404 or code in _ABSENT:
        return NotFoundError(
            f"the registry does not have {detail}",
            hint=f"Check the name and the tag. A private one may show itself only after docker login"
            f" {registry}, or with --creds USER.",
        )
    return ServiceError(f"the registry refused {detail}")


def refused(answer: Answer, what: str, registry: str) -> S3loError | Passing:
    """What an answer stands for that is no success; Passing where it may be one soon."""
    body = answer.read_up_to(MOST_ERROR_BYTES)
    answer.close()
    error = error_from(Refusal(answer.host, answer.status, body), what, registry)
    if is_passing(answer.status) or isinstance(error, ThrottledError):
        now = datetime.datetime.now(datetime.timezone.utc)
        return Passing(error, asked_seconds(answer.headers.get("retry-after", ""), now))
    return error


def denied(message: str, registry: str) -> AccessDeniedError:
    """Registries say so of what is private, and many of them of what does not exist."""
    return AccessDeniedError(
        message,
        hint=f"Either it does not exist, or it is private: check the name, then docker login {registry},"
        " or --creds USER.",
    )


def _printable(text: str) -> str:
    """What a stranger wrote, fit for a terminal."""
    return "".join(c if c.isprintable() else " " for c in text[:_SHOWN])
