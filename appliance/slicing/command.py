"""``polar-appliance slice``: the slicer behind a progress line."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from appliance.settings_slicing import SlicingSettings
from appliance.slicing.api import Progress, Request
from appliance.slicing.slicer import Slicer
from appliance.slicing.words import Line, summary


def request_for(model: Path, profile: Path | None, output: Path | None) -> Request:
    """What was asked for on the command line. Raises click.UsageError."""
    target = (output or model.with_suffix(".gcode")).resolve()
    if target == model.resolve():
        raise click.UsageError("The output would replace the model: name another with -o.")
    return Request(model.resolve(), profile and profile.resolve(), target, model.name)


async def slice_and_tell(settings: SlicingSettings, request: Request) -> None:
    """Slice it; the progress, the notes and what came of it go to the terminal.

    Raises SlicingError and StorageError.
    """
    line = Line(terminal=sys.stdout.isatty())

    def show(progress: Progress) -> None:
        click.echo(line.show(progress), nl=False)

    try:
        sliced = await Slicer(settings, None).slice(request, show)
    finally:
        click.echo(line.end(), nl=False)
    for note in sliced.notes:
        click.secho(f"Note: {note}", fg="yellow", err=True)
    click.echo(summary(sliced))
