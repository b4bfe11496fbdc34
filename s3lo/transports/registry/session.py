"""Session: requests to one repository of a registry, carried through to their answers: logging in,
redirects, and patience."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import TypeVar
from urllib.parse import urljoin

from msgspec import Struct

from s3lo.errors import IntegrityError
from s3lo.events import Note, Observer
from s3lo.model.registry_reference import RegistryReference
from s3lo.transports.registry.authorization import Authorization
from s3lo.transports.registry.certs import context_for
from s3lo.transports.registry.challenge import parse_challenges
from s3lo.transports.registry.failures import refused
from s3lo.transports.registry.home import find_home
from s3lo.transports.registry.http import Answer, Headers, Http
from s3lo.transports.registry.options import RegistryOptions
from s3lo.transports.registry.passing import Passing, wait_seconds
from s3lo.transports.registry.redirects import follow, origin
from s3lo.transports.registry.tokens import TokenServer
from s3lo.transports.registry.watch import Watch

_ROUNDS = 3
"""A request is sent once as it stands, once with what it was asked for, and once with a wider scope."""
_TOLD_FROM_SECONDS = 5.0
"""A wait that a person would wonder about."""
_NO_HEAD = (405, 501)
"""How servers answer that do not know the method."""

T = TypeVar("T")


class Reply(Struct, frozen=True):
    """An answer with all of its body."""

    status: int
    headers: Headers
    body: bytes
    url: str


class Session:
    """For any thread. What it raises is final: it was patient before."""

    def __init__(
        self,
        reference: RegistryReference,
        options: RegistryOptions,
        observer: Observer,
        watch: Watch,
    ) -> None:
        self.registry = reference.host
        self.repository = reference.repository
        self._insecure = options.insecure
        self._observer = observer
        self._watch = watch
        context = context_for(reference.host, options.ca_bundle, insecure=options.insecure)
        self._http = Http(context, watch)
        server = TokenServer(self._http, reference.host, insecure=options.insecure)
        scope = f"repository:{reference.repository}:pull"
        self._authorization = Authorization(server, scope, options.login)
        self._lock = threading.Lock()
        self._telling = threading.Lock()
        self._home = ""
        self._not_before = float("-inf")

    def fetch(
        self,
        path: str,
        what: str,
        *,
        accept: str = "",
        most_bytes: int,
        also: tuple[int, ...] = (),
    ) -> Reply:
        """The answer for a path of the repository, or a URL in an earlier answer, and its body.

        Raises what an answer stands for that is neither 200 nor among ``also``, and IntegrityError
        for a body of more than ``most_bytes``.
        """

        def attempt() -> Reply:
            headers = {"Accept": accept} if accept else {}
            with closing(self._ask(self._url(path), headers)) as answer:
                if answer.status in also:
                    return Reply(answer.status, answer.headers, b"", answer.url)
                if answer.status != 200:
                    raise refused(answer, what, self.registry)
                too_many = f"{what} has more than {most_bytes} bytes, as {answer.host} sends it"
                if (answer.body_bytes or 0) > most_bytes:
                    answer.abandon()
                    raise IntegrityError(too_many)
                body = answer.read_up_to(most_bytes + 1)
                if len(body) > most_bytes:
                    answer.abandon()
                    raise IntegrityError(too_many)
                return Reply(answer.status, answer.headers, body, answer.url)

        return self.patiently(attempt, what)

    def has(self, path: str, what: str, *, accept: str) -> bool:
        """Whether there may be something: an answer without its body, which costs no pull where these
        are counted. Raises what an answer stands for that tells neither."""

        def attempt() -> bool:
            with closing(self._ask(self._url(path), {"Accept": accept}, "HEAD")) as answer:
                if answer.status in (200, 404, *_NO_HEAD):
                    return answer.status != 404
                raise refused(answer, what, self.registry)

        return self.patiently(attempt, what)

    def open(self, path: str, headers: Headers) -> Answer:
        """An answer whose body is still to come, whatever its status; raises Passing: it is asked for
        within ``patiently``."""
        return self._ask(self._url(path), headers)

    def open_elsewhere(self, url: str, headers: Headers) -> Answer:
        """The same of a URL that a redirect has led to: nothing is shown there."""
        return follow(lambda target: self._http.send("GET", target, headers), url)

    def patiently(self, attempt: Callable[[], T], what: str) -> T:
        """The result of the first attempt that does not raise Passing; raises the error of the last."""
        waited_seconds = 0.0
        failures = 0
        while True:
            self._hold_back()
            try:
                return attempt()
            except Passing as passing:
                failures += 1
                seconds = wait_seconds(failures, passing, waited_seconds)
                if seconds is None:
                    raise passing.error from passing
                if passing.asked_seconds is not None:
                    waited_seconds += passing.asked_seconds
                    self._hold_all_back(passing.asked_seconds)
                self._tell(passing, seconds, what)
            self._watch.sleep(seconds)

    def note(self, text: str, level: int = 1) -> None:
        with self._telling:
            self._observer(Note(text, level))

    def sleep(self, seconds: float) -> None:
        """Raises Interrupted where it is cancelled."""
        self._watch.sleep(seconds)

    def close(self) -> None:
        self._watch.close()
        self._http.close()

    def _ask(self, url: str, headers: Headers, method: str = "GET") -> Answer:
        """An answer that is neither a redirect nor a question for the login that has an answer."""
        home = origin(self.home())
        shown = self._authorization.headers()

        def send(target: str) -> Answer:
            more = shown if origin(target) == home else {}
            return self._http.send(method, target, {**headers, **more})

        for turn in range(_ROUNDS):
            answer = follow(send, url)
            is_ours = origin(answer.url) == home
            if answer.status not in (401, 403) or not is_ours or turn == _ROUNDS - 1:
                break
            try:
                better = self._better_than(shown, answer, is_fresh=turn > 0)
            except BaseException:
                answer.abandon()
                raise
            if better is None:
                break
            answer.close()
            shown = better
        return answer

    def _better_than(self, shown: Headers, answer: Answer, *, is_fresh: bool) -> Headers | None:
        challenges = parse_challenges(answer.headers.get("www-authenticate", ""))
        return self._authorization.answer(challenges, shown, is_fresh=is_fresh)

    def _url(self, path: str) -> str:
        return urljoin(f"{self.home()}/v2/{self.repository}/", path)

    def home(self) -> str:
        """The registry's own address, which may have to be found first; raises Passing."""
        with self._lock:
            if not self._home:
                self._home = find_home(self._http, self.registry, insecure=self._insecure)
            return self._home

    def _hold_all_back(self, seconds: float) -> None:
        """What one request was asked is meant for every one."""
        with self._lock:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def _hold_back(self) -> None:
        """Ask for nothing while the registry wants none of us to."""
        if (seconds := self._not_before - time.monotonic()) > 0:
            self._watch.sleep(seconds)

    def _tell(self, passing: Passing, seconds: float, what: str) -> None:
        level = 0 if seconds >= _TOLD_FROM_SECONDS else 1
        again = f"{passing.error.message}: asking for {what} again in {seconds:.1f} s"
        self.note(again, level)
