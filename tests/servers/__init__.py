"""Real servers as context managers: S3 services, a file server, a Docker daemon, a registry.

Each runs on loopback in a directory of its own, is stopped by its process id and leaves nothing
behind. None needs pytest: the demo and the benchmarks start the same ones.
"""

from tests.servers.containerd import Containerd
from tests.servers.dockerd import Dockerd
from tests.servers.nginx import Nginx
from tests.servers.origin import Origin, OriginCounters, OriginOptions, UploadedObject
from tests.servers.process import Missing, Server, StartFailed, free_ports
from tests.servers.registry import Registry
from tests.servers.seaweed import SeaweedS3
from tests.servers.unruly import Unruly

__all__ = [
    "Containerd",
    "Dockerd",
    "Missing",
    "Nginx",
    "Origin",
    "OriginCounters",
    "OriginOptions",
    "Registry",
    "SeaweedS3",
    "Server",
    "StartFailed",
    "Unruly",
    "UploadedObject",
    "free_ports",
]
