"""An S3 store whose service answers as a test says, over each wire."""

from __future__ import annotations

from dataclasses import dataclass

from s3lo.bucket.s3 import S3Store
from s3lo.model.objects import Credentials, Endpoint, Wire
from tests.servers.answering import Answering

WIRES = ("boto", "native", "sockets")


@dataclass
class AnsweredStore:
    by: Answering
    store: S3Store
    slept: list[float]


def endpoint_of(answering: Answering) -> Endpoint:
    return Endpoint("bucket", "us-east-1", answering.url, path_style=True)


def wire(kind: str, endpoint: Endpoint, credentials: Credentials | None) -> Wire:
    if kind == "native":
        from s3lo.engine.crt.wire import NativeWire

        return NativeWire(endpoint, lambda: credentials)
    if kind == "sockets":
        from s3lo.engine.sockets.wire import SocketWire

        return SocketWire(endpoint, lambda: credentials)
    from s3lo.bucket.boto_wire import BotoWire

    return BotoWire(endpoint, lambda: credentials)
