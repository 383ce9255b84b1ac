"""The rows of docs/coverage.md: each way in and each trick, as data.

An entry of ROWS is proven by tests/kernel/test_coverage.py: its script runs as a session of its own in a container, and
`check` is given what `show -o json` says of that session. UNSEEN names what cannot be seen, and why.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.container import Container

Session = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """`kind` is the table it goes to. Bash runs `script`, or `argv` runs; with `tty` on a terminal, of `size`.

    With `outside` its script prints "ready" and reads a line, and `outside` is called in between. With `how` a command
    line on the node begins it. With `own` the script is typed on the terminal of a container's own program. The program
    with the argv `waits` goes on until its stdin ends: so it is there until it has been looked at.

    `seen` is for a reader; `only` says where alone it is seen: elsewhere, where the header's `probes` has `probe`, the
    row is tried in vain.
    """

    kind: str
    what: str
    seen: str
    check: Callable[[Session], object]
    script: str = ""
    argv: tuple[str, ...] = ()
    tty: bool = False
    only: str = ""
    probe: tuple[str, str] | None = None
    outside: Callable[[Container], object] | None = None
    size: tuple[int, int] = (24, 80)
    how: Callable[[Container], list[str]] | None = None
    own: bool = False
    waits: tuple[str, ...] = ()


def last(session: Session) -> dict[str, Any]:
    """The exec that a session's script is about: its last one."""
    found: dict[str, Any] = session["execs"][-1]
    return found


def _flags(*names: str) -> Callable[[Session], object]:
    """A check that the last exec has exactly these flags of its file."""

    def check(session: Session) -> bool:
        assert last(session)["file"]["flags"] == list(names), last(session)
        return True

    return check


_COVERED = """mkdir -p /tmp/ran /tmp/cover
for folder in /tmp/ran /tmp/cover; do mount -t tmpfs none $folder; cp /bin/busybox $folder/x; done
echo other >>/tmp/cover/x; sleep 0.1; /tmp/ran/x true; mount -o bind /tmp/cover /tmp/ran; :"""
"""Both files have the same inode number. When the recorder looks the program has ended, or is read as it runs."""


def _not_hashed_by_path(session: Session) -> bool:
    (ran,) = [one for one in session["execs"] if one["argv"] == ["/tmp/ran/x", "true"]]
    assert ran["file"]["sha256"] in (None, BUSYBOX_SHA256), ran
    return True


def _same_ids_apart(session: Session) -> object:
    first, second = [ran for ran in session["execs"] if ran["argv"][0] == "/bin/true"]
    assert (first["pid"], first["argv"], second["argv"]) == (second["pid"], ["/bin/true", "1"], ["/bin/true", "2"])
    assert first["ended"] <= second["time"] <= second["ended"]
    return True


def _hashed(*names: str) -> Callable[[Session], object]:
    """The same, and that the SHA-256 of the file was taken: all these run copies of busybox."""

    def check(session: Session) -> bool:
        _flags(*names)(session)
        assert last(session)["file"]["sha256"] == BUSYBOX_SHA256, last(session)
        is_unsure = last(session)["file"]["sha256_result"] == "taken_unsure"
        assert is_unsure or not {"memfd", "tmpfs"}.intersection(names), last(session)
        return True

    return check


def _warned(kind: str, **wanted: object) -> Callable[[Session], object]:
    """A check that a session has this warning, and no other, with these entries."""

    def check(session: Session) -> bool:
        told = session.get("warnings", [])
        assert [one["kind"] for one in told] == [kind], told
        return _of(told[0], **wanted)

    return check


def _write_to_its_terminal(victim: Container) -> None:
    terminal = f"/proc/{victim.init}/root/dev/pts/0"
    fd = os.open(terminal, os.O_WRONLY | os.O_NOCTTY)
    os.write(fd, b"from elsewhere\n")
    os.close(fd)


def _of(where: dict[str, Any], **wanted: object) -> bool:
    """That an exec, or another part of the document, has these entries."""
    assert {name: where[name] for name in wanted} == wanted
    return True


