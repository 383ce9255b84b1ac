"""`cleanup`: removes what recorders have left in the cluster."""

from typing import Annotated

import typer

from kubectl_ebpfaudit.cluster_options import connected
from kubectl_ebpfaudit.connection import Connection, seconds
from kubectl_ebpfaudit.options import Verbose
from kubectl_ebpfaudit.printing import emit, note
from kubectl_ebpfaudit.progress import Progress
from recorder.log.errors import AuditError
from replay.escape import printable


@connected
def cleanup(
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Also recorders that are at work or have a log to give, and the namespace if record made it."
        ),
    ] = False,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="DURATION", help="Only recorders that are older.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    *,
    connection: Connection,
    verbose: Verbose = False,
) -> None:
    """Remove the pods of recorders that have ended.

    One that records, or whose log nobody has fetched yet, is left alone; --all removes it, with its log. What is
    removed is printed.

    \b
    Examples:
      kubectl ebpfaudit cleanup
      kubectl ebpfaudit cleanup --all --dry-run
      kubectl ebpfaudit cleanup --all --older-than 1h
    """
    age = seconds("--older-than", older_than) if older_than is not None else 0.0
    api = connection.api()

    from kubectl_ebpfaudit.cluster import recorders
    from kubectl_ebpfaudit.cluster.errors import Forbidden

    namespace = connection.namespace_of_recorders
    left, removed, kept = [], [], 0
    with Progress("asking the API server") as progress:
        for pod in recorders.find(api, namespace):
            progress.tell(f"asking {pod['metadata']['name']}")
            recorder = recorders.ask(api, pod)
            progress.clear()
            name = f"pod {printable(namespace)}/{printable(recorder.name)}"
            if recorder.age < age or not (everything or recorder.state == "finished"):
                kept += 1
                note(f"{name} is left alone: {_why(recorder.state, recorder.age < age)}")
                continue
            progress.tell(f"removing {name}")
            problem = "" if dry_run else recorders.watch(api, pod).remove()
            progress.clear()
            if problem:
                left.append(problem)
                continue
            removed.append(recorder.name)
            emit(f"{name} {'would be removed' if dry_run else 'removed'} ({recorder.state})\n")
    may_go = everything and not kept and not left
    try:
        if may_go and recorders.remove_namespace(api, namespace, removed if dry_run else (), dry_run):
            removed.append(namespace)
            emit(f"namespace {printable(namespace)} {'would be removed' if dry_run else 'removed'}\n")
    except Forbidden as error:
        note(f"namespace {printable(namespace)} is left alone: {error}")
    if not removed and not kept and not left:
        note(f"Nothing found to remove in namespace {printable(namespace)}.")
    if left:
        raise AuditError("; ".join(left))


def _why(state: str, young: bool) -> str:
    if young:
        return "it is younger than --older-than says"
    if state == "ended":
        return "its log waits to be fetched with attach (--all removes it, too)"
    return f"it is {state} (--all removes it, too)"
