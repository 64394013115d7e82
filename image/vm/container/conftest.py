"""Fixtures of the container's tests. ``appliance`` is the machine that most tests share; the
others boot cards of their own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from image.vm.container.adapter import Adapter
from image.vm.container.machine import Card, Container, run
from image.vm.container.talk import Talk
from image.vm.container.world import World

MARKS = pytest.StashKey[dict[int, int]]()
FIGURES = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where prepare has put what is booted."""
    parser.addoption("--root-folder", type=Path, required=True)


def pytest_configure(config: pytest.Config) -> None:
    """What was measured is shown at the end."""
    config.stash[FIGURES] = []


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Show it, whether the tests have passed or not."""
    for text in config.stash[FIGURES]:
        terminalreporter.write_line(text)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note where each journal is, to show what a failing test saw."""
    item.stash[MARKS] = {id(one.journal): one.journal.mark() for one in Container.running}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what the containers have logged meanwhile."""
    report = yield
    if report.failed:
        marks = item.stash.get(MARKS, {})
        for container in Container.running:
            text = container.journal.text(marks.get(id(container.journal), 0))
            report.sections.append((f"journal of {container.card.name}", text))
    return report


@pytest.fixture(scope="session")
def base(pytestconfig: pytest.Config) -> Path:
    """Debian with the packages of our stage, without the stage."""
    return Path(pytestconfig.getoption("--root-folder")) / "base"


@pytest.fixture(scope="session")
def own(pytestconfig: pytest.Config) -> Path:
    """What the stage added to it."""
    return Path(pytestconfig.getoption("--root-folder")) / "own"


@pytest.fixture(scope="session")
def figure(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Shows a measured figure at the end of the run."""
    return pytestconfig.stash[FIGURES].append


NewCard = Callable[..., Card]
Figure = Callable[[str], None]


@pytest.fixture(scope="session")
def new_card(pytestconfig: pytest.Config, base: Path, own: Path) -> NewCard:
    """Makes cards, as they come from the writing program: nothing on the data partition."""
    folder = Path(pytestconfig.getoption("--root-folder")) / "cards"
    # In memory: a container that is shut down would wait for all that this machine writes.
    folder.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", "mode=755", "cards", folder)

    def make(*, plain: bool = False, data_size: str = "512M", cloud_init: bool = False) -> Card:
        layers = [base] if plain else [own, base]
        card = Card(layers, folder, data_size=data_size, plain=plain)
        if not cloud_init:  # Debian's own would look for clouds around the container
            card.add("/etc/cloud/cloud-init.disabled", "")
        return card

    return make


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """What is outside of the containers."""
    with World() as made:
        yield made


NewPrinter = Callable[[Container], Adapter]


@pytest.fixture(scope="session")
def new_printer(world: World) -> Iterator[NewPrinter]:
    """Makes printers, each on the one port of a container."""
    made = []

    def make(container: Container) -> Adapter:
        made.append(Adapter(world.loop))
        made[-1].attach(container)
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def appliance(new_card: NewCard, base: Path, world: World) -> Iterator[Container]:
    """A card that was set up by the file on its boot partition: account, cloud and printer."""
    card = new_card()
    card.write_boot_file(world.boot_file())
    with Container(card, base) as container:
        yield container


@pytest.fixture(scope="session")
def printer(appliance: Container, new_printer: NewPrinter) -> Adapter:
    """The printer of ``appliance``."""
    return new_printer(appliance)


@pytest.fixture
def talk(appliance: Container, world: World) -> Talk:
    """The daemons of ``appliance``."""
    return Talk(appliance, world.loop)
