"""The exception tree: every failure a user can meet, with its exit code and its hint.

    S3loError                      1   failed
    ├── UsageError                 2   the request itself is malformed
    │   └── InvalidReference
    ├── NotFoundError              3   bucket, image, tag, platform, file
    ├── AccessDeniedError          4   credentials or permission
    ├── IntegrityError             5   content is not what its name says
    │   ├── DigestMismatch
    │   ├── SizeMismatch
    │   └── InvalidDocument
    ├── RefusedError               6   a rule forbids it
    │   ├── ImmutableTag
    │   └── DestinationExists
    ├── ServiceError               7   network or service, after retries
    │   └── ThrottledError
    ├── LocalError                 8   daemon, disk, permissions of this machine
    │   ├── DaemonError
    │   ├── DiskFull
    │   └── WorkerDied
    └── Interrupted              130   SIGINT (143: SIGTERM)

A leaf says what went wrong in ``message`` and what to do next in ``hint``. ``reference`` and
``doing`` are filled in on the way up by :func:`context`, once, by the outermost operation that
knows them. All of them survive pickling, because workers send them to the coordinator.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar


class S3loError(Exception):
    """Base of everything s3lo raises on purpose."""

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "failed"
    default_hint: ClassVar[str] = ""

    def __init__(self, message: str, *, hint: str = "", reference: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.default_hint
        self.reference = reference
        self.doing = ""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.hint, self.reference, self.doing)


def _rebuild(
    kind: type[S3loError], message: str, hint: str, reference: str, doing: str
) -> S3loError:
    error = kind(message, hint=hint, reference=reference)
    error.doing = doing
    return error


class UsageError(S3loError):
    exit_code = 2
    code = "usage"


class InvalidReference(UsageError):
    code = "invalid_reference"
    default_hint = "Write s3://bucket/image:tag or local://./store/image:tag."


class NotFoundError(S3loError):
    exit_code = 3
    code = "not_found"


class AccessDeniedError(S3loError):
    exit_code = 4
    code = "denied"
    default_hint = "Check the credentials (--profile, AWS_PROFILE) and the permissions they carry."


class IntegrityError(S3loError):
    exit_code = 5
    code = "integrity"


class DigestMismatch(IntegrityError):
    code = "digest_mismatch"


class SizeMismatch(IntegrityError):
    code = "size_mismatch"


class InvalidDocument(IntegrityError):
    code = "invalid_document"


class RefusedError(S3loError):
    exit_code = 6
    code = "refused"


class ImmutableTag(RefusedError):
    code = "immutable_tag"
    default_hint = "Choose another tag, or override the rule with --force."


class DestinationExists(RefusedError):
    code = "destination_exists"
    default_hint = "Choose another destination, or replace it with --force."


class ServiceError(S3loError):
    exit_code = 7
    code = "service"
    default_hint = "Try again; if it persists, check the endpoint and the network path to it."


class ThrottledError(ServiceError):
    code = "throttled"
    default_hint = "The service asks to slow down; try again later or with a lower --target-gbps."


class LocalError(S3loError):
    exit_code = 8
    code = "local"


class DaemonError(LocalError):
    code = "daemon"
    default_hint = "Check that the Docker daemon runs and that DOCKER_HOST points to it."


class DiskFull(LocalError):
    code = "disk_full"
    default_hint = "Free some space, or name another place with --tmpdir."


class WorkerDied(LocalError):
    code = "worker_died"
    default_hint = "A transfer process was killed, often for memory: try --processes 0."


class Interrupted(S3loError):
    exit_code = 130
    code = "interrupted"

    @classmethod
    def by_signal(cls, number: int) -> Interrupted:
        """The error for a signal number; its exit status is 128 + number, as shells report it."""
        return (Terminated if number == 15 else Interrupted)("interrupted")


class Terminated(Interrupted):
    exit_code = 143


@contextmanager
def context(doing: str, reference: str = "") -> Iterator[None]:
    """Say of every error that passes what was being done and to which reference."""
    try:
        yield
    except S3loError as error:
        error.doing = error.doing or doing
        error.reference = error.reference or reference
        raise


_FULL = (errno.ENOSPC, errno.EDQUOT)


def from_os(error: OSError, doing: str) -> S3loError:
    """Map an operating system error to ours: a full disk, or another local trouble."""
    where = f" {error.filename}" if error.filename else ""
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return DiskFull(f"no space left while {doing}{where}")
    return LocalError(
        f"{reason} while {doing}{where}", hint="Check the path, its permissions and the disk."
    )
