"""A recording that has all attacks in all places."""

from typing import Any

from tests.attacks import HUGE_OSC, OUTPUT, TEXTS
from tests.support.logs import MS, SECOND, LogBuilder, run, start_shell


def clean(value: str) -> str:
    """Text of a header: msgpack has no half characters; a reader of hostile ones is tested by the fuzzer."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def attacked_log() -> LogBuilder:
    """Whatever names something, was run, typed or printed is an attack; after each output comes the line `marker`."""
    text = clean("\x1f".join(TEXTS.values()))
    labels = {clean(value): clean(value) for value in TEXTS.values()}
    target: dict[str, Any] = dict.fromkeys(("namespace", "pod", "container", "container_id", "cgroup"), text)
    target |= {"cgroup_id": 1, "image": text, "owner": text, "labels": labels, "node": text, "kind": text}
    target |= {"probes": [{"kind": text, "argv": [clean(value) for value in TEXTS.values()]}]}
    log = LogBuilder(
        targets=[target], recording=text, node={"name": text, "kernel": text}, probes={text: text}, recorder={text: 1}
    )
    start_shell(log)
    at = SECOND
    for value in TEXTS.values():
        word = value.encode("utf-8", "surrogateescape").replace(b"\0", b"")
        run(log, at, 101 + at // SECOND, word or b"x", b"--x=" + word, tty=1, cwd=b"/" + word, filename=b"/" + word)
        log.add("exec_failed", at + MS, pid=100, error=2, filename=word)
        log.add("tty_in", at + 2 * MS, data=word + b"\r")
        log.add("warning", at + 3 * MS, kind=7, comm=word, tty=1)
        at += SECOND
    for data in (*OUTPUT.values(), HUGE_OSC):
        for place in range(0, len(data), 4096):
            log.add("tty_out", at, data=data[place : place + 4096])
        log.add("tty_out", at, data=b"\x18\r\nmarker\r\n")  # CAN: whatever was open is closed
        at += SECOND
    for value in TEXTS.values():  # which may be typed with no terminal, and printed as markup
        log.add("tty_out", at, data=value.encode("utf-8", "surrogateescape") + b"\x18\r\n")
    log.add("session_end", at, signal=9)
    pid, words = 900, b"".join(clean(value).encode().replace(b"\0", b"") + b"\0" for value in TEXTS.values())
    log.add("session_start", at, 2, pid, ns_pid=pid).add(
        "exec", at, 2, pid, ns_pid=pid, argv=words, filename=words[:99]
    )
    log.add("stream_open", at, 2, pid, stream=9, fd=1).add("stream_data", at, 2, pid, stream=9, fd=1, data=words)
    log.add("session_end", at + MS, 2, pid)
    return log.come(at, 2, namespace=text, pod=text)
