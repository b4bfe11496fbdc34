"""REST: one S3 request carried through to its answer: retries, and buckets in other regions."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from s3lo.bucket.region import HEADER, ask_once
from s3lo.bucket.repeats import Outcome, final_answer
from s3lo.model.objects import Endpoint, Request, Response, Wire
from s3lo.model.s3_errors import error_from, is_redirect, is_retryable

_REGION = re.compile(rb"<Region>([a-z0-9-]+)</Region>")


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
        return final_answer(
            partial(self._in_right_region, request),
            self._sleep,
            partial(_is_worth_repeating, request),
        )

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
            return ask_once(self.endpoint.bucket, ca_bundle=self.endpoint.ca_bundle)
        return ""


def succeeded(response: Response, what: str) -> Response:
    """The answer, where it is a success; raises what it stands for where it is not."""
    if 200 <= response.status < 300:
        return response
    raise error_from(response, what)


def _is_worth_repeating(request: Request, response: Response) -> bool:
    if request.method == "GET" and response.status < 300:
        return False  # the body is an object's, and what it looks like means nothing
    return is_retryable(response)
