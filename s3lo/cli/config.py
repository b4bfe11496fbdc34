"""config: the rules of a store, shown and changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

import s3lo
from s3lo.cli.options import Common, common_options
from s3lo.cli.progress import observing
from s3lo.cli.render import show, table
from s3lo.errors import UsageError

if TYPE_CHECKING:
    from s3lo.bucket.rule_settings import Setting
    from s3lo.operations.config import ConfigResult


@click.group()
def config() -> None:
    """Show and change the rules of a store, of an image in it, or of a pattern.

    Keys: immutable, lifecycle.keep_last, lifecycle.max_age, lifecycle.keep_tags
    """


@config.command("get")
@click.argument("reference", metavar="REF|BUCKET")
@common_options
def get(reference: str, common: Common) -> None:
    """Show the rules that hold, and where each comes from: s3lo config get s3://bucket/app"""
    result = s3lo.get_config(reference, connection=common.connection)
    show(result.to_json(), text_of(result), common.output)


@config.command("set")
@click.argument("reference", metavar="REF|BUCKET")
@click.argument("settings", metavar="KEY=VALUE...", nargs=-1, required=True)
@common_options
def set_(reference: str, settings: Sequence[str], common: Common) -> None:
    """Change rules: s3lo config set 's3://bucket/dev/*' lifecycle.max_age=7d

    An empty VALUE takes the rule away. Tags to be kept are named with commas between them.
    """
    with observing(common.progress, common.quiet, common.verbosity) as observer:
        result = s3lo.set_config(
            reference,
            dict(map(_pair, settings)),
            connection=common.connection,
            observer=observer,
        )
    show(result.to_json(), text_of(result), common.output)


def text_of(result: ConfigResult) -> str:
    """A line a setting, as ``config set`` takes it, and its source."""
    rows = [(f"{key}={_value(each)}", each.source) for key, each in result.settings.items()]
    return table(("RULE", "FROM"), rows)


def _value(setting: Setting) -> str:
    value = setting.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _pair(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"{text!r} is not KEY=VALUE", hint="KEY= takes a rule away.")
    return key, value
