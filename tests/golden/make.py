"""Writes the golden logs of this version and what the verbs print: `python -m tests.golden.make`.

Logs that exist are kept as they are: a golden stands for what the program of its time wrote. Delete one to
have it made anew. The printed texts are written each time; look at the difference before it is committed.
"""

import contextlib
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from kubectl_ebpfaudit import app
from tests.support.logs import MONOTONIC, MS, SECOND, LogBuilder, argv, run, shell_session, start_shell

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


LOGS: dict[str, Callable[[], bytes]] = {
    "v1-shell": lambda: shell_session().build(),
    "v1-lossy": lambda: lossy().build(),
    "v1-hostile": lambda: hostile().build(),
    "v1-commands": lambda: commands().build(),
    "v1-cut": lambda: shell_session().build(split=4)[:-300],
}


def names() -> list[str]:
    """The golden logs there are."""
    return [path.stem for path in sorted(HERE.glob("*.ebpfaudit"))]


def printed(name: str, verb: str, home: Path) -> bytes:
    """What the verb prints for that log, then what it says on stderr and its exit code; in a new `home`."""
    log = HERE / f"{name}.ebpfaudit"
    store = home / "recordings"
    store.mkdir(parents=True, exist_ok=True)
    (store / log.name).write_bytes(log.read_bytes())
    arguments = [log.name if argument == "LOG" else argument for argument in VERBS[verb]]
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
            path.write_bytes(build())
    for name in names():
        for verb in VERBS:
            with tempfile.TemporaryDirectory() as home:
                (HERE / f"{name}.{verb}").write_bytes(printed(name, verb, Path(home)))


if __name__ == "__main__":
    main()
