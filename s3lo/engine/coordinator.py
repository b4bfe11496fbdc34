"""Coordinator: drives one transfer. It owns the window, the pace, the retries and the end of things.

        next_job()             submit()               start()
    work ────────→ coordinator ────────→ worker(s) ────────→ backend ⇄ sockets, files
      ↑                │  ↑                                   │
      └── done() ──────┘  └──────────── inbox ←───────────────┘ outcomes
                             ↑
            verifier threads: hashed; feed: offered, arrived

A blob that its worker hashes has a home: all its parts go to that worker.

One thread runs :meth:`Coordinator.run`; all others only put messages into the inbox.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

from msgspec.structs import replace

from s3lo import backoff
from s3lo.engine.cpu_use import read_cpu_use
from s3lo.engine.jobs import Abort, Done, Failed, Finish, Get, Hashed, Job, Outcome, Put, PutPart
from s3lo.engine.ledger import Flight, Ledger, RetryQueue
from s3lo.engine.pace import Pace
from s3lo.engine.pool import Lost, Pool, Reported
from s3lo.engine.sample import Standing
from s3lo.engine.settings import EngineSettings
from s3lo.engine.tuner import Tuner
from s3lo.engine.upload.feed import Arrived, Fed, NoMore, Offered
from s3lo.engine.work import Work
from s3lo.errors import Interrupted, ServiceError, WorkerDied
from s3lo.events import Note, Observer
from s3lo.model.objects import Credentials

Message = Reported | Lost | Hashed | Fed
CredentialsSource = Callable[[], Credentials | None]

TICK_SECONDS = 0.025
LOOK_SECONDS = 0.01
"""From one look of the tuner at how things are to the next, at least: each asks every connection."""
CHECK_SECONDS = 0.25
PART_SECONDS = 0.1
"""What a part takes at least, where it is not too small for that: from one to the next of a
connection passes a millisecond, on a machine whose CPUs are the limit. 4 x 1 GiB in parts of 15 ms
took 1.09 times as long."""
STALL_SECONDS = 60.0
"""How long a part may take at least before it is taken for hanging."""
SLOWEST_BYTES_PER_SECOND = 128 << 10
"""What a network worth waiting for delivers, over all parts in flight."""
THROTTLED_SECONDS = 300.0
"""How long a service may throttle without letting a single part through."""
WIND_DOWN_SECONDS = 10.0


class Coordinator:
    """Runs one piece of work over a pool of workers."""

    def __init__(
        self,
        settings: EngineSettings,
        pool: Pool,
        inbox: SimpleQueue[Message],
        credentials: CredentialsSource,
        is_cancelled: Callable[[], bool],
        observer: Observer,
    ) -> None:
        self._settings = settings
        self._pool = pool
        self._inbox = inbox
        self._credentials = credentials
        self._current = credentials()
        self._is_cancelled = is_cancelled
        self._observe = observer
        self.pace = Pace()
        self.tuner = Tuner(
            settings.initial_in_flight,
            settings.idle_in_flight,
            settings.max_in_flight,
            settings.aim_gbps,
            settings.cpus,
        )
        self._homes: dict[int, int] = {}
        self.ledger = Ledger(pool.numbers)
        self.retries = RetryQueue()
        self._unread: deque[Message | Outcome] = deque()
        self._last_done_at = time.monotonic()
        self._next_check_at = 0.0
        self._next_look_at = 0.0
        self._is_starved = False
        """There was room for more than there was work."""
        self._part_bytes_per_second = 0.0
        """What a part's connection brought of late, its answer's time included."""

    def run(self, work: Work) -> None:
        """Move everything, or raise what ended it with the store as if it had not begun."""
        try:
            while not work.is_finished:
                self._supervise()
                self._dispatch(work)
                for message in self._messages():
                    self._handle(message, work)
        except BaseException:
            self._wind_down(work)
            raise

    def _dispatch(self, work: Work) -> None:
        """Fill the window, each worker getting its new jobs in one message."""
        now = time.monotonic()
        batches: dict[int, list[Job]] = {}
        self._is_starved = False
        while self._has_room() and not self.pace.seconds_until_next(now):
            job = self._next_job(work, now)
            if job is None:
                self._is_starved = True
                break
            worker = self._worker_for(job)
            self.ledger.start(job, worker, now)
            self.pace.on_begun(now)
            batches.setdefault(worker, []).append(job)
        for worker, jobs in batches.items():
            self._pool.worker(worker).submit(jobs)

    def _next_job(self, work: Work, now: float) -> Job | None:
        while (job := self.retries.due(now)) is not None:
            if not self._is_taken_back(job, work, now):
                return job
            self.retries.forget(job.id)
        interval_bytes = self._part_bytes_per_second * self.pace.seconds_apart
        return work.next_job(self._welcome_bytes(), interval_bytes)

    def _is_taken_back(self, job: Job, work: Work, now: float) -> bool:
        """What was asked for before the service was known to throttle is asked for in larger parts: a
        dozen small ones once were half of the requests of a pull. Not for ever, since nobody counts how
        often bytes were refused."""
        is_patient = now - self._last_done_at < THROTTLED_SECONDS
        is_refused = not self.pace.is_free and self.retries.was_only_refused(job.id)
        return is_patient and is_refused and work.take_back(job)

    def _welcome_bytes(self) -> int:
        """As large as they may be where requests are what the service is short of; else what a
        connection brings while its next request would be on its way all the same."""
        if not self.pace.is_free:
            return self._settings.most_part_bytes
        return round(self.tuner.connection_bytes_per_second * PART_SECONDS)

    def _worker_for(self, job: Job) -> int:
        if not (isinstance(job, Get | PutPart) and job.is_hashed):
            return self.ledger.least_loaded()
        if job.blob not in self._homes:
            self._homes[job.blob] = self.ledger.least_loaded()
        home = self._homes[job.blob]
        # A job that waited to be tried again when its home was lost may still be told of it.
        return home if home in self._pool.numbers else self.ledger.least_loaded()

    def _has_room(self) -> bool:
        fits = self.ledger.in_flight_bytes < self._settings.most_held_bytes
        return len(self.ledger) < self.tuner.width and fits

    def _messages(self) -> Iterator[Message | Outcome]:
        """What has come in, after waiting for at least something or for the next thing to do.

        Taken one by one: when one of them ends the transfer, the others are still there for the
        winding down, which must learn of every upload that began.
        """
        wait = self._seconds_to_wait(time.monotonic())
        with suppress(Empty):
            if not self._unread:
                self._unread.extend(_opened(self._inbox.get(timeout=wait)))
            while True:
                while self._unread:
                    yield self._unread.popleft()
                self._unread.extend(_opened(self._inbox.get_nowait()))

    def _seconds_to_wait(self, now: float) -> float:
        """Until there is something to do, if nothing comes in.

        With a full window nothing is: a part that was due again meanwhile once had this thread run
        in circles, which took a pull with a few refusals 2.4 times as long as one with none.
        """
        if not self._has_room():
            return min(TICK_SECONDS, max(0.0, self._looks_at - now))
        until_paced = self.pace.seconds_until_next(now)
        if until_paced:
            return min(until_paced, TICK_SECONDS)
        return self.retries.seconds_until_due(now, TICK_SECONDS)

    def _handle(self, message: Message | Outcome, work: Work) -> None:
        match message:
            case Done() | Failed():
                flight = self.ledger.land(message.id)
                if flight is not None:
                    self._settle(flight, message, work)
            case Lost(number, status):
                self._replace(number, status, work)
            case Hashed():
                work.hashed(message)
            case Offered() | Arrived() | NoMore():
                work.fed(message)

    def _settle(self, flight: Flight, outcome: Done | Failed, work: Work) -> None:
        if isinstance(outcome, Failed):
            self._retry(flight, outcome, work)
            return
        self.retries.forget(outcome.id)
        self._last_done_at = time.monotonic()
        self._note_speed(flight, self._last_done_at)
        work.done(flight.job, outcome)

    def _note_speed(self, flight: Flight, now: float) -> None:
        """Of parts as large as most: what a smaller one took is mostly the time of its answer."""
        if flight.job.length >= self._settings.part_size_bytes:
            bytes_per_second = flight.job.length / max(1e-6, now - flight.started_at)
            self._part_bytes_per_second += (bytes_per_second - self._part_bytes_per_second) / 2

    def _retry(self, flight: Flight, outcome: Failed, work: Work) -> None:
        """Queue a failed job again, or give it up where that makes no sense (any more)."""
        if outcome.expired:
            self._renew()
        if outcome.throttled:
            self.pace.on_throttled(time.monotonic())
        job = self._keep(flight.job, outcome, work)
        failures = self.retries.failed(outcome.id, refused=outcome.throttled)
        now = time.monotonic()
        if not (outcome.retryable or flight.is_given_up):
            self._give_up(job, outcome, work)
            return
        patient = outcome.throttled and now - self._last_done_at < THROTTLED_SECONDS
        if failures >= backoff.ATTEMPTS and not patient:
            self._give_up(job, outcome, work)
            return
        self._queue_again(work.again(job, outcome), failures, outcome.throttled)

    def _give_up(self, job: Job, outcome: Failed, work: Work) -> None:
        self.retries.forget(job.id)
        if isinstance(outcome.error, Interrupted):
            outcome = replace(outcome, error=_silence(job))
        work.failed(job, outcome)

    def _keep(self, job: Job, outcome: Failed, work: Work) -> Job:
        """Count what came before a failure as done; what is left is all that is asked for again."""
        if not (outcome.kept_bytes and isinstance(job, Get)):
            return job
        self.retries.forget(job.id)
        work.done(job.first(outcome.kept_bytes), Done(job.id))
        return job.without_first(outcome.kept_bytes)

    def _queue_again(self, job: Job | None, failures: int, throttled: bool = False) -> None:
        if job is None:
            return
        delay = backoff.paced_seconds(failures) if throttled else backoff.delay_seconds(failures)
        self.retries.add(job, time.monotonic() + delay)

    def _replace(self, number: int, status: int, work: Work) -> None:
        """A worker process is gone: its jobs go to the others, or to one that takes its place."""
        lost = self.ledger.remove_worker(number)
        work.homeless([blob for blob, home in self._homes.items() if home == number])
        for flight in lost:
            if self.retries.failed(flight.job.id) >= backoff.ATTEMPTS:
                raise WorkerDied(f"{flight.job.key} was lost with {backoff.ATTEMPTS} processes")
            self._queue_again(work.again(flight.job, None), 1)
        replacement = self._pool.replace(number)
        if replacement is not None:
            self.ledger.add_worker(replacement)
        elif not self._pool.numbers:
            raise WorkerDied(f"every transfer process died, the last with status {status}")

    def _supervise(self) -> None:
        """Once in a while: cancellation, credentials about to expire, parts that hang."""
        now = time.monotonic()
        if self._is_cancelled():
            raise Interrupted("cancelled")
        self._tune(now)
        if now < self._next_check_at:
            return
        self._next_check_at = now + CHECK_SECONDS
        self._renew()
        self._give_up_stalled(now)

    def _tune(self, now: float) -> None:
        """Let the pace follow the service's refusals, and else the window what it brings."""
        if self.pace.on_time(now):
            self._observe(Note(self.pace.reason, level=1))
        if not self.pace.is_free or not self._settings.is_tuned or self._is_starved:
            self.tuner.disturbed()
            self._next_look_at = now + TICK_SECONDS
            return
        if now < self._looks_at:
            return
        self._next_look_at = now + LOOK_SECONDS
        before = self.tuner.width
        self.tuner.observe(self._standing())
        if self.tuner.width != before:
            self._observe(Note(self.tuner.reason, level=1))

    @property
    def _looks_at(self) -> float:
        return max(self.tuner.looks_at, self._next_look_at)

    def _standing(self) -> Standing:
        pool = self._pool
        cpu_use, carried = read_cpu_use(pool.cpu_seconds()), pool.carried()
        in_flight = len(self.ledger)
        return Standing(carried.moment, carried.bytes_, cpu_use, in_flight, pool.connections())

    def _renew(self) -> None:
        """Hand new credentials to the workers where the source has some; it renews them early."""
        fresh = self._credentials()
        if fresh != self._current:
            self._current = fresh
            self._pool.renew(fresh)

    def _give_up_stalled(self, now: float) -> None:
        allowed = STALL_SECONDS + self.ledger.in_flight_bytes / SLOWEST_BYTES_PER_SECOND
        for flight in self.ledger.older_than(now - allowed):
            if isinstance(flight.job, Finish):
                continue  # S3 takes minutes to put thousands of parts together, and says so
            worker = self._pool.worker(flight.worker)
            if flight.is_given_up and flight.started_at < now - 2 * allowed:
                worker.kill()
            elif not flight.is_given_up:
                flight.is_given_up = True
                worker.cancel([flight.job.id])

    def _wind_down(self, work: Work) -> None:
        """Cancel what is in flight, then undo in the store what cannot stay."""
        for flight in self.ledger.flights():
            if isinstance(flight.job, Get | Put | PutPart):
                self._pool.worker(flight.worker).cancel([flight.job.id])
        self.retries.clear()
        self._drain(work)
        for job in work.abandon():
            self.retries.add(job, due_at=0.0)
        if len(self.retries) and not self._pool.numbers:
            self.ledger.add_worker(self._pool.add())
        self._drain(work)

    def _drain(self, work: Work) -> None:
        """Wait until nothing is in flight or to be undone, within reason."""
        deadline = time.monotonic() + WIND_DOWN_SECONDS
        while self._pool.numbers and (len(self.ledger) or len(self.retries)):
            if time.monotonic() > deadline:
                break
            while (job := self.retries.due(time.monotonic())) is not None:
                worker = self.ledger.least_loaded()
                self.ledger.start(job, worker, time.monotonic())
                self._pool.worker(worker).submit([job])
            for message in self._messages():
                self._handle_late(message, work)

    def _handle_late(self, message: Message | Outcome, work: Work) -> None:
        """Multiparts that began count as open; one that could not be aborted is tried again."""
        match message:
            case Done() | Failed():
                flight = self.ledger.land(message.id)
                if flight is None:
                    return
                if isinstance(flight.job, Abort):
                    if isinstance(message, Failed) and message.retryable:
                        self._queue_again(flight.job, self.retries.failed(message.id))
                elif isinstance(message, Done):
                    # It is ending anyway, perhaps because the observer raises: note what began.
                    with suppress(Exception):
                        work.done(flight.job, message)
            case Lost(number):
                self.ledger.remove_worker(number)
                self._pool.remove(number)


def _silence(job: Job) -> ServiceError:
    """A part that was given up ends as cancelled, which would read as the user's doing."""
    return ServiceError(f"{job.key}: the service fell silent {backoff.ATTEMPTS} times")


def _opened(message: Message) -> Sequence[Message | Outcome]:
    """A report as the outcomes in it; any other message as it is."""
    return message.outcomes if isinstance(message, Reported) else (message,)
