"""Real servers as context managers: an S3 store, a file server, a Docker daemon, a registry.

Each runs on loopback in a directory of its own, is stopped by its process id and leaves nothing
behind. None needs pytest: the demo and the benchmarks start the same ones.
"""

from tests.servers.dockerd import Dockerd
from tests.servers.nginx import Nginx
from tests.servers.process import Missing, Server, StartFailed, free_ports
from tests.servers.registry import Registry
from tests.servers.seaweed import SeaweedS3
from tests.servers.unruly import Unruly

__all__ = [
    "Dockerd",
    "Missing",
    "Nginx",
    "Registry",
    "SeaweedS3",
    "Server",
    "StartFailed",
    "Unruly",
    "free_ports",
]
