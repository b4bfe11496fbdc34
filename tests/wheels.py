"""Wheels: an image of real Python packages, fetched with pip, unpacked into layers.

    python -m tests.wheels torch --layers 4 --to torch.tar --tag torch:v1

makes a Docker archive of PyTorch and everything it depends on; the tests do the same with smaller
packages.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.images import Image, image_of, layers_from_paths, write_docker_archive
from tests.servers.process import Missing


def download(
    names: Sequence[str],
    directory: Path,
    *,
    dependencies: bool = True,
    platforms: Sequence[str] = (),
) -> list[Path]:
    """The wheels of packages and of what they depend on, largest first; Missing without pip's
    help. Those of other platforms, as pip names them, are taken for this Python's version."""
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--only-binary=:all:", "--dest", str(directory), *names),
        *(() if dependencies else ("--no-deps",)),
        *(f"--platform={platform}" for platform in platforms),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise Missing(f"pip cannot download {', '.join(names)}: {done.stderr.strip()[-500:]}")
    return sorted(directory.glob("*.whl"), key=lambda wheel: (-wheel.stat().st_size, wheel.name))


def image_of_wheels(wheels: Sequence[Path], layers: int, directory: Path) -> Image:
    """Wheels unpacked and dealt out to layers, the next largest to the smallest so far."""
    roots = [directory / f"layer-{number}" for number in range(layers)]
    sizes = dict.fromkeys(roots, 0)
    for wheel in wheels:
        root = min(roots, key=lambda r: sizes[r])
        sizes[root] += wheel.stat().st_size
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(root)
    return image_of(layers_from_paths(directory, roots))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("packages", nargs="+")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--tag", required=True)
    given = parser.parse_args()
    with TemporaryDirectory(prefix="s3lo-wheels-", dir=given.to.absolute().parent) as name:
        directory = Path(name)
        wheels = download(given.packages, directory)
        image = image_of_wheels(wheels, given.layers, directory)
        write_docker_archive(image, given.to, given.tag)


if __name__ == "__main__":
    main()
