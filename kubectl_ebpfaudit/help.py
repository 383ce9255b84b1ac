"""The form of a command line as kubectl has it: options in groups, and its spellings of them."""

from typing import Any

from typer.core import TyperCommand, TyperGroup

from kubectl_ebpfaudit.completion.commands import commands
from kubectl_ebpfaudit.spelling import of_parameters

CLUSTER, RECORDER, HERE = "Which cluster, and as whom", "The recorders' pods", "This machine, without a cluster"
"""Groups of options; those of no group are the verb's own and come first."""

_VERBS = {
    "Recording": ("record", "attach", "status", "stop", "cleanup", "doctor"),
    "Reading recordings": ("list", "show", "search", "replay", "export", "verify", "identify"),
    "Keeping recordings": ("delete", "prune", "import", "merge"),
}
"""Groups of verbs; those of no group come last."""
_OTHERS = "This program"


class GroupedHelp(TyperCommand):
    """A verb whose options are printed by their groups (`rich_help_panel`)."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the words after the verb."""
        return super().parse_args(ctx, of_parameters(self.get_params(ctx)).usual(args))

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes the arguments, the options of no group, then each group in order of its first option."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):
            if record := param.get_help_record(ctx):
                is_argument = param.param_type_name == "argument"
                group = "Arguments" if is_argument else getattr(param, "rich_help_panel", None) or "Options"
                sections.setdefault(group, []).append(record)
        for name, records in sections.items():
            if records:
                with formatter.section(name):
                    formatter.write_dl(records)


class Verbs(TyperGroup):
    """All verbs. What precedes the verb is spelled in the same ways."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Reads the words up to the verb, and keeps the rest."""
        verb = next((at for at, word in enumerate(args) if word in self.commands), len(args))
        usual = of_parameters(self.get_params(ctx)).usual(args[:verb])
        return super().parse_args(ctx, usual + args[verb:])

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes what each verb does, by groups. Those that were not imported are as commands.json has them."""
        sentences = {name: first_sentence(verb) for name, verb in self.commands.items()}
        if not sentences:
            sentences = {verb.name: verb.summary for verb in commands().values()}
        grouped = {name for names in _VERBS.values() for name in names}
        others = tuple(name for name in sentences if name not in grouped)
        for title, names in {**_VERBS, _OTHERS: others}.items():
            rows = [(name, sentences[name]) for name in names if name in sentences]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def first_sentence(verb: Any) -> str:
    """What a verb does, as the first sentence of its help says it."""
    paragraph = " ".join((verb.help or "").split("\n\n")[0].split())
    sentence, dot, _ = paragraph.partition(". ")
    return sentence + "." * bool(dot)
