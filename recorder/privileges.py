"""What a recorder that has only some of root's capabilities (`--least-privilege`) may do on this node."""

import os
from collections.abc import Iterable
from pathlib import Path

from recorder import bpf
from recorder.log.errors import KernelRefused

REMEDY = "record without --least-privilege"
_SYS_ADMIN = 21  # include/uapi/linux/capability.h


def few() -> bool:
    """Whether this process lacks CAP_SYS_ADMIN, which all of root's power includes.

    Raises KernelRefused if it cannot read of itself in /proc.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError as error:
        raise KernelRefused(
            f"the recorder cannot read /proc ({error.filename}: {error.strerror}), where the node's processes are: "
            "let it see the node's own"
        ) from error
    [line] = [line for line in status.splitlines() if line.startswith("CapEff:")]
    return not int(line.split()[1], 16) >> _SYS_ADMIN & 1


def refused(why: str) -> str:
    """The message of an error: the kernel does not take programs that recording cannot do without."""
    takes_any = bpf.takes(bpf.NOTHING)
    if takes_any and not bpf.takes(bpf.READ_KERNEL):
        return (
            "the kernel lets no BPF program read its memory: it is in lockdown mode confidentiality "
            "(/sys/kernel/security/lockdown); start the node with lockdown=integrity or none"
        )
    if few():
        return f"the kernel refuses the probes to a recorder with few privileges ({why}): {REMEDY}"
    if not takes_any:
        return (
            "the kernel loads no BPF program for the recorder, though it has all of root's power: something forbids "
            "bpf(2), as a seccomp profile, a security module or a sandbox does; let the recorder's pod use it"
        )
    return f"the kernel refuses the probes ({why}); -v shows what its verifier said"


def check_bpf() -> None:
    """Raises KernelRefused if no program of ours can be loaded: a quick look, before all of them are compiled."""
    if not bpf.takes(bpf.READ_KERNEL):
        raise KernelRefused(refused("it loads none"))


def check(pids: Iterable[int]) -> None:
    """Raises KernelRefused if, with few capabilities, the kernel does not let this process look at those processes.

    The recorder must see what runs already, its pipes and its namespaces: else it would miss sessions under way.
    """
    if not few():
        return
    for pid in pids:
        try:
            os.close(os.open(f"/proc/{pid}/fd", os.O_RDONLY | os.O_DIRECTORY))  # what the owner may
            os.stat(f"/proc/{pid}/ns/mnt")  # what a debugger may
        except PermissionError as error:
            raise KernelRefused(
                "this node does not let a recorder with few privileges look at other processes "
                f"({error.filename}: {error.strerror}; AppArmor and SELinux can do that): {REMEDY}"
            ) from error
        except OSError:  # gone meanwhile
            continue
