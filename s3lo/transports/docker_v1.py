"""Docker v1 ids: what ``docker save`` calls the layers of an image before Docker 25.

Each lies in ``<v1 id>/layer.tar``, and nothing before the end of the archive says which one it is.
But a v1 id follows from the layers below it: it is the SHA-256 of a v1 image config that has the
chain id, the parent's v1 id and nothing else (moby, image/v1/imagev1.go and
image/tarexport/save.go). Only the topmost has more in it, the image's own config.

Source of the chain id: OCI image spec, config.md#layer-chainid.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any

from s3lo.model.digest import Digest
from s3lo.model.documents import encode

_LAYER = re.compile(r"([0-9a-f]{64})/layer\.tar\Z")

_NO_CONFIG: dict[str, Any] = {
    "Hostname": "",
    "Domainname": "",
    "User": "",
    "AttachStdin": False,
    "AttachStdout": False,
    "AttachStderr": False,
    "Tty": False,
    "OpenStdin": False,
    "StdinOnce": False,
    "Env": None,
    "Cmd": None,
    "Image": "",
    "Volumes": None,
    "WorkingDir": "",
    "Entrypoint": None,
    "OnBuild": None,
    "Labels": None,
}
"""Go's zero value of a container's config, its fields in their order."""


def chain_ids(diff_ids: Sequence[Digest]) -> list[Digest]:
    """What each layer makes of those below it, bottom first."""
    chain: list[Digest] = []
    for diff_id in diff_ids:
        chain.append(Digest.of(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return chain


def v1_ids(diff_ids: Sequence[Digest]) -> list[str]:
    """The ids, in hex, of all layers but the topmost, bottom first."""
    ids: list[str] = []
    for chain in chain_ids(diff_ids[:-1]):
        config = {"container_config": _NO_CONFIG, "created": "1970-01-01T00:00:00Z"}
        parent = {"parent": f"sha256:{ids[-1]}"} if ids else {}
        body = encode({**config, "layer_id": str(chain), **parent})
        ids.append(hashlib.sha256(body).hexdigest())
    return ids


def layer_namer(diff_ids: Sequence[Digest]) -> Callable[[str], Digest | None]:
    """Tells by its name which layer a member of the archive should be; None where it is none.

    What is no layer below the topmost is taken for that one. It is what should be there, not what
    is: content has to be hashed.
    """
    known = dict(zip(v1_ids(diff_ids), diff_ids, strict=False))

    def name(member: str) -> Digest | None:
        matched = _LAYER.match(member)
        return known.get(matched[1], diff_ids[-1]) if matched and diff_ids else None

    return name
