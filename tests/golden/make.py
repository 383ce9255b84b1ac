"""Writes the golden logs of this version and what the verbs print: `python -m tests.golden.make`.

Logs that exist are kept as they are: a golden stands for what the program of its time wrote. Delete one to
have it made anew. The printed texts are written each time; look at the difference before it is committed.
"""

import contextlib
import io
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from kubectl_ebpfaudit import app
from recorder.log.format import SUFFIX
from tests.golden import incident
from tests.support.logs import (
    MONOTONIC,
    MS,
    REALTIME,
    SECOND,
    TARGET,
    LogBuilder,
    argv,
    run,
    shell_session,
    start_shell,
)  # fmt: skip

HERE = Path(__file__).parent

VERBS: dict[str, list[str]] = {
    "list.txt": ["list", "-o", "wide"],
    "show.txt": ["show", "LOG"],
    "show.json": ["show", "LOG", "-o", "json"],
    "verify.txt": ["verify", "LOG"],
    "replay.txt": ["replay", "LOG"],
    "export-out.raw": ["export", "LOG", "--format", "raw"],
    "export-in.raw": ["export", "LOG", "--format", "raw", "--direction", "in"],
    "export.jsonl": ["export", "LOG", "--format", "jsonl"],
}


OF_SEVERAL: dict[str, list[str]] = {
    "list.json": ["list", "-o", "json"],
    "show-wide.txt": ["show", "LOG", "-o", "wide"],
    "show-2.txt": ["show", "LOG/2"],
    "verify.json": ["verify", "LOG", "-o", "json"],
    "replay-2.txt": ["replay", "LOG/2"],
    "export-2.raw": ["export", "LOG/2", "--format", "raw"],
    "export-2.jsonl": ["export", "LOG/2", "--format", "jsonl"],
}
"""Of logs with several targets or nodes."""


def lossy() -> LogBuilder:
    """Events and bytes are missing, declared and not; a session was under way, one is not ended."""
    log = LogBuilder()
    log.add("session_start", 0, start_time=MONOTONIC - 90 * SECOND, ns_pid=10, flags=1)
    log.add("exec", 0, start_time=MONOTONIC - 90 * SECOND, ns_pid=10, argv=argv("bash", "-l"), flags=8, tty=1)
    log.add("tty_open", 0, tty=1, rows=24, cols=80)
    log.add("gap", MS, tty=1, direction=1, reason=5, seq=None)
    log.add("tty_out", SECOND, data=b"before ")
    log.lose(4).add("gap", 2 * SECOND, session=0, first_seq=2, events=4, reason=1, seq=None)
    log.add("gap", 2 * SECOND, tty=1, direction=1, offset=7, bytes=100, reason=1, seq=None)
    log.add("tty_out", 3 * SECOND, data=b"after\r\n", offset=107)
    log.add("tty_out", 4 * SECOND, data=b"unexplained\r\n", offset=120)
    start_shell(log, 5 * SECOND, session=2, pid=200, tty=0)
    return log


def hostile() -> LogBuilder:
    """What an attacker would put into every place that reaches a reader's terminal."""
    attack = "\x1b]0;pwned\x07\x1b[2J\u202e\r\n"
    log = start_shell(LogBuilder(node={"name": attack, "kernel": attack}, recording=attack))
    run(log, SECOND, 101, attack, b"\xff\xfe", "", "it's", cwd=attack.encode())
    log.add("exec_failed", 2 * SECOND, pid=100, error=13, filename=attack.encode())
    log.add("tty_out", 3 * SECOND, data=attack.encode() + b"\x9b6n\x1b[6n\x1b]52;c;cm0=\x1b\\text\xff\r\n")
    log.add("tty_in", 4 * SECOND, data=attack.encode())
    return log.add("session_end", 5 * SECOND, signal=9)


def commands() -> LogBuilder:
    """A session without a terminal, and argv that came in parts."""
    log = LogBuilder()
    log.add("session_start", 0, ns_pid=10)
    whole = argv("sh", "-c", "true " * 200)
    log.add("exec", MS, ns_pid=10, filename=b"/bin/sh", cwd=b"/", argv=whole[:500], argv_total=len(whole))
    log.add("exec_argv", MS, offset=500, argv=whole[500:])
    run(log, SECOND, 101, "cp", "-r", "/etc", "/tmp/x y")
    run(log, 2 * SECOND, 102, "gzip", ppid=101)
    log.add("exit", 3 * SECOND, pid=102, exit_code=1).add("exit", 3 * SECOND, pid=101).add("exit", 4 * SECOND)
    return log.add("session_end", 4 * SECOND)


WEB: dict[str, Any] = {
    "image": "registry.example/web:2", "image_id": "registry.example/web@sha256:" + "ab" * 32, "kind": "app",
    "labels": {"app": "web"}, "owner": "Deployment/web", "service_account": "web", "node": "node-1",
}  # fmt: skip


