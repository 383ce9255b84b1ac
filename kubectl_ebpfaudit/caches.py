"""Where things are kept that can be made again."""

import os
from pathlib import Path


def screens() -> Path:
    """Keyframes: $EBPFAUDIT_HOME/cache/screens, or in the platform's place for a user's cache. It need not exist."""
    home = os.environ.get("EBPFAUDIT_HOME")
    if home:
        return Path(home) / "cache" / "screens"
    import platformdirs  # 20 ms that few need

    return Path(platformdirs.user_cache_dir("kubectl-ebpfaudit", appauthor=False)) / "screens"
