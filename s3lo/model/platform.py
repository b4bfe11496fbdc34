"""Platform: what an image runs on (OCI image spec, image-index.md#image-index-property-descriptions)."""

from __future__ import annotations

import platform as _host

from msgspec import Struct

from s3lo.errors import UsageError

_ARCHITECTURES = {
    "x86_64": "amd64",
    "x86-64": "amd64",
    "aarch64": "arm64",
    "armhf": "arm",
    "armv7l": "arm",
    "i386": "386",
    "i686": "386",
}
_DEFAULT_VARIANTS = {("arm64", ""): "v8", ("arm", ""): "v7"}


class Platform(Struct, frozen=True):
    """An operating system, an architecture and, for ARM, a variant."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Take ``os/architecture[/variant]``; raises UsageError on anything else."""
        fields = text.strip().lower().split("/")
        if len(fields) not in (2, 3) or not all(fields):
            raise UsageError(
                f"{text!r} is not a platform", hint="Write os/architecture[/variant]: linux/arm64."
            )
        fields[1] = _ARCHITECTURES.get(fields[1], fields[1])
        return cls(*fields)

    @classmethod
    def host(cls) -> Platform:
        """The platform of containers on this machine: Linux, with this machine's architecture."""
        machine = _host.machine().lower()
        variant = "v7" if machine == "armv7l" else ""
        return cls("linux", _ARCHITECTURES.get(machine, machine), variant)

    @property
    def is_unknown(self) -> bool:
        """True for ``unknown/unknown``, which marks attestations, never something to run."""
        return self.os == "unknown" or self.architecture == "unknown"

    def satisfies(self, wanted: Platform) -> bool:
        """Whether an image for this platform answers a request for ``wanted``.

        A variant left out means the architecture's usual one (arm64 → v8, arm → v7) when asked
        for, as containerd's platform matcher reads it.
        """
        return (self.os, self.architecture) == (wanted.os, wanted.architecture) and (
            self._variant == wanted._variant
        )

    @property
    def _variant(self) -> str:
        return _DEFAULT_VARIANTS.get((self.architecture, self.variant), self.variant)

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))
