"""An import-linter contract: a room is imported through its face, never past it."""

from __future__ import annotations

import re

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

STATEMENT = re.compile(r"(?:from|import)\s+([\w.]+)")


class FaceContract(Contract):
    """Other rooms import a room, or a package inside it, and never one of its modules.

    Allowed between rooms are ``from regard.room import X`` and ``from regard.room.package import X``; a module directly
    below the root (``regard.types``) is a room of its own. The text of the import statement counts, because the import
    graph cannot tell a function from a module of the same name (``from regard.explain import explain``).
    """

    type_name = "face"

    root = fields.StringField()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Collect every statement that names a module inside another room."""
        root = str(self.root)
        past: dict[tuple[str, int], str] = {}
        for importer in sorted(graph.modules):
            if _room(importer, root) is None:
                continue
            for imported in graph.find_modules_directly_imported_by(importer):
                if _room(imported, root) in (None, _room(importer, root)):
                    continue
                for detail in graph.get_import_details(importer=importer, imported=imported):
                    statement = STATEMENT.match(detail["line_contents"])
                    named = statement[1] if statement else imported
                    if named.count(".") > 1 and not graph.find_children(named):
                        past[importer, detail["line_number"]] = named
        return ContractCheck(kept=not past, metadata={"past": past})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """List each statement with its file and line."""
        for (importer, line), named in sorted(check.metadata["past"].items()):
            face = named.rpartition(".")[0]
            output.print_error(f"{importer}, line {line}: imports from {named}; import from {face}", bold=False)


def _room(module: str, root: str) -> str | None:
    """Name of the room below ``root`` that a module belongs to; None for the root itself and outside."""
    return module.split(".")[1] if module.startswith(f"{root}.") else None
