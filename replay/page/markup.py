"""The pieces of a page: text made safe, lists of facts, and the policy that lets only our own scripts run."""

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from importlib.resources import files

from replay.escape import printable

_LONG = 44
"""Characters of a value that takes a line of its own."""
_WIDE = ' class="wide"'


def safe(value: object) -> str:
    """`value` as text for a page, in an element or a quoted attribute: nothing in it is markup or moves other text."""
    return escape(printable(value), quote=True)


def element(name: str, content: str, **attributes: str | int) -> str:
    """An element around `content`, which is markup already; attributes are made safe, `class_` is class."""
    told = "".join(f' {key.rstrip("_").replace("_", "-")}="{safe(value)}"' for key, value in attributes.items())
    return f"<{name}{told}>{content}</{name}>"


def facts(of: Iterable[tuple[str, str]]) -> str:
    """A list of names and values, which are text; those without a value are left out."""
    rows = (
        f"<div{_WIDE * (len(value) > _LONG)}><dt>{safe(name)}</dt><dd>{safe(value)}</dd></div>"
        for name, value in of
        if value
    )
    return f"<dl>{''.join(rows)}</dl>"


def asset(name: str) -> str:
    """A file of this package, as text."""
    return files("replay.page").joinpath(name).read_text("utf-8")


def policy(scripts: Iterable[str], style: str) -> str:
    """The Content-Security-Policy of a page with these scripts and this style, and nothing else.

    The player's terminal is WebAssembly, which `wasm-unsafe-eval` allows to be compiled; it allows no eval of
    JavaScript (https://www.w3.org/TR/CSP3/#unsafe-eval-keyword-special-cases). Of where the file is opened and what it
    may load nothing is left: `default-src 'none'`.
    """
    allowed = " ".join(map(_source, scripts))
    parts = (
        "default-src 'none'",
        f"script-src {allowed} 'wasm-unsafe-eval'",
        f"style-src {_source(style)}",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(parts)


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