def _sha256_of_busybox() -> str:
    busybox = Path("/bin/busybox")
    return hashlib.sha256(busybox.read_bytes()).hexdigest() if busybox.exists() else ""


BUSYBOX_SHA256 = _sha256_of_busybox()


def _left_behind(*argv: str) -> Callable[[Session], object]:
    """A check that a process that runs this outlived the session and the recording."""

    def check(session: Session) -> bool:
        lived = [one["ended"] for one in session["outlived"] if one["argv"] == list(argv)]
        assert lived == [None], session["outlived"]
        return True

    return check


def _left_a_shell(session: Session) -> bool:
    assert "/bin/bash" in [one["argv"][0] for one in session["outlived"]]
    return True


def _one_terminal(session: Session) -> bool:
    [terminal] = session["terminals"]
    assert terminal["output_bytes"] > 0
    return True


def _showed_on_each(count: int) -> Callable[[Session], object]:
    """A check that so many terminals showed a word each, as tricks.c has it, and that the script was not broken off."""

    def check(session: Session) -> bool:
        showed = [terminal["output_bytes"] for terminal in session["terminals"]]
        assert showed == [len("shown\r\n")] * count, showed
        return _of(session, exit_code=0)

    return check


def _two_terminals(session: Session) -> bool:
    first, second = session["terminals"]
    assert first["output_bytes"] > 0
    assert second["output_bytes"] > 0
    return True


_ANSWERED = r'/bin/id; printf "\033[6n"; read -rsd R answer'
"""Ends once the terminal has read it all, and so answers: of a program that ends at once tmux may read nothing."""

_UNLED_SHELL = """python3 -c '
import os, subprocess
master, slave = os.openpty()
subprocess.run(["/bin/sh", "-c", "/bin/id"], stdin=slave, stdout=slave, stderr=slave)
os.read(master, 1000)'; :"""

# The last word of each script is `:`, since bash would run a last command in its own process.
_LONG = "a=$(printf '%s ' {1..20000}); /bin/true $a; :"


def _is(kind: str, **more: object) -> Callable[[Session], object]:
    """A check that a session is of this kind, and has these entries."""
    return lambda session: _of(session, kind=kind, **more)


def _detached(*argv: str) -> Callable[[Container], list[str]]:
    """Runs something without stdin, of which runc in the foreground makes a pipe."""

    def command(victim: Container) -> list[str]:
        run = victim.exec_argv(*argv, tty=False)
        return [*run[: run.index("exec") + 1], "--detach", *run[run.index("exec") + 1 :]]

    return command


def _below(victim: Container) -> list[str]:
    """Enters a cgroup far below the container's, in a mount namespace of its own: only the cgroup tells."""
    root = Path("/sys/fs/cgroup")
    root = root if (root / "cgroup.controllers").exists() else root / "unified"
    cgroup = root / victim.cgroup.lstrip("/")
    below = "/".join(["below"] * 60)
    enter = f"echo $$ >{below}/cgroup.procs; exec unshare --mount /bin/true nested"
    return ["sh", "-c", f"cd {cgroup}; mkdir -p {below}; sh -c '{enter}'; rmdir -p {below}"]


def _ran(*argv: str) -> Callable[[Session], object]:
    """A check that this ran, also after the session's end."""

    def check(session: Session) -> bool:
        assert list(argv) in [one["argv"] for one in session["execs"]], session["execs"]
        return True

    return check


def _sized(rows: int, cols: int) -> Callable[[Session], object]:
    """A check of the size of the session's terminal, and that what it showed is there."""

    def check(session: Session) -> bool:
        [terminal] = session["terminals"]
        assert terminal["output_bytes"] > 0
        return _of(terminal, rows=rows, cols=cols)

    return check


def _same_process(session: Session) -> bool:
    before, after = session["execs"][-2:]
    assert (after["argv"], after["exit_code"]) == (["true", "thread"], 0)
    return _of(after, pid=before["pid"], host_pid=before["host_pid"])


JOBS, MADE_BY_JOB = "/root/jobs", "/root/by-job"
"""Where a session's daemon waits for a job, and what that makes."""

