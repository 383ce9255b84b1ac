"""What can go wrong on the node. The message says what, where and what to do next."""

from recorder.log.errors import AuditError


class NotRoot(AuditError):
    exit_code = 10
    meaning = "recording needs root on the node"


class NoBcc(AuditError):
    exit_code = 11
    meaning = "bcc (python3-bpfcc) is not installed"


class NoBtf(AuditError):
    exit_code = 12
    meaning = "the kernel has no type information (BTF)"


class KernelRefused(AuditError):
    exit_code = 13
    meaning = "the kernel refused a program that recording cannot do without"


class NoSuchTarget(AuditError):
    exit_code = 4
    meaning = "there is no such pod, container, process, cgroup, recording or session"
