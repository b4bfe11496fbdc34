"""Service: a bucket of a real S3 service as the place that workloads run against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from perf.check import summed
from perf.stock import BUCKET, StockImage
from tests.servers.origin import UploadedObject


@dataclass(frozen=True)
class Service:
    """Where the user wants it to run; the bucket should be one that nothing else lives in."""

    endpoint_url: str
    bucket: str
    region: str


@dataclass(frozen=True)
class ServiceStore:
    """The bucket, reached with the credentials of the environment."""

    service: Service
    image: StockImage
    is_sink: bool
    """Whether runs push to it, and each has to start from nothing."""

    def fill(self) -> None:
        """Upload the image for pulls to find, the tag last and always: all images share it."""
        there = self._sizes()
        for key, path in self._files():
            if key.startswith("manifests/") or there.get(key) != path.stat().st_size:
                self._client.upload_file(str(path), self.service.bucket, key)

    def clear(self) -> None:
        """Delete what pushes of this image made, and nothing else."""
        if self.is_sink:
            for key, _ in self._files():
                self._client.delete_object(Bucket=self.service.bucket, Key=key)

    def requests(self) -> int | None:
        return None

    def refused(self) -> int:
        return 0

    def uploaded(self) -> Mapping[str, UploadedObject]:
        """Read back, since a service's own checksum differs with how an object was uploaded."""
        wanted = [blob.key for blob in self.image.blobs]
        there = self._sizes()
        return {f"{BUCKET}/{key}": self._read(key) for key in wanted if key in there}

    @cached_property
    def _client(self) -> Any:
        import boto3

        return boto3.client(
            "s3", endpoint_url=self.service.endpoint_url, region_name=self.service.region
        )

    def _sizes(self) -> dict[str, int]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.service.bucket)
        return {each["Key"]: each["Size"] for page in pages for each in page.get("Contents", ())}

    def _files(self) -> Iterator[tuple[str, Path]]:
        """Key and file of each object of the image, the tag last."""
        served = self.image.root / BUCKET
        paths = [path for path in sorted(served.rglob("*")) if path.is_file()]
        for path in paths:
            yield str(path.relative_to(served)), path

    def _read(self, key: str) -> UploadedObject:
        body = self._client.get_object(Bucket=self.service.bucket, Key=key)["Body"]
        return summed(body.read)
