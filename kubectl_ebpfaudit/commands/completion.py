"""`completion`: makes shells complete the command line."""

import os
import shutil
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from kubectl_ebpfaudit.options import Verbose
from kubectl_ebpfaudit.printing import emit, note
from recorder.log.errors import CannotWrite
from replay.errors import WrongUsage
from replay.escape import printable

_SCRIPTS = Path(__file__).parents[1] / "completion" / "scripts"
_PROGRAM = "kubectl_complete-ebpfaudit"
_CONTENT = """\
#!/bin/sh
# kubectl 1.26 and newer runs this to complete the command line of `kubectl ebpfaudit`.
exec kubectl-ebpfaudit __complete "$@"
"""


class Shell(str, Enum):
    """Shells that can be told."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"


def completion(
    shell: Annotated[
        Shell | None,
        typer.Argument(metavar="[bash|zsh|fish|powershell]", help="Print its script.", show_default=False),
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Make kubectl's own completion know the plugin, in all shells.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Complete verbs, options, namespaces, pods, containers, contexts, recordings and sessions with the tab key.

    `kubectl ebpfaudit …` is completed by kubectl's own completion, which your shell must have, from version 1.26
    on. It runs kubectl_complete-ebpfaudit: pip and pipx have put that beside the plugin already; --install
    does so for any other installation. A shell's script is for those who call kubectl-ebpfaudit itself.

    \b
    Examples:
      kubectl ebpfaudit completion --install
      source <(kubectl completion bash)
      source <(kubectl-ebpfaudit completion bash)
      kubectl-ebpfaudit completion zsh > ~/.zfunc/_kubectl-ebpfaudit
    """
    if install == (shell is not None):
        raise WrongUsage("name a shell to print its script, or give --install: see kubectl ebpfaudit completion -h")
    if install:
        _install()
        _warn_of_an_old_kubectl()
        return
    suffix = "ps1" if shell == Shell.powershell else "sh"
    emit((_SCRIPTS / f"{shell.value if shell else ''}.{suffix}").read_text(encoding="utf-8"))


def _install() -> None:
    if known := shutil.which(_PROGRAM):
        note(f"{printable(known)} is there already")
        return
    for folder in _folders():
        path = folder / _PROGRAM
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755)
        except OSError:
            continue
        with os.fdopen(fd, "w") as file:
            file.write(_CONTENT)
        note("kubectl completes the plugin from now on, where your shell has kubectl's completion")
        emit(f"{path}\n")
        return
    raise CannotWrite(
        f"no folder of the PATH that may be written to is yours for {_PROGRAM}: "
        "put ~/.local/bin on the PATH, or call this as root"
    )


def _warn_of_an_old_kubectl() -> None:
    from kubectl_ebpfaudit.completion import kubectl

    if version := kubectl.too_old():
        note(
            f"warning: kubectl {version} completes no plugins, 1.26 does: upgrade it, or call kubectl-ebpfaudit "
            "itself, completed by a script: see kubectl ebpfaudit completion -h"
        )


def _folders() -> list[Path]:
    """Folders of the PATH where it may go: that of the plugin, then the user's own."""
    path = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(part)]
    plugin = shutil.which("kubectl-ebpfaudit")
    first = [Path(plugin).parent, Path(sys.argv[0]).absolute().parent] if plugin else []
    home = Path.home()
    own = [folder for folder in path if home in folder.parents]
    return [folder for folder in [*first, *own] if folder in path and folder.is_dir()]
