"""What `show` prints of many sessions: those that are one by one, and lines for the others."""

from replay import copy_report, probe_report
from replay.session_report import Shown
from replay.view import View


def folded(shown: list[Shown], view: View) -> tuple[list[Shown], list[str]]:
    """(the sessions that are shown one by one, a line for the runs of each probe), as `view` wants it."""
    if view.every:
        return shown, []
    kept, probes = probe_report.fold(shown)
    return (kept if view.flat else copy_report.fold(kept)), probes
