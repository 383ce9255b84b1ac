"""The command line: every verb, and the one place where errors end."""

import importlib
import io
import os
import sys
from collections.abc import Iterable, Sequence

import typer

from kubectl_ebpfaudit.help import GroupedHelp, Verbs
from kubectl_ebpfaudit.options import Verbose
from kubectl_ebpfaudit.printing import say, settle
from kubectl_ebpfaudit.verbosity import verbose
from recorder.log.errors import AuditError
from replay.errors import WrongUsage
from replay.escape import printable

NAME = "kubectl ebpfaudit"
VERBS = (
    "record",
    "attach",
    "status",
    "stop",
    "cleanup",
    "list",
    "show",
    "search",
    "replay",
    "export",
    "verify",
    "identify",
    "delete",
    "prune",
    "import",
    "merge",
    "doctor",
    "completion",
    "version",
)
"""Each is the module of that name in `commands`, and in it the function of that name, but for those below."""

_MODULES = {"import": "import_"}
_FUNCTIONS = {"import": "import_", "list": "list_"}

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for a command line that makes no sense."""


def _common(is_verbose: Verbose = False) -> None:
    """Record with eBPF what is done in a container through kubectl exec, and replay it.

    \b
    Examples:
      kubectl ebpfaudit doctor web-0     # would it work?
      kubectl ebpfaudit record web-0     # until ctrl-C; meanwhile: kubectl exec -it web-0 -- sh
      kubectl ebpfaudit show latest
      kubectl ebpfaudit replay latest

    VERB -h has the options of each verb, and examples.
    """


def command_line(verbs: Iterable[str] = VERBS) -> typer.Typer:
    """The command line with these verbs."""
    app = typer.Typer(
        name=NAME,
        cls=Verbs,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,  # markup in what was recorded must mean nothing
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_common)
    for verb in verbs:
        module = importlib.import_module(f"kubectl_ebpfaudit.commands.{_MODULES.get(verb, verb)}")
        app.command(verb, cls=GroupedHelp)(getattr(module, _FUNCTIONS.get(verb, verb)))
    return app


def _wanted(arguments: Sequence[str]) -> Sequence[str]:
    """The verb that is asked for, so that no other is imported; none for the help, all if it is none of ours."""
    first = next((argument for argument in arguments if not argument.startswith("-")), "")
    if not first:
        return []
    return [first] if first in VERBS else VERBS


def main() -> None:
    """Runs the command line and ends the program with a code that docs/exit-codes.md lists."""
    try:
        _open_streams()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")  # where the locale is not UTF-8
        code = _run()
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def _run() -> int:
    try:
        # Alone, typer would say what is wrong with a command line in four lines; without arguments it shows the help.
        run = command_line(_wanted(sys.argv[1:]))
        return run(prog_name=NAME, standalone_mode=len(sys.argv) < 2) or 0
    except AuditError as error:
        return _report(error)
    except _UsageError as error:
        return _report(_wrong_usage(error))
    except OSError as error:  # such as a disk that fails while a recording is read
        settle()
        what = f"{error.filename}: " if error.filename else ""
        return _report(AuditError(f"{what}{error.strerror}"))


def _open_streams() -> None:
    """Opens the standard streams that the caller has closed, or the next file would take the place of one.

    What goes to standard error is lost then; what goes to standard output is an error.
    """
    for fd, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest number that is free
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)


def _wrong_usage(error: Exception) -> WrongUsage:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else NAME
    message = " ".join(getattr(error, "format_message", error.__str__)().split()).removesuffix(".")
    return WrongUsage(f"{message}; see {command} -h")


def _report(error: AuditError) -> int:
    say(f"error: {printable(error)}")
    if verbose():
        for line in error.details.splitlines():
            say(f"  {printable(line)}")
    elif error.details:
        say("  (-v shows more)")
    return error.exit_code
