"""`record`: records what enters containers, on their nodes or on this machine, until it is stopped."""

import contextlib
from collections.abc import Callable
from enum import Enum
from typing import Annotated

import typer

from kubectl_ebpfaudit.carrier import Carrier
from kubectl_ebpfaudit.cluster_options import connected
from kubectl_ebpfaudit.connection import Connection, seconds
from kubectl_ebpfaudit.files import Files
from kubectl_ebpfaudit.help import HERE, RECORDER
from kubectl_ebpfaudit.identifying import check_readable, identify_logs
from kubectl_ebpfaudit.interrupt import Signals
from kubectl_ebpfaudit.live import Live
from kubectl_ebpfaudit.options import EveryRun, RecorderImage, RecorderPullPolicy, Verbose
from kubectl_ebpfaudit.outcome import conclude
from kubectl_ebpfaudit.output import LogFile, NoFile
from kubectl_ebpfaudit.parts import Part
from kubectl_ebpfaudit.printing import emit, say
from kubectl_ebpfaudit.probes import LIST, parse, table
from kubectl_ebpfaudit.quantity import parse_bytes
from kubectl_ebpfaudit.run import Run
from kubectl_ebpfaudit.source import Limits, PodOptions, Source, What, choose
from kubectl_ebpfaudit.status_line import Screen
from kubectl_ebpfaudit.unhurried import events, screen
from recorder.log.events import Event
from recorder.log.format import Header
from replay.errors import WrongUsage
from replay.escape import printable

_MAX_SESSIONS = 1_000_000_000


class RecordOutput(str, Enum):
    """Forms of what is told while recording."""

    json = "json"


