"""Nodes that cannot be recorded on: each is told in one line, with what to do, and an exit code of its own."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.container import Container
from tests.support.recorder import recorder_argv, with_only

_NO_BTF = "mount -t tmpfs tmpfs /sys/kernel/btf"
_ONLY_V1 = "mount -t tmpfs tmpfs /sys/fs/cgroup && mkdir /sys/fs/cgroup/cpu"
_NO_PROC = "mount -t tmpfs tmpfs /proc"
_LOOKS_AT_PROCESSES = ("SYS_PTRACE", "DAC_READ_SEARCH", "DAC_OVERRIDE")
_DENY = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None)
number = {"x86_64": 321, "aarch64": 280}[os.uname().machine]
# Loads the number of the call; if it is that of bpf, EPERM, else all is allowed (include/uapi/linux/seccomp.h).
code = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
filter = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in code))
program = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(filter)))
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program) == 0
os.execvp(sys.argv[1], sys.argv[1:])
"""


def agent(victim: Container, spool: Path, before: list[str]) -> tuple[int, str]:
    """How a recorder of the container ends that is started with this before its command line, and what it says."""
    config = json.dumps({"recording": "test", "targets": [{"container_id": victim.id}]})
    command = [*before, *recorder_argv("agent", "--spool", str(spool), "--config", config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


def in_mounts(script: str) -> list[str]:
    """To be put before a command that is to run where these mounts have been made."""
    return ["unshare", "--mount", "sh", "-c", f'{script} && exec "$@"', "sh"]


@pytest.mark.parametrize(
    ("before", "code", "says"),
    [
        (in_mounts(_NO_BTF), 12, "this kernel has no type information: "),
        (in_mounts(_ONLY_V1), 4, "no unified cgroup hierarchy below "),
        (in_mounts(_NO_PROC), 13, "the recorder cannot read /proc "),
        (["/usr/bin/python3", "-c", _DENY], 13, "the kernel loads no BPF program for the recorder, "),
        (with_only(_LOOKS_AT_PROCESSES), 13, "the kernel refuses the probes to a recorder with few privileges "),
    ],
    ids=["no BTF", "cgroup v1 alone", "no /proc", "bpf() forbidden", "no privileges for bpf()"],
)
def test_what_a_node_lacks_is_told_in_a_line(
    before: list[str], code: int, says: str, victim: Container, tmp_path: Path
) -> None:
    returned, said = agent(victim, tmp_path, before)
    first, *details = said.splitlines()
    assert first.startswith(f"error: {says}")
    assert not [line for line in details if "Traceback" in line]
    assert returned == code
