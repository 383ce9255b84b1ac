"""Reading many: how soon each verb is there, a store of thousands of recordings, a session of thousands of commands."""

from pathlib import Path

from kubectl_ebpfaudit.app import VERBS
from tests.bench.client import median
from tests.bench.export import many_commands, ten_minutes
from tests.bench.row import Row

_GOLDEN = Path(__file__).parents[1] / "golden" / "v1-commands.ebpfaudit"


def _row(name: str, seconds: float, goal: float) -> Row:
    return Row(f"{name}: median", f"{seconds:.2f} s", f"<= {goal:.1f} s", seconds <= goal)


def _store(home: Path, log: Path, count: int) -> Path:
    """A home whose store has so many copies of a log."""
    recordings = home / "recordings"
    recordings.mkdir(parents=True)
    data = log.read_bytes()
    for number in range(count):
        (recordings / f"r{number:05}.ebpfaudit").write_bytes(data)
    return home


def starts(folder: Path) -> list[Row]:
    """The start of every verb, its help being the least that it can do, and `list` of what there is after a while."""
    home = folder / "home"
    took = {verb: median(verb, "--help", home=home, times=5) for verb in VERBS}
    slowest = max(took, key=lambda verb: took[verb])
    return [
        _row("--help", median("--help", home=home, times=5), 0.3),
        _row(f"start of a verb, the slowest of {len(took)} ({slowest})", took[slowest], 0.3),
        _row("list with 100 recordings", median("list", home=_store(folder / "hundred", _GOLDEN, 100), times=5), 0.3),
    ]


def reading(folder: Path) -> list[Row]:
    """Searches, overviews and tables of much."""
    many = many_commands(folder, 10_000)
    thousand = _store(folder / "thousand", ten_minutes(folder), 1000)
    search = median("search", "no such word", "--in", "argv", home=thousand, codes=(1,))
    return [
        _row(
            "list with 10,000 recordings", median("list", home=_store(folder / "store", _GOLDEN, 10_000), times=5), 0.5
        ),
        _row("show of 10,000 commands", median("show", str(many), home=folder / "home"), 1.0),
        _row("search in argv of 1,000 recordings", search, 2.0),
    ]
