"""The command line: parse, call, print. Nothing else.

Imports stand inside the commands: each process loads only what it needs, which counts on a
board with 512 MB.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from appliance import __version__, config, daemon
from appliance.errors import ApplianceError
from appliance.settings_panel import DisplayKind

T = TypeVar("T")


@dataclass(frozen=True)
class Options:
    """What stands before the command."""

    file: Path | None
    verbose: bool

    def settings(self) -> config.Settings:
        """The settings in force."""
        return config.load(self.file).settings


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "file", type=click.Path(path_type=Path), help="Settings in TOML.")
@click.option("--verbose", is_flag=True, help="Log more.")
@click.version_option(__version__)
@click.pass_context
def cli(context: click.Context, file: Path | None, verbose: bool) -> None:
    """A serial 3D printer on the Polar Cloud."""
    context.obj = Options(file, verbose)


def main() -> None:
    """Run the command line; an error of ours ends it with its long text and code 1."""
    try:
        cli()
    except ApplianceError as error:
        click.secho(f"Error: {error.long}", fg="red", err=True)
        sys.exit(1)


# --- the daemons -------------------------------------------------------------------------


def _log(options: Options) -> None:
    import logging  # noqa: PLC0415

    from appliance.host.systemd import set_up_logging  # noqa: PLC0415

    set_up_logging(logging.DEBUG if options.verbose else logging.INFO)


def _run(work: Coroutine[Any, Any, T]) -> T:
    import asyncio  # noqa: PLC0415

    return asyncio.run(work)


@cli.command()
@click.pass_obj
def printer(options: Options) -> None:
    """Run the printer daemon: it owns the serial port and the running print."""
    daemon.start(daemon.Asked("printer", options.file, options.verbose))


@cli.command()
@click.pass_obj
def agent(options: Options) -> None:
    """Run the agent: cloud, camera, time-lapse, front panel."""
    daemon.start(daemon.Asked("agent", options.file, options.verbose))


@cli.command()
@click.pass_obj
def up(options: Options) -> None:
    """Run both daemons in the foreground until Ctrl-C."""
    from appliance.supervisor import run_both  # noqa: PLC0415

    options.settings()  # a wrong setting is said once, here
    _log(options)
    _run(run_both(options.file, verbose=options.verbose))


# --- the cloud ---------------------------------------------------------------------------


@cli.command()
@click.option("--email", prompt="E-mail of your Polar Cloud account")
@click.option("--pin", prompt="PIN of your Polar Cloud account", hide_input=True)
@click.option("--cloud-key", is_flag=True, help="Let the cloud make the key pair.")
@click.pass_obj
def register(options: Options, email: str, pin: str, cloud_key: bool) -> None:
    """Register this printer with the Polar Cloud."""
    from appliance.agent.api import RegisterAs  # noqa: PLC0415
    from appliance.agent.client import register as ask  # noqa: PLC0415

    click.echo("Registering …")
    serial_number = _run(ask(options.settings(), RegisterAs(email, pin, cloud_key)))
    click.secho(f"Registered. The serial number is {serial_number}.", fg="green")


@cli.command()
@click.confirmation_option(prompt="Take this printer out of the Polar Cloud?")
@click.pass_obj
def unregister(options: Options) -> None:
    """Take this printer out of the Polar Cloud."""
    from appliance.agent.client import unregister as ask  # noqa: PLC0415

    _run(ask(options.settings()))
    click.secho("This printer is no longer registered.", fg="green")


# --- state and prints --------------------------------------------------------------------


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Everything, for programs.")
@click.pass_obj
def status(options: Options, as_json: bool) -> None:
    """Show what the appliance is doing and what it needs."""
    import msgspec  # noqa: PLC0415

    from appliance.agent.client import look  # noqa: PLC0415
    from appliance.status_text import rows, table  # noqa: PLC0415

    view, snapshot = _run(look(options.settings()))
    if as_json:
        both = {"agent": view, "printer": snapshot}
        click.echo(msgspec.json.format(msgspec.json.encode(both)).decode())
    else:
        click.echo(table(rows(view, snapshot)))
    if view is None and snapshot is None:
        sys.exit(1)


_without_agent = click.option(
    "--without-agent",
    is_flag=True,
    help="Also while the agent is off: you have looked at the door yourself.",
)


@cli.command(name="print")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--no-wait", is_flag=True, help="Return as soon as the print has begun.")
@_without_agent
@click.pass_obj
def print_file(options: Options, file: Path, no_wait: bool, without_agent: bool) -> None:
    """Print a G-code FILE from this device."""
    from appliance.agent.client import print_local  # noqa: PLC0415
    from appliance.status_text import bar, duration  # noqa: PLC0415

    def show(percent: float, seconds: float, state: str) -> None:
        end = "\r" if sys.stdout.isatty() else "\n"
        click.echo(
            f"{bar(percent)} {percent:5.1f} %  {duration(seconds)}  {state:<10}{end}", nl=False
        )

    ended = _run(
        print_local(
            options.settings(),
            file.resolve(),
            show,
            wait=not no_wait,
            without_agent=without_agent,
        )
    )
    if ended is None:
        click.echo(f"Printing {file.name}.")
        return
    click.echo(f"\n{file.name}: {ended.state.value}. {ended.reason}".rstrip())
    if ended.state.value != "completed":
        sys.exit(1)


@cli.command(name="slice")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--config",
    "profile",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings of PrusaSlicer, or of CuraEngine up to 15.04.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def slice_model(options: Options, model: Path, profile: Path | None, output: Path | None) -> None:
    """Make G-code of a MODEL (STL or 3MF)."""
    from appliance.slicing.command import request_for, slice_and_tell  # noqa: PLC0415

    request = request_for(model, profile, output)
    _run(slice_and_tell(options.settings().slicing, request))


@cli.command()
@click.option(
    "--kind",
    type=click.Choice(["pause", "cold", "filament"]),
    default="pause",
    help="cold: hot end off; filament: unload for a change.",
)
@click.pass_obj
def pause(options: Options, kind: str) -> None:
    """Pause the running print."""
    from appliance.printer.api import PauseKind  # noqa: PLC0415

    _ask_printer(options, lambda client: client.pause(PauseKind(kind)))
    click.echo("Pausing.")


@cli.command()
@_without_agent
@click.pass_obj
def resume(options: Options, without_agent: bool) -> None:
    """Go on with a paused print."""
    from appliance.agent.client import resume as ask  # noqa: PLC0415

    _run(ask(options.settings(), without_agent=without_agent))
    click.echo("Resuming.")


@cli.command()
@click.pass_obj
def cancel(options: Options) -> None:
    """End the print: heaters, fan and motors go off."""
    from appliance.agent.client import cancel as ask  # noqa: PLC0415

    _run(ask(options.settings()))
    click.echo("Canceling.")


@cli.command(name="plate-clear")
@click.pass_obj
def plate_clear(options: Options) -> None:
    """Say that the build plate is empty: the next print may begin."""
    from appliance.agent.client import clear_plate as ask  # noqa: PLC0415

    _run(ask(options.settings()))
    click.echo("The build plate is clear.")


@cli.command()
@click.argument("code")
@click.pass_obj
def allow(options: Options, code: str) -> None:
    """Let the browser in that shows CODE, as OK at the front panel does."""
    from appliance.agent.client import allow as ask  # noqa: PLC0415

    _run(ask(options.settings(), code.strip()))
    click.secho("That browser may use the device's pages now.", fg="green")


@cli.command("captive-dns", hidden=True)
def captive_dns() -> None:
    """Print what the image installs for our own Wi-Fi's DNS and DHCP (web/captive.py)."""
    from appliance.web.captive import DNSMASQ  # noqa: PLC0415

    click.echo(DNSMASQ, nl=False)


