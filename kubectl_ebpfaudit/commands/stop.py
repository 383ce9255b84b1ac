"""`stop`: ends recorders that run, and fetches the rest of their logs."""

from kubectl_ebpfaudit.commands.attach import Quiet, Write, collect
from kubectl_ebpfaudit.connection import Connection
from kubectl_ebpfaudit.options import (
    AsGroup,
    AsUser,
    ContextName,
    Kubeconfig,
    RecorderName,
    RecorderNamespace,
    RequestTimeout,
    Verbose,
)


def stop(
    name: RecorderName = None,
    write: Write = None,
    quiet: Quiet = False,
    recorder_namespace: RecorderNamespace = None,
    context: ContextName = None,
    kubeconfig: Kubeconfig = None,
    as_user: AsUser = None,
    as_group: AsGroup = None,
    request_timeout: RequestTimeout = None,
    verbose: Verbose = False,
) -> None:
    """End a recorder that runs, fetch the rest of its log, and remove its pod.

    The log goes on in the file that attach would take.

    \b
    Examples:
      kubectl ebpfaudit stop
      kubectl ebpfaudit stop ebpfaudit-1a2b3c4d -w run/
    """
    connection = Connection(context, kubeconfig, as_user, as_group, request_timeout, recorder_namespace)
    collect(connection, name, write, quiet, stop=True)