def targets() -> LogBuilder:
    """Containers that come and go: a replica, a debug container, one that is not there, one that is not known."""
    log = start_shell(LogBuilder(targets=[{**TARGET, **WEB, "pod": "web-1"}]))
    log.add("tty_out", SECOND, data=b"in web-1\r\n")
    log.come(2 * SECOND, 2, pod="web-2", cgroup_id=0, **{**WEB, "image_id": ""})
    log.come(3 * SECOND, 2, pod="web-2", cgroup_id=4343, **WEB)
    start_shell(log, 4 * SECOND, session=2, pid=200, tty=2, target=2)
    log.add("tty_out", 5 * SECOND, session=2, pid=200, tty=2, data=b"in web-2\r\n", target=2)
    log.come(6 * SECOND, 3, pod="web-2", container="debugger", cgroup_id=4444, kind="ephemeral", image="busybox")
    log.come(6 * SECOND, 4, pod="web-3", cgroup_id=0, kind="app")
    log.add("target_end", 6 * SECOND + MS, 0, 0, seq=None, target=4, reason=2)
    start_shell(log, 7 * SECOND, session=3, pid=300, tty=0, target=3)
    run(log, 8 * SECOND, 301, "ps", ppid=300, session=3, target=3)
    start_shell(log, 9 * SECOND, session=4, pid=400, tty=0)
    log.add("session_end", 10 * SECOND, session=1, signal=9).add("session_end", 10 * SECOND, session=4, signal=9)
    log.add("target_end", 10 * SECOND + MS, 0, 0, seq=None, reason=1)
    return log.come(11 * SECOND, 5, about=b'{"pod": ', cgroup_id=4545)


def node_a() -> LogBuilder:
    """A node of a run over two."""
    about = {**TARGET, **WEB, "pod": "web-1", "node": "node-a"}
    log = start_shell(LogBuilder(node={"name": "node-a", "kernel": "6.18.0", "arch": "x86_64"}, targets=[about]))
    log.add("tty_out", SECOND, data=b"on node-a\r\n")
    run(log, 4 * SECOND, 101, "ls", tty=1)
    start_shell(log, 5 * SECOND, session=2, pid=200, tty=0)
    return log.add("session_end", 6 * SECOND, exit_code=1)


def node_b() -> LogBuilder:
    """The other one: its monotonic clock is another, it lacks the end record, and bytes are missing."""
    clock = {"monotonic": MONOTONIC, "realtime": REALTIME + 2 * SECOND}
    log = LogBuilder(node={"name": "node-b", "kernel": "6.1.0", "arch": "x86_64"}, targets=[], clock=clock)
    log.come(MS, 1, pod="web-2", cgroup_id=4343, **{**WEB, "node": "node-b"})
    start_shell(log, SECOND)
    log.add("tty_out", 2 * SECOND, data=b"on node-b\r\n")
    log.add("gap", 2 * SECOND, tty=1, direction=1, offset=11, bytes=100, reason=6, seq=None)
    log.lose(2).add("gap", 3 * SECOND, session=0, first_seq=2, events=2, reason=6, seq=None)
    return log


LOGS: dict[str, Callable[[], bytes]] = {
    "v1-shell": lambda: shell_session().build(),
    "v1-lossy": lambda: lossy().build(),
    "v1-hostile": lambda: hostile().build(),
    "v1-commands": lambda: commands().build(),
    "v1-cut": lambda: shell_session().build(split=4)[:-300],
    "v1.1-targets": lambda: targets().build(),
    "v1.1-run/node-a": lambda: node_a().build(),
    "v1.1-run/node-b": lambda: node_b().build(end=None),
    "v1.2-incident": lambda: incident.log().build("sessions"),
}


def names() -> list[str]:
    """The golden recordings there are: logs, and folders of logs."""
    return sorted({path.relative_to(HERE).parts[0].removesuffix(SUFFIX) for path in HERE.glob(f"**/*{SUFFIX}")})


def verbs(name: str) -> dict[str, list[str]]:
    """The command lines whose output is kept of that recording, by the suffix of the file it is kept in."""
    return VERBS if name.startswith("v1-") else {**VERBS, **OF_SEVERAL}


def printed(name: str, verb: str, home: Path) -> bytes:
    """What the verb prints for that recording, then what it says on stderr and its exit code; in a new `home`."""
    log = HERE / name if (HERE / name).is_dir() else HERE / f"{name}{SUFFIX}"
    store = home / "recordings"
    store.mkdir(parents=True, exist_ok=True)
    if log.is_dir():
        shutil.copytree(log, store / log.name)
    else:
        shutil.copy(log, store)
    arguments = [argument.replace("LOG", log.name) for argument in verbs(name)[verb]]
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n"), io.StringIO()
    code: object = 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, {"EBPFAUDIT_HOME": str(home), "COLUMNS": "80"}))
        stack.enter_context(mock.patch.object(sys, "argv", ["kubectl-ebpfaudit", *arguments]))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        try:
            app.main()
        except SystemExit as ended:
            code = ended.code or 0
    data = out.buffer.getvalue().replace(str(store).encode(), b"STORE")
    status = f"{err.getvalue()}exit code {code}\n".replace(str(store), "STORE")
    return data + b"---\n" + status.encode()


def main() -> None:
    """Makes what is missing and prints anew."""
    import tempfile

    for name, build in LOGS.items():
        path = HERE / f"{name}.ebpfaudit"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(build())
    for name in names():
        for verb in verbs(name):
            with tempfile.TemporaryDirectory() as home:
                (HERE / f"{name}.{verb}").write_bytes(printed(name, verb, Path(home)))


if __name__ == "__main__":
    main()
