"""`identify`: who the sessions of a recording were."""

from typing import Annotated

import typer

from kubectl_ebpfaudit import store
from kubectl_ebpfaudit.complaints import complain, warn_of_strangers
from kubectl_ebpfaudit.identifying import DEFAULT_SKEW, Answer, find_out, parse_skew, tell_kept
from kubectl_ebpfaudit.options import Output, Recording, Verbose
from kubectl_ebpfaudit.printing import as_data, emit
from replay.errors import WrongUsage
from replay.recording import opened


def identify(
    recording: Recording,
    audit_log: Annotated[
        list[str],
        typer.Option(
            "--audit-log",
            metavar="FILE",
            help="An audit log of the API server, or what EKS, GKE or AKS export of it, plain or gzip; - is stdin. "
            "Again for each further API server.",
            show_default=False,
        ),
    ],
    clock_skew: Annotated[
        str,
        typer.Option("--clock-skew", metavar="DURATION", help="How far the clocks of node and API server may differ."),
    ] = DEFAULT_SKEW,
    output: Output = None,
    verbose: Verbose = False,
) -> None:
    """Find out who the sessions of a recording were, from the API server's audit log.

    Sessions and requests are joined by pod, container, command, terminal and time. `certain`: nothing else explains
    it. `likely`: it follows, but something could not be compared. `possible`: several requests fit, and all are
    named. What is found is kept beside each log, as NAME.ebpfaudit.who.json, for list and show; the log
    itself is not changed. What was kept before is replaced: give all audit logs at once.

    \b
    Examples:
      kubectl ebpfaudit identify latest --audit-log /var/log/kubernetes/audit.log
      aws logs filter-log-events --log-group-name /aws/eks/prod/cluster \\
        --log-stream-name-prefix kube-apiserver-audit --output json | kubectl ebpfaudit identify run/ --audit-log -
    """
    wanted = store.resolve(recording)
    if wanted.session is not None:
        raise typer.BadParameter("identify takes a whole recording, not a session", param_hint="RECORDING")
    if audit_log.count("-") > 1:
        raise WrongUsage("--audit-log - can be given once: there is one standard input")
    skew = parse_skew(clock_skew)
    with opened(wanted.path) as found:
        warn_of_strangers(found)
        answer = find_out(found, audit_log, skew)
        emit(as_data(answer.as_data(), output.value) if output else _text(answer))
        tell_kept(answer.keep())
        complain(found, "was used")


def _text(answer: Answer) -> str:
    from replay.who.report import others_table, sessions_table

    tables = [sessions_table(answer.run.sessions, answer.who) or "There is no session in it.\n"]
    if others := others_table(answer.others):
        tables.append(f"Requests to these pods that no session comes from:\n{others}")
    return "\n".join(tables)
