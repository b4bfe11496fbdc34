"""REST: one S3 request carried through to its answer: retries, and buckets in other regions."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from s3lo.backoff import Patience
from s3lo.bucket.region import HEADER, discover
from s3lo.errors import ServiceError
from s3lo.model.objects import Endpoint, Request, Response, Wire
from s3lo.model.s3_errors import (
    UntrustedEndpoint,
    error_from,
    is_redirect,
    is_retryable,
    is_throttled,
)

_REGION = re.compile(rb"<Region>([a-z0-9-]+)</Region>")


class Outcome(Struct, frozen=True):
    """The final answer, and whether an earlier attempt may have been carried out unseen."""

    response: Response
    is_repeat: bool


class Rest:
    """Sends requests to one bucket over a wire. May be used from several threads."""

    def __init__(
        self, endpoint: Endpoint, wire: Wire, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.endpoint = endpoint
        """Where the bucket really is: its region is corrected when S3 says so."""
        self._wire = wire
        self._sleep = sleep
        self._lock = threading.Lock()

    def send(self, request: Request) -> Outcome:
        """The answer, a failure included; raises ServiceError where none comes however often it is
        asked."""
        patience = Patience()
        is_repeat = False
        while True:
            try:
                response = self._in_right_region(request)
            except UntrustedEndpoint:
                raise
            except ServiceError:
                delay_seconds = patience.after_failure()
                if delay_seconds is None:
                    raise
            else:
                delay_seconds = _delay_seconds(request, response, patience)
                if delay_seconds is None:
                    return Outcome(response, is_repeat)
            is_repeat = True
            self._sleep(delay_seconds)

    def expect(self, request: Request, what: str) -> Response:
        """The answer where it is a success; raises what it stands for where it is not."""
        return succeeded(self.send(request).response, what)

    def close(self) -> None:
        self._wire.close()

    def _in_right_region(self, request: Request) -> Response:
        asked = self.endpoint.region
        response = self._wire.send(request)
        region = self._named_region(response)
        if region in ("", asked):
            return response
        with self._lock:
            if region != self.endpoint.region:  # else another thread was sent there just now
                self.endpoint = replace(self.endpoint, region=region)
                self._wire.set_region(region)
        return self._wire.send(request)

    def _named_region(self, response: Response) -> str:
        """The region that an answer sends us to; empty where it does not.

        A HEAD is refused for its region with a bare 400: only the header tells why. The body of a
        success is an object's, whatever it looks like.
        """
        if response.status < 300:
            return ""
        if not is_redirect(response) and response.status != 400:
            return ""
        if region := response.headers.get(HEADER, ""):
            return region
        if found := _REGION.search(response.body):
            return found.group(1).decode()
        if is_redirect(response) and not self.endpoint.url:
            return discover(self.endpoint.bucket, ca_bundle=self.endpoint.ca_bundle)
        return ""


def succeeded(response: Response, what: str) -> Response:
    """The answer, where it is a success; raises what it stands for where it is not."""
    if 200 <= response.status < 300:
        return response
    raise error_from(response, what)


def _delay_seconds(request: Request, response: Response, patience: Patience) -> float | None:
    """How long to wait before the request is sent once more; None where this answer is the last."""
    if not _is_worth_repeating(request, response):
        return None
    return patience.after_refusal() if is_throttled(response) else patience.after_failure()


def _is_worth_repeating(request: Request, response: Response) -> bool:
    if request.method == "GET" and response.status < 300:
        return False  # the body is an object's, and what it looks like means nothing
    return is_retryable(response)