LIVENESS = ("/bin/test", "-e", "/etc/passwd")
PROBES = [{"kind": "liveness probe", "argv": list(LIVENESS)}]

SUFFIX = "ebpfaudit-test"
"""Of files that the kernel runs by /bin/bash (binfmt_misc)."""


def _carried(**expected: bytes) -> Callable[[Session], object]:
    """A check that this went through each pipe that is named."""

    def check(session: Session) -> None:
        found = {pipe["name"]: (pipe["bytes"], pipe["sha256"]) for pipe in session["streams"]}
        for name, data in expected.items():
            assert found[name] == (len(data), hashlib.sha256(data).hexdigest())

    return check


ROWS = [
    Row("session", "`crond`, `atd` or another daemon that the session starts, and the jobs that it runs later",
        "with the session that started it", _ran("/bin/touch", MADE_BY_JOB),
        f"mkfifo {JOBS}; (setsid /bin/bash -c 'read -r job <{JOBS}; /bin/sh -c \"$job\"' >/dev/null 2>&1 &); :"),
    Row("entry", "`kubectl exec -it`", "`exec -it`", _is("exec -it", tty=True), "/bin/true; :", tty=True),
    Row("entry", "`kubectl exec`", "`exec`", _is("exec", argv=["/bin/true", "x"]),
        how=_detached("/bin/true", "x")),
    Row("entry", "`kubectl exec -i`", "`exec -i`", _is("exec -i", argv=["/bin/true", "y"]), argv=("/bin/true", "y")),
    Row("entry", "`kubectl cp`", "`cp`, with the files", _is("cp"), argv=("tar", "cf", "-", "/etc/passwd")),
    Row("entry", "probes and hooks that run a command", "which it is; a line for all runs of one",
        _is("liveness probe"), how=_detached(*LIVENESS)),
    Row("entry", "`nsenter` on the node into all namespaces", "`from the node`", _is("from the node"),
        how=lambda victim: ["nsenter", "--target", str(victim.init), "--all", "/bin/true"]),
    Row("entry", "a cgroup below the container's", "like any other",
        lambda s: _of(last(s), argv=["/bin/true", "nested"]), how=_below),
    Row("exec", "`/bin/ls`, a link", "the path as given, and the file that it leads to",
        lambda s: (_of(last(s), filename="/bin/ls"), _of(last(s)["file"], path="/bin/busybox", flags=[])),
        "/bin/ls /; :"),
    Row("exec", "a script with `#!`", "the script, its interpreter and the interpreter's file",
        lambda s: (_of(last(s), filename="/tmp/script", interpreter="/bin/bash"),
                   _of(last(s)["file"], path="/bin/bash")),
        "printf '#!/bin/bash\\n:\\n' >/tmp/script; chmod +x /tmp/script; /tmp/script; :"),
    Row("exec", "arguments of 100 KB", "all of them; up to 1 MiB, with the true length beyond that",
        lambda s: _of(last(s), argv=["/bin/true", *map(str, range(1, 20001))]), _LONG),
    Row("exec", "arguments with line breaks, escape sequences, bytes that are not UTF-8", "the very bytes, escaped",
        lambda s: _of(last(s), argv=["/bin/true", "a\nb", "\x1b]0;x\x07", "\\xff"],
                      argv_base64=["L2Jpbi90cnVl", "YQpi", "G10wO3gH", "/w=="]),
        r"/bin/true $'a\nb' $'\e]0;x\a' $'\xff'; :"),
    Row("exec", "no arguments at all, not even a name",
        "the file; one empty argument, which Linux makes of none since 5.18",
        lambda s: _of(last(s), filename="/bin/busybox", argv=last(s)["argv"] and [""]),
        "/bin/tricks no-argv /bin/busybox; :"),
    Row("exec", "a program that a thread which is not the first runs", "it is the same process, which goes on",
        _same_process, "/bin/tricks thread /bin/busybox true thread; :"),
    Row("exec", "a file that the kernel runs by an interpreter that is registered for it (`binfmt_misc`)",
        "the file as given, and the interpreter",
        lambda s: (_of(last(s), filename=f"/tmp/x.{SUFFIX}", interpreter="/bin/bash"),
                   _of(last(s)["file"], path="/bin/bash")),
        f"echo : >/tmp/x.{SUFFIX}; chmod +x /tmp/x.{SUFFIX}; /tmp/x.{SUFFIX}; :"),
    Row("exec", "a file name with an escape sequence", "the name, escaped",
        lambda s: (_of(last(s), filename="/tmp/\x1b[31m"), _of(last(s)["file"], path="/tmp/\x1b[31m", flags=["upper"])),
        r"cp /bin/busybox $'/tmp/\e[31m'; $'/tmp/\e[31m'; :"),
    Row("exec", "a program that was copied into the container", "`[upper]`, SHA-256", _hashed("upper"),
        "cp /bin/busybox /tmp/sleep; /tmp/sleep 0.2; :"),
    Row("exec", "a program of the image that was changed", "`[upper]`, SHA-256: it is no longer the image's",
        _flags("upper"), "cp /bin/busybox /bin/own; echo >>/bin/own; ln -s own /bin/own-true; /bin/own true; :"),
    Row("exec", "a program on a tmpfs", "`[tmpfs, other mount]`, SHA-256", _hashed("tmpfs", "other_mount"),
        "cp /bin/busybox /mnt/sleep; /mnt/sleep 0.2; :"),
    Row("exec", "the same where the tmpfs is made the root of a mount namespace of its own (`pivot_root`)",
        "`[tmpfs]`", _flags("tmpfs"),
        "unshare -m /bin/sh -c 'mkdir -p /mnt/bin /mnt/old && cp /bin/busybox /mnt/bin/true && cd /mnt && "
        "mount --bind /mnt /mnt && cd /mnt && pivot_root . old && exec /bin/true'; :"),
    Row("exec", "a program on a file system that is mounted nowhere (`fsmount`, `open_tree`)",
        "`[other mount]`, SHA-256", _hashed("other_mount"), "/bin/tricks unmounted /bin/busybox cat; :",
        waits=("cat",)),
    Row("exec", "the same, 60 folders deep", "`[other mount, path cut]`, the end of its path, SHA-256",
        lambda s: (_hashed("other_mount", "path_cut")(s),
                   _of(last(s)["file"], path="…" + "/d" * 47 + "/cat")),
        "mount -t ramfs none /mnt; d=/mnt$(printf '/d%.0s' {1..60}); mkdir -p $d; cp /bin/busybox $d/cat; cd $d; "
        "./cat; :", waits=("./cat",)),
    Row("exec", "a program that lies in no folder (`memfd_create`, then `/proc/self/fd/N`)",
        "`[memfd]`, SHA-256, the name that it was given", _hashed("memfd"),
        "/bin/tricks memfd /bin/busybox cat; :", waits=("cat",)),
    Row("exec", "the same by `execveat` with `AT_EMPTY_PATH`", "the same",
        lambda s: (_hashed("memfd")(s), _of(last(s), argv=["cat"]),
                   _of(last(s)["file"], path="memfd:kworker/0:0")),
        "/bin/tricks memfd-at /bin/busybox cat; :", waits=("cat",)),
    Row("exec", "a program that is removed before it runs", "`[deleted, upper]`, where it was, SHA-256",
        lambda s: (_hashed("deleted", "upper")(s), _of(last(s)["file"], path="/tmp/removed")),
        "/bin/tricks deleted /bin/busybox cat; :", waits=("/bin/busybox", "cat")),
    Row("exec", "a program whose folder another file system is mounted over as it ends, with a file like it",
        "no SHA-256 of that file: `gone`", _not_hashed_by_path, _COVERED),
    Row("exec", "a program that removes itself while it runs", "`[upper]`, SHA-256 of what ran",
        lambda s: (_flags("upper")(s), _of(last(s)["file"], sha256_result="taken")),
        "cp /bin/tricks /tmp/tricks; /tmp/tricks remove-self; :", waits=("/tmp/tricks", "remove-self")),
    Row("exec", "`chroot` inside the container", "the path from the container's root; the rest as ever",
        lambda s: (_of(last(s), filename="/bin/true"),
                   _of(last(s)["file"], path="/tmp/jail/bin/true", flags=["upper"])),
        "mkdir -p /tmp/jail/bin; cp /bin/busybox /tmp/jail/bin/true; chroot /tmp/jail /bin/true; :"),
    Row("exec", "namespaces of its own inside the container (`unshare`)", "what runs in them, with the IDs of the host",
        lambda s: _of(last(s), argv=["/bin/true", "inside"]), "unshare -p -f -m /bin/true inside; :"),
    Row("exec", "set-user-ID programs", "`[as 0:1000]`: the effective IDs and capabilities that it got",
        lambda s: (_of(last(s), uid=1000, gid=1000, euid=0, egid=1000, no_new_privs=False)),
        "cp /bin/busybox /tmp/suid; chmod 4755 /tmp/suid; /bin/tricks as-user /tmp/suid true; :"),
    Row("exec", "32-bit system calls with the numbers and arguments of others",
        "no failed command or typed byte that there was not",
        lambda s: (_of(s, failed_execs=[], input_bytes=0), _of(last(s), argv=["/bin/tricks", "32-bit"])),
        "/bin/tricks 32-bit"),
    Row("exec", "programs without privileges", "capabilities and `no_new_privs`",
        lambda s: _of(last(s), effective_capabilities="0" * 16, no_new_privs=True, euid=1000),
        "/bin/tricks no-privileges /bin/true; :"),
    Row("pipes", "what a command without a terminal prints",
        "how much, its SHA-256; the bytes: `replay`, `export --format raw`",
        _carried(stdout=b"printed\n", stderr=b""), "echo printed; :"),
    Row("pipes", "its errors", "the same, apart", _carried(stdout=b"", stderr=b"bad\n"), "echo bad >&2; :"),
    Row("pipes", "output by `splice`, `sendfile` and the like", "the same: it counts where it leaves the container",
        _carried(stdout=b"spliced\n", stderr=b""), "echo spliced | /bin/tricks splice; :"),
    Row("session", "`nohup PROGRAM &`", "with the session that started it, and as left behind",
        _left_behind("/bin/sleep", "1001"), "nohup /bin/sleep 1001 >/dev/null 2>&1 & /bin/sleep 0.2; :"),
    Row("session", "`setsid PROGRAM &`", "the same", _left_behind("/bin/sleep", "1002"),
        "setsid /bin/sleep 1002 >/dev/null 2>&1 & /bin/sleep 0.2; :"),
    Row("session", "a daemon: two forks, `setsid`, adopted by the container's init", "the same",
        _left_behind("/bin/sleep", "1003"),
        "(setsid /bin/bash -c '/bin/sleep 1003 & echo >/tmp/up' >/dev/null 2>&1 &); "
        "until [[ -s /tmp/up ]]; do :; done"),
    Row("session", "a process that forks and runs no program", "the same, with the program of its parent",
        _left_a_shell,
        "(while /bin/true; do /bin/sleep 1004; done) >/dev/null 2>&1 & :"),
    Row("session", "a process whose ID another one had before", "as another process", _same_ids_apart,
        "/bin/sh -c 'echo $$ >/tmp/id; exec /bin/true 1'; mount -o remount,rw /proc/sys 2>/dev/null; "
        "echo $(($(cat /tmp/id) - 1)) >/proc/sys/kernel/ns_last_pid; /bin/true 2; :"),
    Row("session", "`script`", "a terminal of its own, both directions, byte for byte", _two_terminals,
        "script -q -c /bin/id /tmp/typescript; :", tty=True),
    Row("session", "`tmux`", "the same", _two_terminals, f"tmux -f /dev/null new-session '{_ANSWERED}'; :", tty=True),
    Row("session", "`screen`", "the same", _two_terminals,
        "mkdir -m 700 /tmp/screens; SCREENDIR=/tmp/screens screen -c /dev/null "
        f"/bin/bash -c '{_ANSWERED}'; :", tty=True),
    Row("session", "`python -c 'import pty; pty.spawn(…)'`", "the same", _two_terminals,
        "python3 -c 'import pty; pty.spawn(\"/bin/id\")'; :", tty=True),
    Row("session", "a shell on a terminal that nobody leads, as of a reverse shell", "the same",
        _one_terminal, _UNLED_SHELL),
    Row("session", "a terminal whose other end is opened by `openat2`, read by `preadv2`, received by `recvmmsg`, or "
        "shared (`CLONE_FILES`)", "the same", _showed_on_each(3),
        "set -e; for way in 'terminal openat2' 'given-terminal recvmmsg' 'given-terminal shared'; do "
        "/bin/tricks $way; done; :"),
    Row("warnings", "`ptrace` of another process", "a warning, with whose it is", _warned("ptrace"),
        "/bin/tricks ptrace; :"),
    Row("warnings", "`process_vm_writev`", "the same", _warned("ptrace"), "/bin/tricks write-memory; :"),
    Row("warnings", "`bpf`", "a warning, also where it is refused", _warned("bpf"), "/bin/tricks bpf; :"),
    Row("warnings", "`mount`, `umount`, `move_mount`", "the same", _warned("mount"),
        "/bin/tricks mount; :"),
    Row("warnings", "`unshare`, `setns`", "a warning that names the namespaces", _warned("namespace", value=0x04000000),
        "/bin/tricks unshare; :"),
    Row("warnings", "`clone` with new namespaces", "the same", _warned("namespace", value=0x04000000),
        "/bin/tricks clone; :"),
    Row("warnings", "input that is put into a terminal (`TIOCSTI`)", "a warning, also where Linux refuses it",
        _warned("typed"), "/bin/tricks push-input; :", tty=True),
    Row("warnings", "a process that is not of the session writes to its terminal", "a warning, with who it was",
        _warned("foreign_write", value=15), "echo ready; read -r line; :", tty=True, outside=_write_to_its_terminal,
        only="not on the last rung", probe=("tty", "raw tracepoint sys_exit")),
    Row("session", "a terminal of 1x1", "its size", _sized(1, 1), "echo shown; read -r line; :", tty=True, size=(1, 1)),
    Row("session", "a terminal of 65535 columns", "its size", _sized(2, 65535), "echo shown; read -r line; :", tty=True,
        size=(2, 65535)),
    Row("warnings", "output that sets or reads the clipboard (OSC 52)", "a warning; `replay` leaves it out",
        _warned("clipboard"), r"printf '\e]52;c;cm0=\a'; :", tty=True),
    Row("warnings", "output that has a terminal type an answer of its choice (title, ENQ, odd DECRQSS or XTGETTCAP)",
        "the same", _warned("answer_back", count=2), r"printf '\e[21t\005'; :", tty=True),
    Row("entry", "`kubectl attach` and `kubectl run -it`, from the first key or window size on",
        "`attach`; what runs on that terminal", lambda s: (_is("attach")(s), _ran("/bin/true", "attached")(s)),
        "/bin/true attached", own=True),
]  # fmt: skip

