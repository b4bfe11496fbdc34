"""Range sender: the way of one range at a time from a file into a request, and the requests around them.

    read a step → hash it, if it is its turn → its part's checksum → read ...
    send the part

A checksum has to be known before the body, so a part is read through first; then it is in the page
cache, from where it is read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from msgspec.structs import replace

from s3lo.engine import failures
from s3lo.engine.jobs import Begin, Done, Failed, Finish, Put, PutPart
from s3lo.engine.sockets.file_body import FileBody
from s3lo.engine.sockets.http import Body, NoConnection
from s3lo.engine.sockets.line import Line
from s3lo.engine.transfers import damaged_source
from s3lo.engine.upload import control, crc64
from s3lo.engine.upload.part_check import PartCheck
from s3lo.engine.verifier import Share, Verifier
from s3lo.errors import S3loError, from_os
from s3lo.model.objects import Request, Response

ANSWER_SECONDS = 15.0
"""A service that for so long neither takes nor says anything is given up."""
FINISH_SECONDS = 300.0
"""S3 takes minutes to put thousands of parts together."""


class RangeSender:
    """For one thread; any other may cancel what it does, by its line."""

    def __init__(self, line: Line, memory: memoryview, verifier: Verifier) -> None:
        """``memory``: what all that is read from files passes."""
        self._line = line
        self._memory = memory
        self._verifier = verifier

    def carry_out(self, job: control.Sending, report: Callable[[Done | Failed], None]) -> None:
        report(self._try(job))

    def _try(self, job: control.Sending) -> Done | Failed:
        try:
            match job:
                case Put():
                    return self._put(job)
                case PutPart():
                    return self._put_part(job)
                case Begin() if job.is_checked and not crc64.is_known():
                    job = replace(job, is_checked=False)
            return self._answered(job, control.request_for(job))
        except S3loError as error:
            self._line.close()
            return Failed(job.id, error)
        except OSError as error:
            self._line.close()
            return Failed(job.id, from_os(error, f"sending {self._name(job)} from"))

    def _put(self, job: Put) -> Done | Failed:
        with FileBody(job.path, job.file_offset, job.length, self._memory) as body:
            if job.digest is not None:
                found = hashlib.sha256()
                body.read_through(found.update)
                if found.hexdigest() != job.digest.hex:
                    raise damaged_source(job.path, found.hexdigest(), job.digest)
            return self._answered(job, control.request_for(job), body)

    def _put_part(self, job: PutPart) -> Done | Failed:
        with FileBody(job.path, job.file_offset, job.length, self._memory) as body:
            check = PartCheck(job)
            try:
                self._read_through(job, body, check)
            except NoConnection as error:
                return self._broken(job, error)
            if check.kept:
                return check.kept
            request = control.request_for(job, check.checksum)
            outcome = self._answered(job, request, body, check.checksum)
        if isinstance(outcome, Failed):
            return replace(outcome, was_hashed=job.is_hashed)
        return outcome

    def _read_through(self, job: PutPart, body: FileBody, check: PartCheck) -> None:
        """Look at a part, and hash it as far as it is its turn."""
        share = self._share(job) if job.is_hashed else None
        if not (share or check.is_needed):
            return

        def look(piece: memoryview) -> None:
            if self._line.is_cancelled:
                raise NoConnection("cancelled")
            if share:
                share.wrote(piece)
            check.update(piece)

        try:
            body.read_through(look)
        finally:
            if share:
                share.close()

    def _share(self, job: PutPart) -> Share:
        start = job.file_offset - job.offset
        return self._verifier.share(job.blob, job.path, job.object_size, job.offset, start)

    def _answered(
        self, job: control.Sending, request: Request, body: Body | None = None, checksum: str = ""
    ) -> Done | Failed:
        seconds = FINISH_SECONDS if isinstance(job, Finish) else ANSWER_SECONDS
        try:
            answer = self._exchange(request, body, seconds)
        except NoConnection as error:
            return self._broken(job, error)
        return control.outcome_of(job, answer, self._name(job), checksum)

    def _exchange(self, request: Request, body: Body | None, seconds: float) -> Response:
        head = self._line.ask(request, seconds, body)
        return self._line.read_answer(head, must_be_whole=head.status < 300)

    def _broken(self, job: control.Sending, error: NoConnection) -> Failed:
        self._line.close()
        return failures.broken(job.id, error, self._name(job), is_cancelled=self._line.is_cancelled)

    def _name(self, job: control.Sending) -> str:
        return f"s3://{self._line.endpoint.bucket}/{job.key}"
