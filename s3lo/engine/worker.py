"""Worker: a process that carries out jobs with one backend. It decides nothing.

Started as ``python -c`` with its end of a socket pair (see ``pool``), never forked: awscrt's
threads do not survive a fork. It ends with its coordinator, however that ends: the socket closes
when the kernel cleans up, and should a child of the coordinator have kept the other end open, the
worker notices within a second that its parent has changed. Signals to end are blocked from the
start (see ``pool``): ending is the coordinator's decision.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from queue import SimpleQueue
from typing import Any

from s3lo.engine.backend import Backend
from s3lo.engine.backends import make_backend
from s3lo.engine.carried import counted
from s3lo.engine.channel import (
    Bye,
    Cancel,
    Channel,
    Configure,
    Outcomes,
    Progress,
    Renew,
    Stop,
    Submit,
)
from s3lo.engine.jobs import Outcome
from s3lo.engine.machine import peak_rss_bytes

_PARENT_CHECK_SECONDS = 1.0
_PROGRESS_SECONDS = 0.05
"""How often the coordinator, which tunes by it, is told what has come."""


def main(fd: int, parent: int) -> None:
    """Serve the coordinator, process ``parent`` at the other end of the socket ``fd``, until it
    says or is gone."""
    channel = Channel(socket.socket(fileno=fd))
    configure = channel.receive()
    if not isinstance(configure, Configure):
        os._exit(1)
    backend = make_backend(configure.backend)
    outcomes: SimpleQueue[Outcome] = SimpleQueue()
    threading.Thread(target=_send_outcomes, args=(outcomes, channel), daemon=True).start()
    threading.Thread(target=_send_progress, args=(backend, channel), daemon=True).start()
    channel.wait_at_most(_PARENT_CHECK_SECONDS)
    while os.getppid() == parent:
        try:
            message = channel.receive()
        except TimeoutError:
            continue
        if message is None:
            break
        if isinstance(message, Stop):
            channel.send(Bye(peak_rss_bytes()))
            break
        _obey(message, backend, outcomes)
    # Not sys.exit: tearing the native client down waits for connections nobody needs any more.
    os._exit(0)


def _obey(message: Any, backend: Backend, outcomes: SimpleQueue[Outcome]) -> None:
    match message:
        case Submit(jobs):
            for job in jobs:
                backend.start(job, outcomes.put)
        case Cancel(ids):
            for job_id in ids:
                backend.cancel(job_id)
        case Renew(credentials):
            backend.renew(credentials)


def _send_outcomes(outcomes: SimpleQueue[Outcome], channel: Channel) -> None:
    """Send outcomes as they come, those that come together in one message."""
    while True:
        batch = [outcomes.get()]
        while not outcomes.empty():
            batch.append(outcomes.get())
        try:
            channel.send(Outcomes(tuple(batch)))
        except OSError:
            os._exit(0)


def _send_progress(backend: Backend, channel: Channel) -> None:
    while True:
        time.sleep(_PROGRESS_SECONDS)
        carried = counted(backend.carried_bytes)
        try:
            channel.send(Progress(carried, time.process_time(), backend.connections()))
        except OSError:
            return  # the other thread, or the reader, ends the process
