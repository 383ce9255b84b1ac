"""Whether recording works on this node: looks, tries the probes, and prints what it found as one JSON object.

Nothing is recorded: the maps of the probes stay empty, and they are detached at once.
"""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from recorder import loader, ways
from recorder.btf import Btf
from recorder.cgroups import Cgroups
from recorder.climb import Refusal
from recorder.loader import NoProbes
from recorder.log import __version__
from recorder.log.errors import AuditError

VERSION = 1
"""Of the answer. Fields may be added to it without a new one."""

_MAX_REASON = 2000  # characters: the answer has to fit into the last part of a pod's log


def doctor(spool: Path, sysfs: Path, every_way: bool = False) -> int:
    """Prints the answer and returns 0, whatever is wrong with the node. `every_way`: not only the best is tried."""
    uname = os.uname()
    answer = {
        "doctor": VERSION,
        "recorder": __version__,
        "kernel": uname.release,
        "arch": uname.machine,
        "root": os.geteuid() == 0,
        "btf": _fault(Btf),
        "cgroup": _fault(lambda: Cgroups(sysfs)),
        "lockdown": _lockdown(sysfs),
        "probes": _probes(sysfs),
        **({"ways": ways.every_way(sysfs)} if every_way else {}),
        "spool_bytes": _free(spool),
        "memory_bytes": _memory(),
    }
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _fault(look: Any) -> str:
    """What is wrong, "" if nothing."""
    try:
        look()
    except AuditError as error:
        return str(error)
    return ""


def _lockdown(sysfs: Path) -> str:
    """none, integrity or confidentiality; "" where the kernel does not tell (security/lockdown/lockdown.c)."""
    try:
        modes = (sysfs / "kernel/security/lockdown").read_text()
    except OSError:
        return ""
    chosen = re.search(r"\[(\w+)\]", modes)
    return chosen[1] if chosen else ""


def _probes(sysfs: Path) -> dict[str, Any]:
    """The best way of each kind that can be loaded and attached, and why those before it cannot."""
    try:
        found = loader.load(sysfs=sysfs)
    except NoProbes as error:
        return {"taken": {}, "refused": _refused(error.refused, error.details)}
    except AuditError as error:
        return {"taken": {}, "refused": [{"kind": "", "way": "all", "reason": str(error)[:_MAX_REASON]}]}
    found.close()
    return {"taken": found.taken, "refused": _refused(found.refused)}


def _refused(refused: list[Refusal], details: str = "") -> list[dict[str, str]]:
    """Ways that cannot be taken. What the verifier said is with the last one."""
    told = [{"kind": r.kind, "way": r.says, "reason": r.reason[:_MAX_REASON]} for r in refused]
    if told and details:
        told[-1]["reason"] = f"{told[-1]['reason']}\n{details}"[:_MAX_REASON].strip()
    return told


def _free(spool: Path) -> int | None:
    """Bytes that the log may take."""
    try:
        room = os.statvfs(spool)
    except OSError:
        return None
    return room.f_bavail * room.f_frsize


def _memory() -> int | None:
    """Bytes of memory that the node has left."""
    try:
        found = re.search(r"^MemAvailable:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.M)
    except OSError:
        return None
    return int(found[1]) << 10 if found else None
