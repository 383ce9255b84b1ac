"""`stop`: ends recorders that run, and fetches the rest of their logs."""

from kubectl_ebpfaudit.cluster_options import connected
from kubectl_ebpfaudit.commands.attach import Quiet, Write, collect
from kubectl_ebpfaudit.connection import Connection
from kubectl_ebpfaudit.options import RecorderName, Verbose


@connected
def stop(
    name: RecorderName = None,
    write: Write = None,
    quiet: Quiet = False,
    *,
    connection: Connection,
    verbose: Verbose = False,
) -> None:
    """End a recorder that runs, fetch the rest of its log, and remove its pod.

    The log goes on in the file that attach would take.

    \b
    Examples:
      kubectl ebpfaudit stop
      kubectl ebpfaudit stop ebpfaudit-1a2b3c4d -w run/
    """
    collect(connection, name, write, quiet, stop=True)
