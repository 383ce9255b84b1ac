"""What events tell of a program beyond its command line: the file that it is, and what it may do."""

from recorder.log.events import Event
from replay.fields import Enums, data, number
from replay.programs import CUT, File, Rights

_MAX_NAME = 32
_DIGEST_BYTES = 32


def rights(event: Event) -> Rights | None:
    """Those that an exec event tells; None if it is from before version 1.2 of the log format."""
    if "euid" not in event.fields:
        return None
    euid, egid, capabilities = (number(event, name) for name in ("euid", "egid", "capabilities"))
    return Rights(euid, egid, capabilities, bool(number(event, "no_new_privs")))


class Files:
    """The files of exec_file events, for the exec_hash events that come later."""

    def __init__(self, enums: Enums) -> None:
        self._enums = enums
        self._flagged: dict[tuple[int, int, int], File] = {}

    def file(self, event: Event) -> File:
        """What an exec_file event tells."""
        flags = tuple(self._enums.flags("file_flag", number(event, "flags")))
        found = File(
            path=(CUT if "path_cut" in flags else b"") + data(event, "path"),
            filesystem=data(event, "filesystem")[:_MAX_NAME],
            device=number(event, "device"),
            inode=number(event, "inode"),
            size=number(event, "size"),
            mode=number(event, "mode"),
            flags=flags,
        )
        if found.flags:
            self._flagged[event.session, event.pid, event.time] = found
        return found

    def hash(self, event: Event) -> None:
        """Adds what an exec_hash event tells to the file that it is about."""
        found = self._flagged.pop((event.session, event.pid, number(event, "exec_time")), None)
        if found:
            found.sha256 = data(event, "sha256")[:_DIGEST_BYTES]
            found.hash_result = self._enums.name("hash_result", number(event, "result"))
