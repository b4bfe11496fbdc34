"""s3lo keeps container images in an S3 bucket or a local directory and moves them fast.

    import s3lo
    result = s3lo.pull("s3://bucket/app:v1", to="oci:app")

Importing this package loads nothing; each name is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from s3lo.bucket.options import ConnectionOptions as ConnectionOptions
    from s3lo.bucket.options import StorageOptions as StorageOptions
    from s3lo.engine.options import EngineOptions as EngineOptions
    from s3lo.errors import S3loError as S3loError
    from s3lo.operations.clean import clean as clean
    from s3lo.operations.config import ConfigResult as ConfigResult
    from s3lo.operations.config import get_config as get_config
    from s3lo.operations.config import set_config as set_config
    from s3lo.operations.copy import CopyOptions as CopyOptions
    from s3lo.operations.copy import copy as copy
    from s3lo.operations.copy import copy_all as copy_all
    from s3lo.operations.copy import copy_tags as copy_tags
    from s3lo.operations.copying.pairs import parse_copy_list as parse_copy_list
    from s3lo.operations.delete import delete as delete
    from s3lo.operations.doctor import doctor as doctor
    from s3lo.operations.examining.diagnosis import DoctorResult as DoctorResult
    from s3lo.operations.inspect import inspect as inspect
    from s3lo.operations.inspect import read_manifest as read_manifest
    from s3lo.operations.list import list_tags as list_tags
    from s3lo.operations.pull import pull as pull
    from s3lo.operations.push import push as push
    from s3lo.operations.results import CleanResult as CleanResult
    from s3lo.operations.results import CopiesResult as CopiesResult
    from s3lo.operations.results import CopyResult as CopyResult
    from s3lo.operations.results import DeleteResult as DeleteResult
    from s3lo.operations.results import InspectResult as InspectResult
    from s3lo.operations.results import ListedTag as ListedTag
    from s3lo.operations.results import PullResult as PullResult
    from s3lo.operations.results import PushResult as PushResult
    from s3lo.operations.results import StatsResult as StatsResult
    from s3lo.operations.results import TuneResult as TuneResult
    from s3lo.operations.stats import stats as stats
    from s3lo.operations.tune import tune as tune

__version__ = "0.1.0"

_HOMES = {
    "CleanResult": "s3lo.operations.results",
    "ConfigResult": "s3lo.operations.config",
    "ConnectionOptions": "s3lo.bucket.options",
    "CopiesResult": "s3lo.operations.results",
    "CopyOptions": "s3lo.operations.copy",
    "CopyResult": "s3lo.operations.results",
    "DeleteResult": "s3lo.operations.results",
    "DoctorResult": "s3lo.operations.examining.diagnosis",
    "EngineOptions": "s3lo.engine.options",
    "InspectResult": "s3lo.operations.results",
    "ListedTag": "s3lo.operations.results",
    "PullResult": "s3lo.operations.results",
    "PushResult": "s3lo.operations.results",
    "S3loError": "s3lo.errors",
    "StatsResult": "s3lo.operations.results",
    "StorageOptions": "s3lo.bucket.options",
    "TuneResult": "s3lo.operations.results",
    "copy": "s3lo.operations.copy",
    "copy_all": "s3lo.operations.copy",
    "copy_tags": "s3lo.operations.copy",
    "parse_copy_list": "s3lo.operations.copying.pairs",
    "clean": "s3lo.operations.clean",
    "delete": "s3lo.operations.delete",
    "doctor": "s3lo.operations.doctor",
    "get_config": "s3lo.operations.config",
    "inspect": "s3lo.operations.inspect",
    "list_tags": "s3lo.operations.list",
    "pull": "s3lo.operations.pull",
    "push": "s3lo.operations.push",
    "read_manifest": "s3lo.operations.inspect",
    "set_config": "s3lo.operations.config",
    "stats": "s3lo.operations.stats",
    "tune": "s3lo.operations.tune",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 's3lo' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
