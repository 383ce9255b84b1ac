"""What a recording tells, as objects. Times are ns since 1970-01-01 UTC; what was recorded stays bytes."""

from dataclasses import dataclass, field
from pathlib import Path

from recorder.log.format import End, Header, Target
from recorder.log.reader import Damage
from replay.programs import Exec, FailedExec
from replay.who.identity import Identity

SESSION_UNDER_WAY = 1
SESSION_FROM_NODE = 2
SESSION_ATTACHED = 4
SESSION_END_UNSEEN = 1
"""Of the flags of a session_end."""


@dataclass(slots=True)
class Warned:
    """Something that may be meant to get round the recording, or at who looks at it; `time` is the first of `count`.

    `kind` is a word, `value` as bpf/event.h says of it; `pid` in the container, 0 if not known; of another process
    that it was done to, or by, `other` is the ID on the host, `other_session` its session or 0.
    """

    time: int
    kind: str
    count: int = 1
    pid: int = 0
    host_pid: int = 0
    value: int = 0
    other: int = 0
    other_session: int = 0
    tty: int = 0
    name: bytes = b""
    monotonic: int = 0
    """`time` in ns of CLOCK_MONOTONIC."""


@dataclass(slots=True)
class Gap:
    """Something is missing; `tty` and `direction` ("out", "in") are of the stream, 0 and "" for events."""

    time: int
    reason: str
    events: int = 0
    bytes: int = 0
    offset: int = 0
    tty: int = 0
    direction: str = ""
    monotonic: int = 0
    """`time` in ns of CLOCK_MONOTONIC."""


@dataclass(slots=True)
class Terminal:
    """A terminal of a session, /dev/pts/`index`.

    `rows` and `cols` are its first size that is known, `last_rows` and `last_cols` its last; else 0. A
    `kubectl exec -it` begins with a size of 0 and tells the true one right afterwards.
    """

    number: int
    index: int = 0
    rows: int = 0
    cols: int = 0
    last_rows: int = 0
    last_cols: int = 0
    output_bytes: int = 0
    input_bytes: int = 0
    hidden_bytes: int = 0

    def resize(self, rows: int, cols: int) -> None:
        """Takes note of a size."""
        if not (self.rows and self.cols):
            self.rows, self.cols = rows, cols
        self.last_rows, self.last_cols = rows, cols


@dataclass(slots=True)
class Stream:
    """A pipe of a session: `fd` 0 is its stdin, 1 its stdout, 2 its stderr.

    `size` bytes went through it, of which `left_out` are not in the recording on purpose. `sha256` is of all of them.
    """

    number: int
    fd: int
    size: int = 0
    left_out: int = 0
    sha256: bytes = b""

    @property
    def name(self) -> str:
        """stdin, stdout or stderr."""
        return ("stdin", "stdout", "stderr")[self.fd] if 0 <= self.fd < 3 else f"fd {self.fd}"


@dataclass(slots=True)
class Copied:
    """A file in the archive of a kubectl cp: its size in bytes, permissions, and type as tar writes it."""

    name: bytes
    size: int
    mode: int
    type: bytes


@dataclass(slots=True)
class Survivor:
    """A process that lived on when its session ended; `ended` is None if it outlived the recording, too.

    `ran` is the program that it ran last, None if that is not known; `started` is None if nobody saw it.
    """

    host_pid: int
    pid: int
    ran: Exec | None
    started: int | None
    ended: int | None = None
    exit_code: int | None = None
    signal: int = 0


