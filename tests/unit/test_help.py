"""The help of all verbs: quick, since it imports none of them, and yet what they say of themselves."""

import os
import subprocess
import sys

from tests.support.cli import ROOT

_HELP = """
import sys
sys.argv = ["kubectl-ebpfaudit", "-h"]
from kubectl_ebpfaudit.app import main
try:
    main()
finally:
    print(*(name for name in sys.modules if name.startswith("kubectl_ebpfaudit.commands.")), file=sys.stderr)
"""


def test_the_help_of_all_verbs_imports_none_and_says_what_they_say() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _HELP],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "82", "PYTHONPATH": str(ROOT)},
    )
    golden = (ROOT / "tests/golden/help/kubectl-ebpfaudit.txt").read_text()
    assert (done.stderr, " ".join(done.stdout.split())) == ("\n", " ".join(golden.split()))
