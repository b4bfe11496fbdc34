"""Range receiver: the way of one range at a time from a socket into a file, or nowhere.

    ask → receive a step → write it to the file → hash it → receive ...
    ask → have the kernel move what comes into the file → ...
    ask → receive a step → hash it, if it is its turn, or keep it till then → receive ...

A step is small enough to stay in a core's caches all that way (see ``lane``). What goes into a file and
is not to be hashed now does not pass it: of 4 GiB over 160 connections of 8 MB/s, and over 60 of 25, that
took 0.78 and 0.74 of the CPU time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial

from s3lo.engine import failures
from s3lo.engine.jobs import Done, Failed, Get
from s3lo.engine.plan import WRITE_BYTES
from s3lo.engine.sockets.head import Head
from s3lo.engine.sockets.http import NoConnection
from s3lo.engine.sockets.line import Line
from s3lo.engine.sockets.pipe import NoWay, Pipe
from s3lo.engine.sockets.range_writer import RangeWriter
from s3lo.engine.sums import SumShare
from s3lo.engine.verifier import Share, Verifier
from s3lo.errors import S3loError, ServiceError, from_os
from s3lo.model.objects import Request, Response

Step = Callable[[int, int], int]
"""Receives what comes next, from an offset of the object on and of so many bytes, and has it where it
belongs; how much it was."""

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
        self,
        line: Line,
        memory: memoryview,
        verifier: Verifier,
        pipe: Pipe | None,
        *,
        is_direct: bool,
    ) -> None:
        """``memory``: what is received passes it, or ``pipe``, where there is one. ``is_direct``: it is
        written past the page cache."""
        self._line = line
        self._memory = memory
        self._verifier = verifier
        self._pipe = pipe
        self._knows_place = False
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
            outcome = self._fetch(job, lambda: nullcontext(partial(self._to_nowhere, share)))
        finally:
            share.close()
        report(outcome)

    def _fetch(self, job: Get, opened: Callable[[], AbstractContextManager[Step]]) -> Done | Failed:
        before = self._settled_bytes
        try:
            head = self._ask(job)
            with opened() as step:
                self._receive(job, step)
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
    def _file(self, job: Get, share: Share | None) -> Iterator[Step]:
        """Into the job's file, and hashed where it is its turn."""
        # A blob that is one part has no file before; what an earlier try left there has to go.
        is_whole = job.length == job.object_size
        with RangeWriter(job.path, truncates=is_whole, is_direct=self._is_direct) as file:

            def step(offset: int, left_bytes: int) -> int:
                pipe = self._pipe
                if share and share.is_next:
                    if pipe and pipe.held_bytes:  # it is hashed from the file
                        return self._move(pipe, file, share, offset, pipe.held_bytes)
                elif pipe := self._pipe_into(file):
                    with suppress(NoWay):
                        return self._unseen(pipe, file, share, offset, left_bytes)
                return self._seen(file, share, offset, left_bytes)

            try:
                yield step
            except BaseException:
                if self._pipe:
                    self._pipe.close()  # what is in it is of no use any more
                raise

    def _pipe_into(self, file: RangeWriter) -> Pipe | None:
        """Where one is worth it. Into tmpfs it is not: 4 GiB at 8 MB/s a connection took 1.08 of the time.
        All files that are filled by one receiver lie in one place, so it is looked at once."""
        if self._pipe and not self._knows_place:
            self._knows_place = True
            if file.is_memory():
                self._pipe.give_up()
        return self._pipe if self._pipe and self._pipe.is_usable else None

    def _receive(self, job: Get, step: Step) -> None:
        """Take the body that follows to its place."""
        self._line.body.wait_at_most(SILENCE_SECONDS)
        position, end = job.offset, job.offset + job.length
        while position < end:
            count = step(position, end - position)
            self._settled_bytes += count
            position += count

    def _seen(self, file: RangeWriter, share: Share | None, offset: int, left_bytes: int) -> int:
        memory = self._next(left_bytes)
        file.write(memory, offset)
        if share:
            share.wrote(memory)
        return len(memory)

    def _unseen(
        self, pipe: Pipe, file: RangeWriter, share: Share | None, offset: int, left_bytes: int
    ) -> int:
        """Raises NoWay before anything has come."""
        try:
            count = self._gathered(pipe, offset, left_bytes)
        except NoWay:
            pipe.give_up()
            raise
        return self._move(pipe, file, share, offset, count)

    def _gathered(self, pipe: Pipe, offset: int, left_bytes: int) -> int:
        """How much of what is in a pipe then is to be written: up to where a write should end, for what is
        behind it begins the next. All of it where nothing more comes for a while, or can."""
        while pipe.held_bytes < left_bytes:
            try:
                self._line.body.pass_on(pipe, left_bytes - pipe.held_bytes)
            except (NoConnection, NoWay):
                if not pipe.held_bytes:
                    raise
                break
            behind = (offset + pipe.held_bytes) % WRITE_BYTES
            if behind < pipe.held_bytes < left_bytes:
                return pipe.held_bytes - behind
        return pipe.held_bytes

    def _move(
        self, pipe: Pipe, file: RangeWriter, share: Share | None, offset: int, count: int
    ) -> int:
        count = file.write_from(pipe, count, offset, self._memory)
        if share:
            share.passed(count)
        return count

    def _to_nowhere(self, share: SumShare, offset: int, left_bytes: int) -> int:
        del offset
        memory = self._next(left_bytes)
        share.take(memory)
        return len(memory)

    def _next(self, left_bytes: int) -> memoryview:
        """What has come of the body, of so many bytes to its end; at least one."""
        count = self._line.body.fill(self._memory[:left_bytes], left_bytes)
        return self._memory[:count]

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