@dataclass(slots=True)
class Session:
    """One entry from outside into a container. Byte counts are of what the recording holds, or left out on purpose."""

    number: int
    target: int
    host_pid: int
    pid: int
    started: int
    began: int
    """Time of its first event, ns of CLOCK_MONOTONIC."""
    under_way: bool = False
    from_node: bool = False
    """Whether it entered beside the container's cgroup, as nsenter on the node does."""
    attached: bool = False
    """Whether somebody was at the terminal or stdin of the container's own program, which `execs` begins with."""
    told_kind: str = ""
    files: list[Copied] = field(default_factory=list)
    """What a kubectl cp carried; `more_files`: and maybe more, which is not in the recording."""
    more_files: bool = False
    is_probe: bool = False
    """Whether it is one of the pod's probes or hooks."""
    part_of: "Session | None" = field(default=None, repr=False)
    """The kubectl cp that it was run for: its look at where it copies to."""
    ended: int | None = None
    over: int = 0
    """Time of its end, ns of CLOCK_MONOTONIC; 0 if none is known."""
    exit_code: int | None = None
    signal: int = 0
    terminals: list[Terminal] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    execs: list[Exec] = field(default_factory=list)
    failed: list[FailedExec] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    outlived: list[Survivor] = field(default_factory=list)
    output_bytes: int = 0
    input_bytes: int = 0
    hidden_bytes: int = 0
    who: Identity | None = None
    """Who it was, if `identify` was asked."""

    @property
    def user(self) -> str:
        """Who it was in a few words, not safe to print; empty if nobody knows."""
        return self.who.user if self.who else ""

    @property
    def kind(self) -> str:
        """How it came in, in kubectl's words."""
        if self.told_kind:
            return self.told_kind
        if self.has_terminal:
            return "exec -it"
        return "exec -i" if any(stream.fd == 0 for stream in self.streams) else "exec"

    @property
    def is_copy(self) -> bool:
        """Whether an archive of kubectl cp went through it."""
        return self.told_kind == "cp" and self.part_of is None

    @property
    def has_terminal(self) -> bool:
        """Whether it came in on a terminal; one that has pipes may have opened a terminal of its own later."""
        return bool(self.terminals) and not self.streams

    @property
    def argv(self) -> tuple[bytes, ...]:
        """That of the first program it ran."""
        return self.execs[0].argv if self.execs else ()

    @property
    def all_over(self) -> int | None:
        """When the last was over of what it ran and left behind, which may be long after it has ended.

        None if something may still run.
        """
        left = [lived.ended for lived in self.outlived]
        after = [ran.ended for ran in self.execs if ran.monotonic > self.over]
        ends = [self.ended, *left, *after]
        if None in ends:
            return None
        began = [*(ran.time for ran in self.execs), *(failed.time for failed in self.failed)]
        return max(end for end in (*ends, *began) if end is not None)

    @property
    def lost_events(self) -> int:
        return sum(gap.events for gap in self.gaps)

    @property
    def lost_bytes(self) -> int:
        return sum(gap.bytes for gap in self.gaps)


@dataclass(slots=True)
class Watched:
    """A target and when it was under watch."""

    target: Target
    started: int
    later: bool = False
    """Whether it came after the header was written."""
    ended: int | None = None
    end_reason: str = ""

    @property
    def namespaced_pod(self) -> str:
        """namespace/pod, empty if it is in none that is known."""
        of = self.target
        return "/".join(part for part in (of.namespace, of.pod) if part) if of.pod else ""


@dataclass
class Timeline:
    """All of a log but the bytes of its terminals. `gaps` are those that belong to no session."""

    path: Path
    header: Header
    end: End | None
    damage: Damage | None
    targets: dict[int, Watched]
    """By their numbers, in the order in which they came."""
    sessions: list[Session]
    gaps: list[Gap]
    started: int
    last: int
    """Time of the last event."""
    ended: int | None
    events: int
    """How many could be read."""

    @property
    def state(self) -> str:
        """complete | unfinished (cut off, or being written) | unread (its end, since there is too much) | damaged"""
        return state_of(self.end, self.damage)

    @property
    def lost_events(self) -> int:
        return sum(g.events for g in self.gaps) + sum(s.lost_events for s in self.sessions)

    @property
    def lost_bytes(self) -> int:
        return sum(g.bytes for g in self.gaps) + sum(s.lost_bytes for s in self.sessions)

    def target(self, number: int) -> Target | None:
        """The target with this number."""
        known = self.targets.get(number)
        return known.target if known else None


def state_of(end: End | None, damage: Damage | None) -> str:
    """complete | unfinished | unread | damaged"""
    if damage and not damage.cut:
        return "unread" if damage.too_much else "damaged"
    return "complete" if end and not damage else "unfinished"
