"""Setting: what surrounds the runs of a workload: an origin, a network, a registry, a daemon."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

from perf.check import check_loaded, check_pulled, check_pushed
from perf.contender import Job
from perf.service import Service, ServiceStore
from perf.steady_memory import steady_memory
from perf.stock import BUCKET, IMAGE, StockImage
from perf.workload import LinkLimits, OriginLimits, Workload
from s3lo.cli.options import size
from s3lo.cpus import usable_cpus
from tests.servers import Dockerd, Nginx, Origin, OriginOptions, Registry
from tests.servers.link import Link
from tests.servers.origin import UploadedObject
from tests.servers.process import find_program

REGION = "us-east-1"
_FROM_REGISTRY = frozenset({"skopeo", "docker"})


class Store(Protocol):
    """What the setting asks of the place that the bytes come from or go to."""

    def clear(self) -> None:
        """Forget what was uploaded, and what was counted."""

    def requests(self) -> int | None:
        """Since it was last cleared; None where nobody counts."""

    def refused(self) -> int:
        """Of these, what was answered with 503."""

    def uploaded(self) -> Mapping[str, UploadedObject]: ...


@dataclass(frozen=True)
class Setting:
    """Ready for runs; one at a time."""

    workload: Workload
    image: StockImage
    job: Job
    """Of one client; its ``out`` is given by each run."""
    store: Store
    env: Mapping[str, str]
    prefix: tuple[str, ...] = ()
    """Before each command: where in the network it runs."""
    dockerd: Dockerd | None = None
    """Works for the contenders, and begins anew before each run."""
    outs: tuple[Path, ...] = field(default=())

    def jobs(self) -> list[Job]:
        return [replace(self.job, out=str(out)) for out in self.outs]

    def prepare(self) -> None:
        """Make everything as it was before the first run; dirty pages are written out, so that no
        run pays for the one before."""
        for out in self.outs:
            shutil.rmtree(out, ignore_errors=True)
        if self.dockerd:
            self.dockerd.renew()
        os.sync()
        self.store.clear()

    @property
    def daemons(self) -> tuple[int, ...]:
        """Processes that work for the contenders."""
        return (self.dockerd.pid,) if self.dockerd else ()

    def check(self) -> None:
        """Raise WrongResult unless the run that just ended did the whole job."""
        if self.workload.action == "push":
            check_pushed(self.store.uploaded(), self.image)
        elif self.job.docker_host:
            check_loaded(self.job.docker_host, self.image)
        else:
            for out in self.outs:
                check_pulled(out, self.image)

    @property
    def checked(self) -> str:
        """What ``check`` does, in words."""
        if self.workload.action == "push":
            return "size and CRC-32C of every object, counted as it came in"
        if self.job.docker_host:
            return "image id and layer ids in the daemon"
        return "every byte of every blob"


@contextmanager
def scratch_directory(parent: Path) -> Iterator[Path]:
    """Where the runs of one workload write."""
    name = tempfile.TemporaryDirectory(prefix="s3lo-perf-", dir=parent, ignore_cleanup_errors=True)
    with name as directory:
        yield Path(directory)


@contextmanager
def own_setting(workload: Workload, image: StockImage, scratch: Path) -> Iterator[Setting]:
    """An origin of our own; raises Missing where a part of it cannot run."""
    with ExitStack() as stack:
        stack.enter_context(steady_memory(image, workload.clients))
        link = stack.enter_context(_link(workload.link)) if workload.link else None
        origin = _server(workload, image, link)
        stack.enter_context(origin)
        registry = dockerd = None
        if _FROM_REGISTRY & set(workload.contenders):
            registry = stack.enter_context(Registry())
            _fill(registry, image)
        if workload.to == "docker":
            dockerd = stack.enter_context(Dockerd(on_disk_of_its_own=True))
        job = replace(
            job_for(workload.action, image, origin.url, verified=workload.verified),
            ca_bundle=str(origin.ca_bundle) if origin.ca_bundle else None,
            registry_image=f"{registry.host}/{IMAGE}" if registry else None,
            docker_host=dockerd.host if dockerd else None,
        )
        yield Setting(
            workload=workload,
            image=image,
            job=job,
            store=_OriginStore(origin) if isinstance(origin, Origin) else _Files(),
            env=own_environment(),
            prefix=link.near if link else (),
            dockerd=dockerd,
            outs=_outs(workload, scratch),
        )


@contextmanager
def service_setting(
    workload: Workload, image: StockImage, scratch: Path, service: Service
) -> Iterator[Setting]:
    """A bucket of a real service, with the user's own credentials."""
    store = ServiceStore(service, image, is_sink=workload.action == "push")
    if workload.action == "pull":
        store.fill()
    job = job_for(workload.action, image, service.endpoint_url, verified=workload.verified)
    with steady_memory(image, workload.clients):
        yield Setting(
            workload=workload,
            image=image,
            job=replace(job, bucket=service.bucket, region=service.region),
            store=store,
            env=dict(os.environ),
            outs=_outs(workload, scratch),
        )


