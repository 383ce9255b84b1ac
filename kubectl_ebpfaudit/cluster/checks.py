"""One check of `doctor`, and how it came out. All text in it is safe to print."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kubectl_ebpfaudit.cluster.errors import ApiError, Unreachable
from recorder.log.errors import AuditError
from replay.escape import printable
from replay.table import columns

OK, WARNING, FAILED, SKIPPED = "ok", "warning", "failed", "skipped"


@dataclass(frozen=True)
class Check:
    """`remedy` is what to do about it; `code` the exit code that `record` would end with."""

    name: str
    status: str
    detail: str
    remedy: str = ""
    code: int = 0

    def document(self) -> dict[str, str]:
        return {"check": self.name, "status": self.status, "detail": self.detail, "remedy": self.remedy}


def passed(name: str, detail: object) -> Check:
    return Check(printable(name), OK, printable(detail))


def doubtful(name: str, detail: object, remedy: str) -> Check:
    return Check(printable(name), WARNING, printable(detail), printable(remedy))


def skipped(name: str, reason: object) -> Check:
    return Check(printable(name), SKIPPED, printable(reason))


def failed(name: str, error: AuditError | str, remedy: str = "", kind: type[AuditError] = AuditError) -> Check:
    """A check that failed with this error, which says itself what to do; or with one of this kind."""
    code = error.exit_code if isinstance(error, AuditError) else kind.exit_code
    return Check(printable(name), FAILED, printable(str(error)), printable(remedy), code)


def attempt(name: str, look: Callable[[], Check]) -> Check:
    """What `look` finds; that the API server refuses or cannot be reached is found as well."""
    try:
        return look()
    except (ApiError, Unreachable) as error:
        return failed(name, error)


def table(checks: Sequence[Check]) -> str:
    rows = [(c.name, c.status, f"{c.detail}: {c.remedy}" if c.remedy else c.detail) for c in checks]
    return columns(("CHECK", "STATUS", "DETAIL"), rows)


def exit_code(checks: Sequence[Check]) -> int:
    """0, or that of the first check that failed."""
    return next((c.code for c in checks if c.status == FAILED), 0)
