"""Demo: a real image of this machine's files, pushed to a real S3 service and pulled back.

    python -m tests.demo [--megabytes 400]

It runs the installed s3lo command as a user would, needs no account, no root and no daemon (with a
Docker daemon it also pulls into that), and leaves nothing behind, also when it fails or is stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.images import Image, image_of, layers_from_paths, write_oci_layout
from tests.servers import Missing, SeaweedS3, StartFailed

REFERENCE = "s3://s3lo-demo/this-machine:v1"
DOCKER_TAG = f"s3lo-demo:{os.getpid()}"
_ROOTS = ("/usr/lib", "/usr/share", "/usr/bin")


class Failed(Exception):
    """The demo did not show what it should."""


@dataclass(frozen=True)
class Command:
    """The installed s3lo command, with the environment that leads it to the demo's S3 service."""

    program: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> dict[str, Any]:
        """Run a verb and give its result; its progress is shown as it is."""
        print(f"\n$ s3lo {' '.join(arguments)}", flush=True)
        process = subprocess.Popen(
            [self.program, *arguments, "-o", "json"],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            # A Ctrl+C is for the demo, which then ends the command: two signals would end it at
            # once, before it has cleaned up.
            start_new_session=True,
        )
        try:
            stdout, _ = process.communicate()
        except BaseException:
            _end(process)
            raise
        if process.returncode != 0:
            raise Failed(f"s3lo {arguments[0]} ended with status {process.returncode}")
        result: dict[str, Any] = json.loads(stdout)
        return result


def _end(process: subprocess.Popen[str]) -> None:
    """Let a command that is being left clean up after itself."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> int:
    """Run the demo and give its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.demo", description="A demo of s3lo.")
    parser.add_argument("--megabytes", type=int, default=400, help="the image's size, about")
    limit_bytes = parser.parse_args().megabytes * 1_000_000
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        with ExitStack() as stack:
            _show(stack, limit_bytes)
    except (Failed, Missing, StartFailed) as problem:
        print(f"\nThe demo failed: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; nothing is left behind.", file=sys.stderr)
        return 130
    return 0


def _show(stack: ExitStack, limit_bytes: int) -> None:
    work = Path(stack.enter_context(TemporaryDirectory(prefix="s3lo-demo-")))
    image = _make_image(work, limit_bytes)
    store = stack.enter_context(SeaweedS3())
    store.create_bucket("s3lo-demo")
    print(f"A real S3 service (SeaweedFS) listens on {store.endpoint_url}")
    command = Command(_program(), _environment(store, work))

    pushed = command.run("push", f"oci:{work / 'image'}", REFERENCE)
    _tell(pushed, moved=pushed["bytes_uploaded"])
    again = command.run("push", f"oci:{work / 'image'}", REFERENCE)
    _tell(again, moved=again["bytes_uploaded"])
    pulled = command.run("pull", REFERENCE, "--to", f"oci:{work / 'pulled'}")
    _tell(pulled, moved=pulled["bytes_transferred"])

    print()
    _compare("manifest pushed and pulled", pushed["digest"], pulled["digest"])
    _compare("image made and pulled", image.id, _config_digest(work / "pulled", pulled["digest"]))
    _into_docker(command, image)


def _make_image(work: Path, limit_bytes: int) -> Image:
    started_at = time.monotonic()
    roots = [Path(sysconfig.get_path("stdlib")), *map(Path, _ROOTS)]
    layers = layers_from_paths(work, roots, limit_bytes // len(roots))
    image = image_of(layers)
    write_oci_layout(image, work / "image", compress=False)
    for layer in layers:
        layer.path.unlink()
    total = sum(layer.size for layer in layers) / 1e6
    print(
        f"An image of this machine's files: {len(layers)} layers, {total:.0f} MB, made in"
        f" {time.monotonic() - started_at:.1f} s, uncompressed"
    )
    return image


def _program() -> Path:
    """The command beside this Python."""
    program = Path(sys.executable).with_name("s3lo")
    if not program.exists():
        raise Missing(f"no s3lo command beside {sys.executable}: pip install -e '.[test]'")
    return program


def _environment(store: SeaweedS3, work: Path) -> dict[str, str]:
    """This environment without the user's own settings for S3."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "S3LO_"))}
    return {**kept, **store.env(), "TMPDIR": str(work)}


def _tell(result: Mapping[str, Any], moved: int) -> None:
    """What moved, how fast, and what the engine made of this machine."""
    engine, seconds = result["engine"], result["seconds"]
    speed = moved * 8 / 1e9 / max(seconds, 0.001)
    print(f"  {len(result['blobs'])} blobs of {result['bytes'] / 1e6:.1f} MB in all")
    how = f"{moved / 1e6:.1f} MB" if moved else "nothing: it is all there"
    print(f"  moved {how}, {seconds:.2f} s ({speed:.2f} Gbit/s, all phases)")
    if phases := result.get("phases"):
        print("  " + ", ".join(f"{name} {took:.2f} s" for name, took in phases.items()))
    print(
        f"  engine: {engine['mode']}, {engine['processes']} worker processes,"
        f" {engine['max_in_flight_reached']} parts in flight at most,"
        f" {engine['peak_rss_bytes'] / 1e6:.0f} MB of memory at most"
    )


def _compare(what: str, one: str, other: str) -> None:
    if one != other:
        raise Failed(f"{what} differ: {one} and {other}")
    print(f"  same {what}: {one}")


def _config_digest(layout: Path, manifest_digest: str) -> str:
    """The image id of what was pulled, read from the layout without s3lo."""
    algorithm, _, encoded = manifest_digest.partition(":")
    manifest = json.loads((layout / "blobs" / algorithm / encoded).read_bytes())
    return str(manifest["config"]["digest"])


def _into_docker(command: Command, image: Image) -> None:
    with _docker() as daemon:
        if daemon is None:
            print("  no Docker daemon answers, so nothing is pulled into one")
            return
        try:
            pulled = command.run("pull", REFERENCE, DOCKER_TAG, "--to", "docker")
            _tell(pulled, moved=pulled["bytes_transferred"])
            print()
            # A daemon with containerd's image store calls an image by its manifest.
            found = daemon.images.get(DOCKER_TAG).id
            expected = pulled["digest"] if found == pulled["digest"] else image.id
            _compare("image in Docker", expected, found)
        finally:
            from docker.errors import DockerException

            with suppress(DockerException):
                daemon.images.remove(DOCKER_TAG, force=True)


@contextmanager
def _docker() -> Iterator[Any]:
    """A client of the daemon that this user's environment names; None where none answers."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=60)
    except DockerException:
        yield None
        return
    try:
        try:
            client.ping()
        except (DockerException, OSError):
            yield None
            return
        yield client
    finally:
        client.close()


if __name__ == "__main__":
    sys.exit(main())