def job_for(
    action: Literal["pull", "push"], image: StockImage, endpoint_url: str, *, verified: bool
) -> Job:
    """The job of one client against an origin of our own, but for where a pull writes."""
    return Job(
        action=action,
        verified=verified,
        endpoint_url=endpoint_url,
        bucket=BUCKET,
        region=REGION,
        image=IMAGE,
        blobs=image.blobs,
        layout=str(image.layout),
        out="",
        cpus=usable_cpus(),
    )


def _outs(workload: Workload, scratch: Path) -> tuple[Path, ...]:
    return tuple(scratch / f"out-{number}" for number in range(workload.clients))


def own_environment() -> dict[str, str]:
    """For commands that meet an origin of our own."""
    return _environment({"AWS_ACCESS_KEY_ID": "perf", "AWS_SECRET_ACCESS_KEY": "perf"})


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """This process's, without a user's own settings; Python may keep its bytecode."""
    left_out = ("AWS_", "S3LO_", "RCLONE_", "S5CMD_", "PYTHONDONTWRITEBYTECODE")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(left_out)}
    return {
        **{k: v for k, v in kept.items() if not k.lower().endswith("_proxy")},
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_REGION": REGION,
        **variables,
    }


def _link(limits: LinkLimits) -> Link:
    return Link(limits.gbit_s, limits.round_trip_seconds)


def _server(workload: Workload, image: StockImage, link: Link | None) -> Origin | Nginx:
    if workload.server == "nginx":
        return Nginx(image.root, tls=workload.origin.tls)
    options = origin_options(workload.origin)
    # A pushed image is served by nobody: the sink starts empty.
    root = image.root if workload.action == "pull" else image.root.parent / "nothing"
    root.mkdir(exist_ok=True)
    if link is None:
        return Origin(root, options)
    return Origin(root, options, address=link.far_address, inside=link.far)


def origin_options(limits: OriginLimits) -> OriginOptions:
    return OriginOptions(
        connection_bytes_per_second=_rate(limits.connection_rate),
        requests_per_second=limits.requests_per_second,
        first_byte_seconds=limits.first_byte_seconds,
        refused_share=limits.refused_share,
        reset_share=limits.reset_share,
        stalls=limits.stalls,
        tls=limits.tls,
    )


def _rate(text: str) -> int:
    return size(text) if text else 0


def _fill(registry: Registry, image: StockImage) -> None:
    """Put the image into a registry, its blobs as they are."""
    skopeo = find_program("skopeo", "apt-get install skopeo")
    source, target = f"oci:{image.layout}", f"docker://{registry.host}/{IMAGE}"
    command = [str(skopeo), "copy", "--quiet", "--dest-tls-verify=false", source, target]
    subprocess.run(command, check=True)


@dataclass(frozen=True)
class _OriginStore:
    """Our origin, which counts."""

    origin: Origin

    def clear(self) -> None:
        self.origin.clear()

    def requests(self) -> int | None:
        return self.origin.counters().requests_total

    def refused(self) -> int:
        return self.origin.counters().refused

    def uploaded(self) -> Mapping[str, UploadedObject]:
        return self.origin.objects()


class _Files:
    """What a server of files is as a store: it counts nothing and takes nothing."""

    def clear(self) -> None:
        pass

    def requests(self) -> int | None:
        return None

    def refused(self) -> int:
        return 0

    def uploaded(self) -> Mapping[str, UploadedObject]:
        return {}
