"""What a measurement says: a table, and whether each target was met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import click


@dataclass(frozen=True, slots=True)
class Target:
    """One figure that is to be reached."""

    text: str
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Rows of a measurement under a title; the first row is the heading."""

    title: str
    rows: Sequence[Sequence[str]]
    targets: Sequence[Target] = field(default_factory=tuple)

    @property
    def met(self) -> bool:
        return all(target.met for target in self.targets)

    def show(self) -> None:
        """Print it."""
        widths = [max(len(row[column]) for row in self.rows) for column in range(len(self.rows[0]))]
        click.secho(f"\n{self.title}", bold=True)
        for row in self.rows:
            cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
            click.echo("  " + "  ".join([row[0].ljust(widths[0]), *cells]))
        for target in self.targets:
            click.secho(f"  {'met   ' if target.met else 'MISSED'}  {target.text}", fg="green" if target.met else "red")
