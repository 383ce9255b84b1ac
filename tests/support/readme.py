"""The block of the README that shows what `show` prints of the recording in docs/images."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
LOG = ROOT / "docs/images/demo.ebpfaudit"
_BLOCK = re.compile(r"(<!-- captured: show -->\n```\n).*?(```\n<!-- end -->\n)", re.S)


def captured(text: str, printed: str) -> str:
    """`text` with what was printed in its block. Raises ValueError if it has none, or several."""
    if len(_BLOCK.findall(text)) != 1:
        raise ValueError("README.md needs one block `<!-- captured: show -->`")
    block = f"# kubectl ebpfaudit show {LOG.name}\n{printed}"
    return _BLOCK.sub(lambda found: found[1] + block + found[2], text)
