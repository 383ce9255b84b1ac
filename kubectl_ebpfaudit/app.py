"""The command line: every verb, and the one place where errors end."""

import importlib
import io
import sys
from collections.abc import Iterable, Sequence

import typer

from kubectl_ebpfaudit.options import Verbose, verbose
from recorder.log.errors import AuditError
from replay.escape import printable

NAME = "kubectl ebpfaudit"
VERBS = ("record", "list", "show", "replay", "export", "verify", "version")
"""Each is the module of that name in `commands`, and in it the function of that name (`list_` for list)."""


def _common(is_verbose: Verbose = False) -> None:
    """Record with eBPF what is done in a container through kubectl exec, and replay it."""


def command_line(verbs: Iterable[str] = VERBS) -> typer.Typer:
    """The command line with these verbs."""
    app = typer.Typer(
        name=NAME,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # markup in what was recorded must mean nothing
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_common)
    for verb in verbs:
        module = importlib.import_module(f"kubectl_ebpfaudit.commands.{verb}")
        app.command(verb)(getattr(module, "list_" if verb == "list" else verb))
    return app


def _wanted(arguments: Sequence[str]) -> Sequence[str]:
    """The verb that is asked for, so that no other is imported; all of them if that is none of ours."""
    first = next((argument for argument in arguments if not argument.startswith("-")), "")
    return [first] if first in VERBS else VERBS


def main() -> None:
    """Runs the command line and ends the program with a code that docs/exit-codes.md lists."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # where the locale is not UTF-8
    try:
        command_line(_wanted(sys.argv[1:]))(prog_name=NAME)
    except AuditError as error:
        sys.exit(_report(error))
    except OSError as error:  # such as a disk that fails while a recording is read
        what = f"{error.filename}: " if error.filename else ""
        sys.exit(_report(AuditError(f"{what}{error.strerror}")))


def _report(error: AuditError) -> int:
    print(f"error: {printable(error)}", file=sys.stderr)
    if verbose():
        for line in error.details.splitlines():
            print(f"  {printable(line)}", file=sys.stderr)
    elif error.details:
        print("  (-v shows more)", file=sys.stderr)
    return error.exit_code
