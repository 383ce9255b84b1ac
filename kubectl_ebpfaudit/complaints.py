"""Says what is wrong with a recording of which all that can be read was used."""

from kubectl_ebpfaudit.printing import note
from recorder.log.errors import AuditError
from replay.errors import Incomplete, fault_of
from replay.escape import printable
from replay.recording import Part, Recording


def warn_of_strangers(recording: Recording) -> None:
    """Says that the logs of a folder are not all of one recording, if so."""
    ids = recording.ids
    if len(ids) > 1:
        shown = ", ".join(printable(of) or "one without an ID" for of in ids[:5]) + ", …" * (len(ids) > 5)
        note(f"warning: {printable(recording.name)}: its logs are of {len(ids)} recordings ({shown}), taken as one")


def complain(recording: Recording, done: str, missing: str = "", only: Part | None = None) -> None:
    """Raises what is wrong with the logs, or with `only` one of them: what its damage is, or what kept it closed.

    `done` says what became of what could be read, such as "is shown"; `missing` what of that was not there. Of
    several faults the worst is raised, and the others are said before.
    """
    faults: list[AuditError] = []
    for part in [only] if only else recording.parts:
        if part.damage:
            kind = fault_of(part.damage)
            faults.append(kind(f"{_name(recording, part)}: {part.damage.reason}; what comes before {done}"))
    for log in [] if only else recording.broken:
        name = printable(f"{recording.name}/{log.path.name}")
        faults.append(type(log.problem)(f"{name}: {log.reason}; what the other logs hold {done}"))
    if missing and not faults:
        faults.append(Incomplete(f"{_name(recording, only or recording.parts[0])}: {missing}"))
    faults.sort(key=lambda fault: isinstance(fault, Incomplete))
    for fault in faults[1:]:
        note(f"warning: {printable(fault)}")
    if faults:
        raise faults[0]


def _name(recording: Recording, part: Part) -> str:
    name = part.log.path.name
    return printable(f"{recording.name}/{name}" if recording.is_folder else name)