UNSEEN = {
    "Who only looks on at a container's own program: `kubectl attach` without input, `kubectl logs`": (
        "the runtime reads what it prints, attached or not; the kernel sees no difference"
    ),
    "When somebody who has attached goes, and that another one has come": (
        "their keys come through the same terminal; both are of one session, until its program ends"
    ),
    "What was sent to a session's stdin and never read, where the runtime sends before the program runs": (
        "runc in the foreground does: there input is taken as the container reads it"
    ),
    "Who comes from the node into a cgroup over 256 levels below a container's, and not into its mount namespace": (
        "so far up it is looked for; no runtime does that, and what a session starts is known wherever it goes"
    ),
    "Who joins a container's PID namespace from the node, and neither its cgroup nor its mount namespace": (
        "files are seen by the mount namespace, and containers of a pod may share their process IDs"
    ),
    "Input and output that a session has as files or sockets of the node, or as a FIFO with a name": (
        "no runtime of Kubernetes does that: all use pipes"
    ),
    "Jobs that a session gives to a `cron`, `at` or other daemon which the container has started": (
        "the daemon starts them: they are the workload's; that the session ran `crontab` or `at` is there"
    ),
    "What a session has a process of the container's own run, as by `ptrace`, or by what that reads": (
        "it stays the workload's; that the session took hold of it by `ptrace` is a warning"
    ),
    "What a privileged session has the kernel run (`core_pattern`), or a daemon of the node (docker, systemd)": (
        "that runs on the node, and nobody in the container has started it"
    ),
    "Which session left what behind, for what an init had adopted before recording began": (
        "nothing tells who started it: it counts as the container's own"
    ),
    "A terminal that has no leader and is nobody's standard input, output or error as a program begins": (
        "it is no terminal of a session then, but a buffer between two descriptors"
    ),
    "What terminal it is, where the cursor stands, colours (DA, DSR, OSC 11 …)": (
        "every editor asks that: a warning of it would hide the others; the bytes are recorded"
    ),
    "Signals to the recorder from outside the sessions": (
        "they are the node's own business; from a container that does not share the node's process IDs there are none"
    ),
    "A file system that is made or copied, but mounted nowhere (`fsmount`, `open_tree`)": (
        "nobody else sees it; to mount it (`move_mount`) is a warning, and what is run from it is `[other mount]`"
    ),
    "`/proc/PID/mem`, and 32-bit or x32 calls that would be warnings, where there is neither fentry nor kprobes": (
        "there only some system calls are looked at, where a program looks at all of them anyway"
    ),
    "What 32-bit or x32 calls, io_uring and AIO move through a terminal that the session has opened itself, or a call "
    "during which another thread puts another file in its place, on the last rung": (
        "there what 64-bit calls return is looked at; the terminal that a session came in on is read by the runtime"
    ),
    "The program itself, where a privileged session exchanges the mount that it was on for one with a file of the same "
    "numbers and times": "the SHA-256 may be that file's; each mount is a warning",
    "What a program takes from its stdin by `tee`, on the last rung also so, where the runtime sends before it runs": (
        "runc in the foreground does: there input is taken as the container reads it, and `tee` leaves it where it was"
    ),
    "Commands that a 32-bit program fails to run": "its calls are other ones; what it does run is seen",
    "The name of a program with a damaged file, whose process is killed as it begins to run it": (
        "the memory that holds the name is gone by then; that it failed is there"
    ),
    "The name of a program that cannot be run, where another thread writes over it during the call": (
        "it is read when the call has failed; the kernel takes it at a moment of its own, later than any probe at the "
        "beginning would: that could be deceived as well. That something failed, and how, is there"
    ),
    "What is typed while a session has turned echo off (`stty -echo`)": (
        "it may be a password, and is only counted; what runs by it is there"
    ),
    "Who has written into a session's pipe: another one may, by `/proc/PID/fd/1`": (
        "what leaves by a pipe is its session's; that needs a look at each write"
    ),
    "A process of the session that writes to files, opens connections, loads libraries": (
        "that needs a probe on each of these calls of the node"
    ),
    "Shell builtins (`echo`, `cd`, `>` …), and what an interpreter does by itself": (
        "no program is run: only what shows on the terminal is recorded"
    ),
    "That a program lies on a file system of its own, no tmpfs, that its user has made the root of a mount namespace": (
        "nothing then lies above it, as above the image's own files; that it was mounted is a warning"
    ),
    "Whether a program is the image's own, where the container's root is no overlay": (
        "nothing in such a file system tells; its path, size, mode and inode are there"
    ),
    "The content of a script": "the file that the kernel runs is its interpreter; the script's name is there",
    "SHA-256 of a program without a name, or removed, that ends within some 10 ms": (
        "it is gone before the recorder can look, and the recording says so (`gone`)"
    ),
    "Changed code in memory: a library that is preloaded, code that a program maps and jumps to": (
        "no program is run; that would need a probe on every `mmap`"
    ),
}
