"""`record`: records what enters a container, on a pod's node or on this machine, until it is stopped."""

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.interrupt import Signals
from kubectl_ebpfaudit.live import Live
from kubectl_ebpfaudit.options import Verbose
from kubectl_ebpfaudit.output import LogFile
from kubectl_ebpfaudit.printing import emit
from kubectl_ebpfaudit.recording import Lossy, Outcome, lost, summary
from kubectl_ebpfaudit.recording import record as make_recording
from kubectl_ebpfaudit.source import Limits, LocalOptions, PodOptions, choose, seconds
from recorder.log.errors import AuditError
from replay.escape import printable

_MAX_SESSIONS = 1_000_000_000


def record(
    pod: Annotated[
        str | None,
        typer.Argument(metavar="[POD]", help="The pod to record: NAME or pod/NAME.", show_default=False),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option("-n", "--namespace", help="The pod's namespace; else the context's.", show_default=False),
    ] = None,
    container: Annotated[
        str | None,
        typer.Option(
            "-c",
            "--container",
            help="The pod's container; else its default one. With --local: a container's ID, whole or begun.",
            show_default=False,
        ),
    ] = None,
    write: Annotated[
        Path | None,
        typer.Option("-w", "--write", metavar="FILE", help="Write to FILE, not to the store.", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    duration: Annotated[str, typer.Option("--duration", metavar="DURATION", help="End after 90s, 30m, 1h30m.")] = "30m",
    sessions: Annotated[
        int | None,
        typer.Option(
            "--sessions",
            min=1,
            max=_MAX_SESSIONS,
            metavar="N",
            help="End when N sessions have ended.",
            show_default=False,
        ),
    ] = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Do not keep what is typed.")] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Say nothing while recording, nor what was recorded.")
    ] = False,
    is_local: Annotated[
        bool, typer.Option("--local", help="Record on this machine, without a cluster. Needs root.")
    ] = False,
    cgroup: Annotated[
        str | None,
        typer.Option("--cgroup", metavar="PATH", help="With --local: the container's cgroup.", show_default=False),
    ] = None,
    pid: Annotated[
        int | None,
        typer.Option("--pid", min=1, help="With --local: a process of the container.", show_default=False),
    ] = None,
    image: Annotated[str | None, typer.Option("--image", help="The recorder's image.", show_default=False)] = None,
    image_pull_policy: Annotated[
        str | None,
        typer.Option("--image-pull-policy", help="Always, IfNotPresent or Never.", show_default=False),
    ] = None,
    image_pull_secret: Annotated[
        str | None,
        typer.Option(
            "--image-pull-secret",
            metavar="NAME",
            help="Secret for the image's registry, in the recorder's namespace.",
            show_default=False,
        ),
    ] = None,
    least_privilege: Annotated[
        bool, typer.Option("--least-privilege", help="A few capabilities instead of a privileged pod.")
    ] = False,
    recorder_namespace: Annotated[
        str | None,
        typer.Option(
            "--recorder-namespace",
            help="Where the recorder's pod runs; made if it is missing. [default: ebpfaudit]",
            show_default=False,
        ),
    ] = None,
    context: Annotated[
        str | None, typer.Option("--context", help="Context of the kubeconfig.", show_default=False)
    ] = None,
    kubeconfig: Annotated[
        str | None,
        typer.Option("--kubeconfig", metavar="FILE", help="Instead of $KUBECONFIG.", show_default=False),
    ] = None,
    as_user: Annotated[
        str | None, typer.Option("--as", metavar="USER", help="Act as this user.", show_default=False)
    ] = None,
    as_group: Annotated[
        list[str] | None,
        typer.Option("--as-group", metavar="GROUP", help="And in this group.", show_default=False),
    ] = None,
    request_timeout: Annotated[
        str | None,
        typer.Option(
            "--request-timeout",
            metavar="DURATION",
            help="How long the cluster may take to answer. [default: 30s]",
            show_default=False,
        ),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Record every session that enters a container: what runs, what is printed, what is typed.

    The recording ends with ctrl-C, after --duration, after --sessions or with the container. The path of
    its log is printed on stdout at the end.
    """
    here = LocalOptions(container, cgroup, pid)
    there = PodOptions(
        namespace=namespace,
        image=image,
        image_pull_policy=image_pull_policy,
        image_pull_secret=image_pull_secret,
        least_privilege=least_privilege,
        recorder_namespace=recorder_namespace,
        context=context,
        kubeconfig=kubeconfig,
        as_user=as_user,
        as_group=tuple(as_group or ()),
        request_timeout=request_timeout,
    )
    limits = Limits(seconds("--duration", duration), sessions, not no_input)
    live = Live(sys.stderr, quiet)
    with Signals() as signals:
        with signals.interruptible():
            source = choose(pod, is_local, here, there, limits)
        with closing(LogFile(write or store.new_path(source.name), force)) as file:
            outcome = make_recording(source.carrier, file, live, signals)
    _report(outcome, file, live)


def _report(outcome: Outcome, file: LogFile, live: Live) -> None:
    """Says what was recorded, then raises what was wrong with it."""
    live.note(summary(outcome, live))
    shown = printable(str(file.path))
    wrong = _wrong(outcome, shown)
    try:
        if not live.quiet:
            emit(f"{shown}\n" if sys.stdout.isatty() else os.fsencode(file.path) + b"\n")
    finally:  # that nobody reads the path must not hide it
        if wrong:
            raise wrong


def _wrong(outcome: Outcome, path: str) -> AuditError | None:
    if outcome.end is None:
        return Lossy(f"{path} has no end record: {outcome.cut}", outcome.details)
    if outcome.end.lost:
        return Lossy(f"{path}: {lost(outcome.end)}; kubectl ebpfaudit verify says where")
    return AuditError(outcome.left) if outcome.left else None
