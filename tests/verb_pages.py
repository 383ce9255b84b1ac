"""The pages of docs/verbs: `python -m tests.verb_pages` writes what is generated in them; a test compares.

`<!-- generated: options -->` becomes a table of the verb's options. What follows `$ kubectl ebpfaudit …` in a block of
the kind `console` is what that command line prints, in a store made of the golden logs; after
`<!-- from the cluster tests -->` what it prints in a cluster, which `tests/cluster/test_verb_pages.py` runs.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from kubectl_ebpfaudit import app
from recorder.log.format import SUFFIX
from tests.golden import incident, make

DOCS = Path(__file__).parents[1] / "docs"
PAGES = DOCS / "verbs"
INCIDENT = DOCS / "incident.md"
NOW = 1_767_323_045 + 40 * 86400
"""Seconds since 1970, 40 days after the golden logs were recorded."""

_STORE = {
    "default.victim_20260102T030405Z": "v1-shell",
    "default.web_20260102T030405Z": "v1.1-run",
    "interrupted": "v1-cut",
}
_OPTIONS = re.compile(r"(<!-- generated: options -->\n).*?(<!-- end -->\n)", re.S)
_FROM_CLUSTER = "<!-- from the cluster tests -->\n"
_CONSOLE = re.compile(rf"(?<!{_FROM_CLUSTER})```console\n(.*?)```\n", re.S)
CLUSTER = re.compile(rf"({_FROM_CLUSTER}```console\n)(.*?)```\n", re.S)
"""An example that a test in a cluster writes, and what is in it."""


def pages() -> list[Path]:
    """All pages, each named after its verb."""
    return sorted(PAGES.glob("*.md"))


@contextlib.contextmanager
def _workplace() -> Iterator[Path]:
    """A folder with a store in it, and beside the store the logs of two nodes and one from elsewhere."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        store = place / "home" / "recordings"
        store.mkdir(parents=True)
        for name, golden in _STORE.items():
            source = make.HERE / golden
            if source.is_dir():
                shutil.copytree(source, store / name)
            else:
                shutil.copy(source.with_name(f"{golden}{SUFFIX}"), store / f"{name}{SUFFIX}")
        for node in ("node-a", "node-b"):
            shutil.copy(make.HERE / "v1.1-run" / f"{node}{SUFFIX}", place)
        shutil.copy(make.HERE / f"v1-recorded{SUFFIX}", place / f"evidence{SUFFIX}")
        shutil.copy(make.HERE / f"v1.2-incident{SUFFIX}", place / f"checkout{SUFFIX}")
        (place / "audit.log").write_bytes(incident.audit_log())
        before = Path.cwd()
        os.chdir(place)
        try:
            yield place
        finally:
            os.chdir(before)


def _run(line: str, place: Path) -> str:
    """What the command line prints, on both streams, and its exit code if that is not 0."""
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n", write_through=True)
    code: object = 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ, {"EBPFAUDIT_HOME": str(place / "home"), "COLUMNS": "100"}))
        stack.enter_context(mock.patch.object(sys, "argv", ["kubectl-ebpfaudit", *shlex.split(line)[2:]]))
        stack.enter_context(mock.patch("time.time_ns", return_value=NOW * 10**9))
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(out))
        try:
            app.main()
        except SystemExit as ended:
            code = ended.code or 0
    text = out.buffer.getvalue().decode()
    text = text.replace(str(place / "home"), "/home/ada/ebpfaudit")
    return text + (f"$ echo $?\n{code}\n" if code else "")


def _examples(text: str) -> str:
    """The text with its examples run anew: each block in a new place."""

    def again(found: "re.Match[str]") -> str:
        with _workplace() as place:
            return _block(found[1], place)

    return _CONSOLE.sub(again, text)


def _block(text: str, place: Path) -> str:
    lines = [line for line in text.splitlines() if line.startswith("$ kubectl ebpfaudit ")]
    ran = "\n".join(f"{line}\n{_run(line[2:], place)}" for line in lines)
    return f"```console\n{ran}```\n"


def walked(page: Path) -> str:
    """A page that is a walk: its examples, one after the other in one place."""
    with _workplace() as place:
        return _CONSOLE.sub(lambda found: _block(found[1], place), page.read_text())


def options(verb: str) -> list[tuple[str, str]]:
    """The options of a verb and what its help says of them."""
    import typer.main

    command = typer.main.get_command(app.command_line([verb, "version"])).commands[verb]  # type: ignore[attr-defined]
    context = command.make_context(verb, [], resilient_parsing=True)
    records = [param.get_help_record(context) for param in command.get_params(context)]
    return [(name.strip(), about.strip()) for name, about in filter(None, records)]


def _table(verb: str) -> str:
    rows = [(name.replace("|", "\\|"), about.replace("|", "\\|")) for name, about in options(verb)]
    return "".join(["| | |\n|---|---|\n", *(f"| `{name}` | {about} |\n" for name, about in rows)])


def generated(page: Path) -> str:
    """The page as it should be."""
    text = _OPTIONS.sub(lambda found: found[1] + _table(page.stem) + found[2], page.read_text())
    return _examples(text)


def main() -> None:
    """Writes the pages anew."""
    for page in pages():
        page.write_text(generated(page))
    INCIDENT.write_text(walked(INCIDENT))


if __name__ == "__main__":
    main()
