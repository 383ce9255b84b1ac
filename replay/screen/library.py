"""libghostty-vt, loaded. The only importer of pyghostty, itself imported by the child process alone.

pyghostty parses its C declarations at each start, which takes 0.2 s of CPU. What is used of them is here ready-made,
and is taken if the installed pyghostty has the declarations that it was made from.
"""

import hashlib
import importlib.util
import os
from pathlib import Path
from typing import Any

from replay.screen import declarations

_NAMES = ("libghostty-vt.so", "libghostty-vt.dylib")
_CHOSEN = "PYGHOSTTY_LIB"
"""An environment variable of pyghostty: another library."""


def _ready_made() -> Path | None:
    """The library that the ready-made declarations are of."""
    spec = importlib.util.find_spec("pyghostty")
    if not spec or not spec.origin or _CHOSEN in os.environ:
        return None
    folder = Path(spec.origin).parent
    try:
        digest = hashlib.sha256((folder / "_cdef.py").read_bytes()).hexdigest()
    except OSError:
        return None
    if digest != declarations.DIGEST:
        return None
    return next((path for name in _NAMES if (path := folder / "_lib" / name).exists()), None)


def load() -> tuple[Any, Any]:
    """cffi's `ffi` and `lib`. Raises ImportError or OSError."""
    if path := _ready_made():
        return declarations.ffi, declarations.ffi.dlopen(str(path))
    from pyghostty._ffi import ffi, lib

    return ffi, lib