@connected
def record(
    target: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[POD | TYPE/NAME]...",
            help="Pods to record, or workloads: deploy/web, sts/db, ds/agent, rs/web-1, job/import.",
            show_default=False,
        ),
    ] = None,
    namespace: Annotated[
        str | None,
        typer.Option("-n", "--namespace", help="The namespace; else the context's.", show_default=False),
    ] = None,
    selector: Annotated[
        str | None,
        typer.Option("-l", "--selector", help="Record the pods with these labels.", show_default=False),
    ] = None,
    all_namespaces: Annotated[bool, typer.Option("-A", "--all-namespaces", help="With -l: in all namespaces.")] = False,
    container: Annotated[
        str | None,
        typer.Option(
            "-c",
            "--container",
            help="Only the containers of that name; else all of each pod. With --local: a container's ID.",
            show_default=False,
        ),
    ] = None,
    write: Annotated[
        str | None,
        typer.Option(
            "-w",
            "--write",
            metavar="FILE",
            help="Write to FILE, or with a slash at its end to a file for each node in that folder; else to the store.",
            show_default=False,
        ),
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
            help="End when N sessions have ended, runs of probes and hooks not counted.",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for what does not run yet, at most 5 minutes.")] = False,
    detach: Annotated[
        bool,
        typer.Option("--detach", help="Leave the recorders running, and print their names; attach fetches their logs."),
    ] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help="Do not keep what is typed, nor stdin.")] = False,
    quiet: Annotated[
        bool, typer.Option("-q", "--quiet", help="Say nothing while recording, nor what was recorded.")
    ] = False,
    every: EveryRun = False,
    output: Annotated[
        RecordOutput | None,
        typer.Option("-o", "--output", help="json: every event on stdout, one object a line.", show_default=False),
    ] = None,
    is_local: Annotated[
        bool,
        typer.Option("--local", rich_help_panel=HERE, help="Record on this machine, without a cluster. Needs root."),
    ] = False,
    cgroup: Annotated[
        str | None,
        typer.Option(
            "--cgroup",
            metavar="PATH",
            rich_help_panel=HERE,
            help="With --local: the container's cgroup.",
            show_default=False,
        ),
    ] = None,
    pid: Annotated[
        int | None,
        typer.Option(
            "--pid", min=1, rich_help_panel=HERE, help="With --local: a process of the container.", show_default=False
        ),
    ] = None,
    image: RecorderImage = None,
    image_pull_policy: RecorderPullPolicy = None,
    image_pull_secret: Annotated[
        str | None,
        typer.Option(
            "--image-pull-secret",
            metavar="NAME",
            rich_help_panel=RECORDER,
            help="Secret of the recorder's namespace to pull the image with.",
            show_default=False,
        ),
    ] = None,
    least_privilege: Annotated[
        bool,
        typer.Option(
            "--least-privilege", rich_help_panel=RECORDER, help="Four capabilities instead of a privileged pod."
        ),
    ] = False,
    client_timeout: Annotated[
        str,
        typer.Option(
            "--client-timeout",
            metavar="DURATION",
            rich_help_panel=RECORDER,
            help="A recorder ends when nobody was connected for so long.",
        ),
    ] = "60s",
    spool_size: Annotated[
        str,
        typer.Option(
            "--spool-size",
            metavar="SIZE",
            rich_help_panel=RECORDER,
            help="How much of a log may wait at the recorder, such as 256Mi.",
        ),
    ] = "1Gi",
    stream_limit: Annotated[
        str,
        typer.Option(
            "--stream-limit",
            metavar="SIZE",
            help="How much to keep of each pipe of a session without a terminal; of the rest count and SHA-256.",
        ),
    ] = "16Mi",
    memory_limit: Annotated[
        str | None,
        typer.Option(
            "--memory-limit",
            metavar="SIZE",
            rich_help_panel=RECORDER,
            help="How much memory the recorder may use. [default: 512Mi]",
            show_default=False,
        ),
    ] = None,
    probes: Annotated[
        str | None,
        typer.Option(
            "--probes",
            metavar="KIND=WAY,...|list",
            help="Watch KIND in that WAY only, such as tty=kprobe,exec_failed=none; list: print the ways there are.",
            show_default=False,
        ),
    ] = None,
    audit_log: Annotated[
        list[str] | None,
        typer.Option(
            "--audit-log",
            metavar="FILE",
            help="At the end, look up in the API server's audit log who the sessions were, as identify does.",
            show_default=False,
        ),
    ] = None,
    *,
    connection: Connection,
    verbose: Verbose = False,
) -> None:
    """Record every session that enters a container: what runs, what is printed, what is typed.

    Containers that restart, and pods that a workload adds, are followed. The recording ends with ctrl-C, after
    --duration, after --sessions or when nothing is left to record; a second ctrl-C gives up what is still on the
    way. The path of its log is printed on stdout at the end; of several nodes, of the folder that has a log of each.
    Exit code 3 if something was lost.

    \b
    Examples:
      kubectl ebpfaudit record web-0 -n shop
      kubectl ebpfaudit record deploy/web -w run/
      kubectl ebpfaudit record -l app=web -A --detach
      kubectl ebpfaudit record web-0 -o json | jq -r 'select(.type == "exec") | .argv | join(" ")'
      kubectl ebpfaudit record --local --container 831bfb4b159c
    """
    if detach and (write is not None or force or quiet or output or audit_log):
        raise WrongUsage(
            "--detach keeps nothing here: -w, --force, -q and -o go with attach, --audit-log with identify"
        )
    check_readable(audit_log or [])
    what = What(tuple(target or ()), namespace, selector, all_namespaces, container)
    memory = parse_bytes("--memory-limit", memory_limit) if memory_limit is not None else None
    how = PodOptions(image, image_pull_policy, image_pull_secret, least_privilege, memory, wait, detach)
    limits = Limits(
        seconds("--duration", duration),
        sessions,
        not no_input,
        seconds("--client-timeout", client_timeout),
        parse_bytes("--spool-size", spool_size),
        {} if probes == LIST else parse(probes),
        parse_bytes("--stream-limit", stream_limit, least=0),
    )
    with Signals() as signals, contextlib.ExitStack() as closing:
        with signals.interruptible():
            source = choose(is_local, what, how, connection, limits, cgroup, pid)
        if probes == LIST:
            with signals.interruptible():
                ways = source.ways(say)
            emit(table(ways))
            return
        out = closing.enter_context(screen(signals))
        told = _told(closing.enter_context(events(signals, out.write))) if output else None
        live = Live(out, quiet, what=source.what, events=told, every=every)
        try:
            with signals.interruptible():
                carriers = source.carriers(live.slow)
        except BaseException:
            live.close()
            raise
        live.expect(len(carriers))
        files = Files(source.name, write, force, source.may_span)

        def part(node: str, carrier: Carrier, first: bool) -> Part:
            file: LogFile | NoFile = NoFile() if detach else files.open(node)
            return Part(node, carrier, file, live.view(node, awaited=first))

        parts: list[Part] = []
        try:
            for node, carrier in carriers:
                parts.append(part(node, carrier, first=True))
            run = Run(
                parts,
                live,
                signals,
                lambda node, targets, _: part(node, source.carrier(node, targets), first=False),
                source.changes(),
                sessions,
                detach,
                source.is_over,
            )
            run.record()
        finally:
            source.close()
            for begun in parts:
                begun.file.close()
            files.tidy()
    if detach:
        _detached([part for part in run.parts if part.outcome and part.outcome.left], source)
    if rest := [part for part in run.parts if not (detach and part.outcome and part.outcome.left)]:
        logs = [part.file.path for part in rest if isinstance(part.file, LogFile) and part.file.size]
        unidentified = identify_logs(logs, audit_log, live.note) if audit_log and logs else None
        conclude(rest, live, files.path, as_json=output is not None)
        if unidentified:
            raise unidentified


def _told(out: Screen) -> Callable[[Header, Event | None], None]:
    """What writes each event as a line of JSON."""
    from replay.export import EventLines

    lines = EventLines()

    def write(header: Header, event: Event | None) -> None:
        out.write(lines.line(header, event) if event else lines.header(header))

    return write


def _detached(parts: list[Part], source: Source) -> None:
    names = [part.carrier.name for part in parts]
    if not names:
        return
    what = f" of {source.what}" if source.what else ""
    run = printable(names[0].rpartition("-")[0])
    typer.echo(f"Recording goes on without this program{what}; fetch it with kubectl ebpfaudit attach {run}", err=True)
    emit("".join(f"{printable(name)}\n" for name in names))
