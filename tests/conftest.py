"""What every test gets: the table of tests left out, a marker by folder, hypothesis without deadlines."""

import os
import signal
from pathlib import Path

import hypothesis
import pytest

pytest.register_assert_rewrite("tests.support")
pytest_plugins = ("pytester", "tests.left_out", "tests.reliability", "tests.kernels")

# How long an example takes says how busy the machine is. In CI only the change may make one fail.
hypothesis.settings.register_profile("here", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")

# A shell without job control starts jobs in the background with SIGINT ignored, nohup anything with SIGHUP ignored, and
# so would be all that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

_HERE = Path(__file__).parent
_MARKED_FOLDERS = ("kernel", "guest", "cluster", "browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(_HERE).parts[0]
        if folder in _MARKED_FOLDERS:
            item.add_marker(folder)
