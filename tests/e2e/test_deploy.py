"""What ``deploy/`` has for a fleet: the script brings images, and says which it could not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.images import sized_image, write_oci_layout
from tests.servers import Dockerd

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture
def environment(aws_env: dict[str, str], dockerd: Dockerd, tmp_path: Path) -> dict[str, str]:
    """With ``s3lo`` on the path, and a lock of this test's own."""
    return {
        **os.environ,
        **aws_env,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "DOCKER_HOST": dockerd.host,
        "S3LO_FLEET_ENV": str(tmp_path / "fleet.env"),
        "S3LO_FLEET_LOCK": str(tmp_path / "lock"),
    }


def _run(environment: dict[str, str], settings: str) -> subprocess.CompletedProcess[str]:
    Path(environment["S3LO_FLEET_ENV"]).write_text(settings)
    script = [str(DEPLOY / "s3lo-fleet.sh")]
    return subprocess.run(script, env=environment, check=False, capture_output=True, text=True)


def test_every_image_that_is_there_is_brought_and_the_other_named(
    environment: dict[str, str], bucket: str, tmp_path: Path
) -> None:
    image = sized_image(tmp_path, (100_000,), seed=77)
    write_oci_layout(image, tmp_path / "source")
    push = ["s3lo", "push", f"oci:{tmp_path / 'source'}", f"s3://{bucket}/fleet:v1", "--quiet"]
    subprocess.run(push, env=environment, check=True)
    images = f'IMAGES="s3://{bucket}/absent:v1 s3://{bucket}/fleet:v1"\n'
    done = _run(environment, images)
    assert done.returncode == 0, done.stderr
    assert f"s3lo-fleet: s3://{bucket}/absent:v1 was not brought (exit status 3)" in done.stderr
    inspect = ["docker", "image", "inspect", "--format", "{{.Id}}", "fleet:v1"]
    shown = subprocess.run(inspect, env=environment, check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == image.id
    assert _run(environment, f"{images}REQUIRED=yes\n").returncode == 3


def test_settings_that_make_no_sense_are_refused(environment: dict[str, str]) -> None:
    assert _run(environment, "").returncode != 0
    done = _run(environment, "IMAGES=s3://bucket/x:v1\nRUNTIME=podman\nREQUIRED=yes\n")
    assert done.returncode == 2
    assert "podman" in done.stderr


def test_the_daemonset_is_well_formed_and_its_settings_are_the_scripts(
    environment: dict[str, str],
) -> None:
    config, daemonset = yaml.safe_load_all((DEPLOY / "kubernetes-daemonset.yaml").read_text())
    pod = daemonset["spec"]["template"]["spec"]
    mounted = {volume["name"] for volume in pod["volumes"]}
    used = {mount["name"] for mount in pod["initContainers"][0]["volumeMounts"]}
    assert used == mounted
    assert daemonset["spec"]["selector"]["matchLabels"].items() <= (
        daemonset["spec"]["template"]["metadata"]["labels"].items()
    )
    Path(environment["S3LO_FLEET_ENV"]).write_text(config["data"]["fleet.env"])
    shown = ["sh", "-c", '. "$S3LO_FLEET_ENV" && echo "$IMAGES $RUNTIME $REQUIRED"']
    done = subprocess.run(shown, env=environment, check=True, capture_output=True, text=True)
    assert done.stdout == "s3://my-bucket/vllm:v3 containerd yes\n"
