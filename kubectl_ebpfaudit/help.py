"""The form of a verb's help: its options in groups, as kubectl has them for all commands and for one."""

from typing import Any

from typer.core import TyperCommand

CLUSTER, RECORDER, HERE = "Which cluster, and as whom", "The recorders' pods", "This machine, without a cluster"
"""Groups of options; those of no group are the verb's own and come first."""


class GroupedHelp(TyperCommand):
    """A verb whose options are printed by their groups (`rich_help_panel`)."""

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
