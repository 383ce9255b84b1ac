"""`version`: which program this is, which logs it reads, and which recorder it starts."""

import platform
from typing import Any

from kubectl_ebpfaudit import __version__
from kubectl_ebpfaudit.image import DEFAULT_IMAGE
from kubectl_ebpfaudit.options import Output, Verbose
from kubectl_ebpfaudit.printing import as_data, emit
from recorder.log.format import VERSION


def version(output: Output = None, verbose: Verbose = False) -> None:
    """Print the version of this program and of the log format, and the image of its recorder.

    \b
    Example:
      kubectl ebpfaudit version -o json
    """
    log_format = "{}.{}".format(*VERSION)
    if output:
        shown: dict[str, Any] = {
            "version": __version__,
            "log_format": log_format,
            "python": platform.python_version(),
            "recorder_image": DEFAULT_IMAGE,
        }
        emit(as_data(shown, output.value))
    else:
        emit(f"kubectl ebpfaudit {__version__}, log format {log_format}\nrecorder image {DEFAULT_IMAGE}\n")
