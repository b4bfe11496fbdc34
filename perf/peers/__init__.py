"""Peers: what a user could take instead of s3lo, one module each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from perf.contender import Contender
from perf.peers.docker import Docker
from perf.peers.floor import Floor
from perf.peers.python import PythonPeer
from perf.peers.rclone import Rclone
from perf.peers.s5cmd import S5cmd
from perf.peers.skopeo import Skopeo

_ALL: tuple[Contender, ...] = (
    PythonPeer("awscrt", "awscrt", "awscrt_client", ("100",)),
    # The target of its own: the faster one where connections are not what limits.
    PythonPeer("awscrt-10", "awscrt", "awscrt_client", ("10",)),
    PythonPeer("boto3", "boto3", "boto3_client"),
    PythonPeer("boto3-crt", "boto3", "boto3_crt_client"),
    S5cmd(),
    Rclone(),
    PythonPeer("obstore", "obstore", "obstore_client"),
    Floor(),
    Skopeo(),
    Docker(),
    # At their defaults.
    PythonPeer("awscrt-default", "awscrt", "awscrt_client"),
    PythonPeer("boto3-default", "boto3", "boto3_default_client"),
    S5cmd("s5cmd-default", ()),
    Rclone("rclone-default", is_tuned=False),
    PythonPeer("obstore-default", "obstore", "obstore_default_client"),
)

PEERS: Mapping[str, Contender] = MappingProxyType({peer.name: peer for peer in _ALL})
