"""A hook of mkdocs: an entry of the nav that ends in a slash stands for all pages of that folder, its README first."""

from pathlib import Path
from typing import Any


def on_config(config: Any) -> Any:
    """Called by mkdocs when it has read mkdocs.yml."""
    docs = Path(config["docs_dir"])
    config["nav"] = [_expanded(entry, docs) for entry in config["nav"]]
    return config


def _expanded(entry: Any, docs: Path) -> Any:
    if not isinstance(entry, dict):
        return entry
    return {title: _pages(value, docs) for title, value in entry.items()}


def _pages(value: Any, docs: Path) -> Any:
    if isinstance(value, list):
        return [_expanded(entry, docs) for entry in value]
    if not str(value).endswith("/"):
        return value
    found = sorted((docs / value).glob("*.md"), key=lambda page: (page.name != "README.md", page.name))
    return [str(page.relative_to(docs)) for page in found]
