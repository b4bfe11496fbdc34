"""User home: a home directory with files and programs of its own, and nothing of the user's."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

_OTHERS = ("AWS_", "DOCKER_", "REGISTRY_AUTH_FILE", "S3LO_", "XDG_CONFIG_HOME")

_HELPER = """#!{python}
import json, sys
asked = sys.stdin.read()
with open({log!r}, "a") as log:
    log.write(" ".join([*sys.argv[1:], asked]) + chr(10))
kept = {kept!r}
if asked not in kept:
    print("credentials not found in native keychain")
    sys.exit(1)
user, secret = kept[asked]
print(json.dumps({{"ServerURL": asked, "Username": user, "Secret": secret}}))
"""


class UserHome:
    """What is written here is found by this process, and by what it starts."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.programs = root / "bin"
        self.programs.mkdir()
        self._patch = patch
        for name in [name for name in os.environ if name.startswith(_OTHERS)]:
            patch.delenv(name)
        self.set("HOME", root)
        self.set("XDG_RUNTIME_DIR", root / "run")
        self.set("PATH", f"{self.programs}{os.pathsep}{os.environ['PATH']}")
        self.set("AWS_EC2_METADATA_DISABLED", "true")

    def set(self, name: str, value: str | Path) -> None:
        self._patch.setenv(name, str(value))

    def write(self, name: str, content: Any) -> Path:
        """A file below the home: text as it is, anything else as JSON."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    def program(self, name: str, text: str) -> None:
        path = self.write(f"bin/{name}", text)
        path.chmod(0o755)

    def helper(self, name: str, kept: dict[str, tuple[str, str]]) -> None:
        """A credential helper that knows the logins of some servers."""
        log = str(self.root / f"{name}.log")
        self.program(
            f"docker-credential-{name}",
            _HELPER.format(python=sys.executable, log=log, kept=kept),
        )

    def asked(self, name: str) -> list[str]:
        """What a helper was asked, in order."""
        log = self.root / f"{name}.log"
        return log.read_text().splitlines() if log.exists() else []
