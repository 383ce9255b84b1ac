"""The table of exit codes in the docs, against the errors in the code."""

import importlib
import pkgutil
import re
from pathlib import Path

import kubectl_ebpfaudit
import recorder.log.errors
import replay
from recorder.log.errors import AuditError

PAGE = Path(__file__).parents[2] / "docs" / "exit-codes.md"
ROW = re.compile(r"^\| (\d+) \| (.+) \|$", re.M)
NOT_ERRORS = {0: "done", 130: "interrupted with ctrl-C (128 + the number of the signal that ended it)"}


def errors(of: type[AuditError] = AuditError) -> set[type[AuditError]]:
    return {of}.union(*map(errors, of.__subclasses__()))


def test_the_docs_list_every_exit_code_and_no_other() -> None:
    for package in (kubectl_ebpfaudit, replay):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    assert recorder.log.errors.NotRoot in errors()
    meanings: dict[int, set[str]] = {code: {meaning} for code, meaning in NOT_ERRORS.items()}
    for error in errors():
        if error.__module__.split(".")[0] in ("kubectl_ebpfaudit", "recorder", "replay"):
            meanings.setdefault(error.exit_code, set()).add(error.meaning)
    assert {code: {meaning} for code, meaning in ((int(c), m) for c, m in ROW.findall(PAGE.read_text()))} == meanings
