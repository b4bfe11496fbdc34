"""Range receiver: the way of one range at a time from a socket into a file, or nowhere.

    ask → receive 256 KiB → write it to the file → hash it, if it is its turn → receive ...
    ask → receive 256 KiB → hash it, if it is its turn, or keep it till then → receive ...

The memory is small enough to stay in a core's cache all that way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from s3lo.engine import failures
from s3lo.engine.jobs import Done, Failed, Get
from s3lo.engine.sockets.head import Head
from s3lo.engine.sockets.http import NoConnection
from s3lo.engine.sockets.line import Line
from s3lo.engine.sockets.range_writer import RangeWriter
from s3lo.engine.verifier import Share, Verifier
from s3lo.errors import S3loError, ServiceError, from_os
from s3lo.model.objects import Request, Response

Take = Callable[[memoryview, int], None]
"""What is done with bytes that have come, and belong at an offset of the object."""

SILENCE_SECONDS = 4.0
"""A body of which nothing comes for so long is given up; the rest of it is asked for again."""
_OK, _PARTIAL = 200, 206
_PRECONDITION_FAILED = 412


class _Refused(Exception):
    """An answer that is not what was asked for."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


class RangeReceiver:
    """For one thread; any other may cancel what it does, by its line."""

    def __init__(
        self, line: Line, memory: memoryview, verifier: Verifier, *, is_direct: bool
    ) -> None:
        """``memory``: what all that is received passes. ``is_direct``: it is written past the page
        cache."""
        self._line = line
        self._memory = memory
        self._verifier = verifier
        self._is_direct = is_direct
        self._settled_bytes = 0
        """Written to files or taken otherwise, ever."""

    def carry_out(self, job: Get, report: Callable[[Done | Failed], None]) -> None:
        """Fetch a range, and report what became of it."""
        if not job.path:
            self._carry_out_nowhere(job, report)
            return
        share = None
        if job.is_hashed:
            share = self._verifier.share(job.blob, job.path, job.object_size, job.offset)
        try:
            # Before the blob's digest can be told.
            report(self._fetch(job, lambda: self._file(job, share)))
        finally:
            if share:
                share.close()

    def _carry_out_nowhere(self, job: Get, report: Callable[[Done | Failed], None]) -> None:
        """A range is done when it is hashed, or left to who has the turn: no more is asked for
        before, and so no more is kept."""
        share = self._verifier.sums.share(job.blob, job.object_size, job.offset)
        try:
            outcome = self._fetch(job, lambda: nullcontext(lambda memory, _: share.take(memory)))
        finally:
            share.close()
        report(outcome)

    def _fetch(self, job: Get, opened: Callable[[], AbstractContextManager[Take]]) -> Done | Failed:
        before = self._settled_bytes
        try:
            head = self._ask(job)
            with opened() as take:
                self._receive(job, take)
        except NoConnection as error:
            self._line.close()
            return failures.broken(
                job.id,
                error,
                self._name(job),
                is_cancelled=self._line.is_cancelled,
                kept_bytes=self._settled_bytes - before,
            )
        except _Refused as refused:
            return self._refused(job, refused.response)
        except S3loError as error:
            self._line.close()
            return Failed(job.id, error)
        except OSError as error:
            self._line.close()
            return Failed(job.id, from_os(error, f"moving {self._name(job)} through"))
        self._line.ended(head)
        return Done(job.id, head.headers.get("etag", ""))

    def _ask(self, job: Get) -> Head:
        """Ask for the range; raises _Refused for any answer but it."""
        wanted = f"bytes={job.offset}-{job.offset + job.length - 1}"
        condition = (("if-match", job.etag),) if job.etag else ()
        request = Request("GET", "GetObject", job.key, headers=(("range", wanted), *condition))
        head = self._line.ask(request, job.patience_seconds)
        if head.status not in (_OK, _PARTIAL):
            raise _Refused(self._line.read_answer(head))
        failures.check_size(job, head.headers)
        if head.body_bytes != job.length:
            raise NoConnection(f"{head.body_bytes} bytes come of {job.length} asked for")
        return head

    @contextmanager
    def _file(self, job: Get, share: Share | None) -> Iterator[Take]:
        """Write what comes, and hash it where it is its turn."""
        # A blob that is one part has no file before; what an earlier try left there has to go.
        is_whole = job.length == job.object_size
        with RangeWriter(job.path, truncates=is_whole, is_direct=self._is_direct) as file:

            def take(memory: memoryview, offset: int) -> None:
                file.write(memory, offset)
                if share:
                    share.wrote(memory)

            yield take

    def _receive(self, job: Get, take: Take) -> None:
        """Take the body that follows to its place."""
        connection = self._line.body
        connection.wait_at_most(SILENCE_SECONDS)
        position, end = job.offset, job.offset + job.length
        while position < end:
            count = connection.fill(self._memory[: end - position], end - position)
            take(self._memory[:count], position)
            self._settled_bytes += count
            position += count

    def _refused(self, job: Get, response: Response) -> Failed:
        name = self._name(job)
        if response.status == _PRECONDITION_FAILED:
            reason = ServiceError(f"{name} was replaced while it was being fetched")
            return Failed(job.id, reason, retryable=True, replaced=True)
        if response.status == failures.NOT_SATISFIABLE:
            return Failed(job.id, failures.ends_early(job, name))
        return failures.answer_failure(job.id, response, name)

    def _name(self, job: Get) -> str:
        return f"s3://{self._line.endpoint.bucket}/{job.key}"
