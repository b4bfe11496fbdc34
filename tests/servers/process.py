"""Server: one process on loopback, from its start in a directory of its own to its removal."""

from __future__ import annotations

import abc
import ctypes
import http.client
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from typing_extensions import Self

_BELOW_EPHEMERAL = range(15_000, 32_000)
"""Linux hands out 32768 and up to outgoing connections, which would race for a port just found."""

_PR_SET_PDEATHSIG = 1


class Missing(Exception):
    """A part that this machine lacks; the message says which one and how to get it."""


class StartFailed(Exception):
    """A server that is there but did not come up; the message ends with the tail of its log."""


class Server(abc.ABC):
    """A real server; entering it waits until the server answers."""

    program: ClassVar[str]
    install: ClassVar[str]
    """What to install where the program is missing."""
    deadline_seconds: ClassVar[float] = 30.0
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    grace_seconds: ClassVar[float] = 10.0
    parent: ClassVar[str | None] = None
    """Where its directory is made, when not in the usual place."""

    def __init__(self, *, inside: tuple[str, ...] = ()) -> None:
        """``inside`` comes before the command: ``("ip", "netns", "exec", "name")``."""
        self._inside = inside
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._directory = Path()
        self._command: list[str] = []

    @abc.abstractmethod
    def prepare(self, directory: Path) -> list[str]:
        """Write what the server needs into its directory and give its arguments."""

    @abc.abstractmethod
    def is_ready(self) -> bool:
        """Whether it serves; OSError counts as not yet."""

    def find(self) -> Path:
        """Where its program is; raises Missing."""
        return find_program(self.program, self.install)

    def environment(self) -> Mapping[str, str]:
        """Variables that the server wants beside those of this process."""
        return {}

    def clean_up(self) -> None:  # noqa: B027 - most leave nothing
        """Remove what the server leaves outside of its directory, or mounted in it."""

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def log_path(self) -> Path:
        return self._directory / "log"

    def __enter__(self) -> Self:
        program = self.find()
        with ExitStack() as stack:
            name = f"s3lo-{type(self).__name__.lower()}-"
            self._directory = Path(tempfile.mkdtemp(prefix=name, dir=self.parent))
            stack.callback(shutil.rmtree, self._directory, ignore_errors=True)
            stack.callback(self.clean_up)
            arguments = self.prepare(self._directory)
            stack.callback(self._stop)
            self._command = [*self._inside, str(program), *arguments]
            self.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def start(self) -> None:
        """Start the process, again where it was stopped, and wait until it serves."""
        with open(self.log_path, "wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._directory,
                env={**os.environ, **self.environment()},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A Ctrl+C at the terminal is for the tests; they stop their servers in order.
                start_new_session=True,
                preexec_fn=_die_with_parent(),
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.deadline_seconds
        while time.monotonic() < deadline:
            with suppress(OSError, http.client.HTTPException):
                if self.is_ready():
                    return
            if self._process is not None and self._process.poll() is not None:
                raise StartFailed(f"{self.program} ended at once\n{self._log_tail()}")
            time.sleep(0.05)
        raise StartFailed(
            f"{self.program} was not ready after {self.deadline_seconds:.0f} s\n{self._log_tail()}"
        )

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(self.grace_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _log_tail(self, lines: int = 20) -> str:
        text = self.log_path.read_text("utf-8", "replace")
        return "\n".join(text.splitlines()[-lines:])


def _die_with_parent() -> Callable[[], object] | None:
    """A hook for the new process: the kernel kills it when the thread that started it dies."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def find_program(name: str, install: str) -> Path:
    """A program beside this Python, on PATH, or where Debian keeps daemons; raises Missing."""
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    found = shutil.which(name, path=os.pathsep.join([*places, "/usr/sbin", "/sbin"]))
    if not found:
        raise Missing(f"no {name} on this machine: {install}")
    return Path(found)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nothing listens on, all different."""
    found: list[int] = []
    while len(found) < count:
        port = random.choice(_BELOW_EPHEMERAL)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
        found = list(dict.fromkeys(found))
    return found


def http_get(port: int, path: str) -> tuple[int, bytes]:
    """One plain GET on loopback, whatever proxies the environment names."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
