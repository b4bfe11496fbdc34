"""Registry: Debian's docker-registry on loopback, keeping its images in files."""

from __future__ import annotations

import json
from pathlib import Path

from tests.servers.process import Server, free_ports, http_get


class Registry(Server):
    """A registry over plain HTTP, open to everyone; images may be deleted."""

    program = "docker-registry"
    install = "apt-get install docker-registry"

    def __init__(self) -> None:
        super().__init__()
        self._port = 0

    @property
    def host(self) -> str:
        """As the first part of an image's name: ``127.0.0.1:PORT``."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def prepare(self, directory: Path) -> list[str]:
        [self._port] = free_ports(1)
        config = directory / "config.yml"
        settings = {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(directory / "data")},
                "delete": {"enabled": True},
            },
            "http": {"addr": self.host},
        }
        config.write_text(json.dumps(settings))  # JSON is YAML
        return ["serve", str(config)]

    def is_ready(self) -> bool:
        status, _ = http_get(self._port, "/v2/")
        return status == 200
