"""completion: the script that teaches a shell to complete s3lo's command lines."""

from __future__ import annotations

import click

from s3lo.cli.options import Common, common_options
from s3lo.cli.render import show

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@common_options
def completion(shell: str, common: Common) -> None:
    """Print the completion script for a shell.

    In bash: eval "$(s3lo completion bash)"
    """
    from click.shell_completion import get_completion_class

    root = click.get_current_context().find_root().command
    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(root, {}, "s3lo", "_S3LO_COMPLETE").source()
    show({"shell": shell, "script": script}, script.rstrip(), common.output)