def _ask_printer(options: Options, ask: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
    from appliance.printer.client import PrinterClient  # noqa: PLC0415

    async def run() -> T:
        async with PrinterClient(options.settings().printer_socket) as client:
            return await ask(client)

    return _run(run())


# --- settings and help -------------------------------------------------------------------


@cli.group(name="config")
def config_group() -> None:
    """Settings."""


@config_group.command(name="show")
@click.pass_obj
def config_show(options: Options) -> None:
    """Show every setting in force, and where it came from."""
    loaded = config.load(options.file)
    lines = [(key, _toml(value), origin) for key, value, origin in loaded.describe()]
    width, deep = (max(len(line[column]) for line in lines) for column in (0, 1))
    for key, value, origin in lines:
        click.echo(f"{key:<{width}} = {value:<{min(deep, 40)}}  # {origin}")
    for problem in loaded.problems:
        click.secho(f"Note: {problem}", fg="yellow", err=True)


def _toml(value: object) -> str:
    import json  # noqa: PLC0415

    return json.dumps(value, ensure_ascii=False)


@cli.command()
@click.option("--gpio", is_flag=True, help="Print each key and door change until Ctrl-C.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="End --gpio by then.")
@click.pass_obj
def doctor(options: Options, gpio: bool, seconds: float | None) -> None:
    """Check everything the appliance needs; each line says what to do."""
    if gpio:
        _listen(options, seconds)
        return
    from appliance.doctor import Verdict, examine  # noqa: PLC0415

    signs = {
        Verdict.GOOD: click.style("ok  ", fg="green"),
        Verdict.NOTE: click.style("note", fg="yellow"),
        Verdict.BAD: click.style("BAD ", fg="red"),
    }
    bad = 0
    for finding in examine(options.file):
        click.echo(f"{signs[finding.verdict]} {finding.subject:<14} {finding.text}")
        if finding.remedy:
            click.echo(f"     {'':<14} → {finding.remedy}")
        bad += finding.verdict is Verdict.BAD
    sys.exit(1 if bad else 0)


def _listen(options: Options, seconds: float | None) -> None:
    from appliance.ipc import answers  # noqa: PLC0415
    from appliance.panel.listen import listen  # noqa: PLC0415
    from appliance.panel.wire import Hardware  # noqa: PLC0415

    settings = options.settings()
    _log_little()
    hardware = Hardware(settings.panel, settings.buttons, settings.door)
    if answers(settings.agent_socket):
        click.echo("The running agent holds the pins: systemctl stop polar-agent", err=True)
    with contextlib.suppress(KeyboardInterrupt):
        _run(listen(hardware, click.echo, seconds))


# --- with no hardware --------------------------------------------------------------------


@cli.group()
def sim() -> None:
    """What lets everything run with no hardware."""


def _log_little() -> None:
    import logging  # noqa: PLC0415

    logging.basicConfig(level=logging.WARNING)


@sim.command(name="cloud")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8700, show_default=True)
@click.option("--folder", type=click.Path(path_type=Path), help="Keeps printers and queues.")
@click.option("--email", default="owner@example.com", show_default=True)
@click.option("--pin", default="1234", show_default=True)
def sim_cloud(host: str, port: int, folder: Path | None, email: str, pin: str) -> None:
    """Run a local Polar Cloud, with a page to watch and use it."""
    from appliance.sim.cloud import run_cloud  # noqa: PLC0415

    _log_little()
    with contextlib.suppress(KeyboardInterrupt):
        _run(
            run_cloud(
                host, port, folder, email, pin, ready=lambda cloud: click.echo(f"Open {cloud.url}")
            )
        )


@sim.command(name="printer")
@click.option("--link", type=click.Path(path_type=Path), help="Path of the port to be made.")
@click.option("--tcp", type=int, help="Listen on this TCP port instead (socket://).")
@click.option("--baud", default=250_000, show_default=True)
@click.option("--speed", default=1.0, show_default=True, help="Times faster than a real one.")
@click.option("--fault-every", type=int, help="One fault in so many lines.")
@click.option("--seed", default=0, show_default=True, help="Of the faults.")
@click.option(
    "--status-file", type=click.Path(path_type=Path), help="State as JSON, twice a second."
)
@click.option("--executed-file", type=click.Path(path_type=Path), help="Its commands, at the end.")
def sim_printer(  # noqa: PLR0913, PLR0917  # one parameter per option
    link: Path | None,
    tcp: int | None,
    baud: int,
    speed: float,
    fault_every: int | None,
    seed: int,
    status_file: Path | None,
    executed_file: Path | None,
) -> None:
    """Run a virtual Marlin on a pseudo-terminal or a TCP port."""
    from appliance.sim.faults import Faults  # noqa: PLC0415
    from appliance.sim.marlin import MarlinOptions  # noqa: PLC0415
    from appliance.sim.ports import PtyPort, TcpPort  # noqa: PLC0415
    from appliance.sim.printer import run_printer  # noqa: PLC0415

    port = TcpPort(tcp) if tcp is not None else PtyPort(link)
    click.echo(f"The virtual printer is at {port.address}")
    run_printer(
        MarlinOptions(baud=baud, speed=speed),
        port,
        Faults(seed, every=fault_every) if fault_every else None,
        status_file=status_file,
        executed_file=executed_file,
    )


@sim.command(name="panel")
@click.option(
    "--socket",
    type=click.Path(path_type=Path),
    help="Of the panel; else panel.simulated of --config, else the demo's.",
)
@click.pass_obj
def sim_panel(options: Options, socket: Path | None) -> None:
    """Show the simulated front panel in this terminal, with the arrow keys as its buttons."""
    from appliance.sim.panel_terminal import run_panel  # noqa: PLC0415

    set_up = options.settings().panel.simulated if options.file and not socket else ""
    _run(run_panel(socket or Path(set_up or ".demo/run/panel.sock")))


@cli.command()
@click.option("--port", default=8080, show_default=True, help="Of the wizard's page.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(".setup"),
    show_default=True,
    help="Everything it writes.",
)
@click.pass_obj
def setup(options: Options, port: int, folder: Path) -> None:
    """Run the set-up wizard on this machine, with the network's parts simulated."""
    from appliance.sim.setup import run_setup  # noqa: PLC0415

    _log(options)
    _run(run_setup(options.file, folder, port, click.echo, verbose=options.verbose))


@sim.command(name="demo")
@click.option("--setup", "set_up", is_flag=True, help="Begin as from a flashed card.")
@click.option("--once", is_flag=True, help="Print one file without a person, and check it.")
@click.option("--port", default=8700, show_default=True, help="Of the local cloud's page.")
@click.option("--speed", type=float, help="Times faster than a real printer.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path(".demo"),
    show_default=True,
    help="Everything it writes; emptied at the start.",
)
@click.option(
    "--display",
    type=click.Choice([kind.value for kind in DisplayKind if kind is not DisplayKind.NONE]),
    default=DisplayKind.HD44780_20X4.value,
    show_default=True,
    help="Of the front panel.",
)
def sim_demo(
    set_up: bool, once: bool, port: int, speed: float | None, folder: Path, display: str
) -> None:
    """Run the whole appliance with no hardware."""
    from appliance.sim.demo import DemoOptions, run_demo  # noqa: PLC0415

    kind = DisplayKind(display)
    if once and not kind.cells:
        raise click.UsageError("--once reads what the display says: choose one of characters.")
    _log_little()
    speed = speed or (60.0 if once else 20.0)
    if once and set_up:
        raise click.UsageError("--once runs without a person, who --setup needs: choose one.")
    options = DemoOptions(folder, port, speed, once, click.echo, kind, set_up)
    try:
        right = _run(run_demo(options))
    except TimeoutError as error:
        click.secho(f"The demo did not come to its end: {error}", fg="red", err=True)
        right = False
    except KeyboardInterrupt:
        right = not once
    sys.exit(0 if right else 1)
