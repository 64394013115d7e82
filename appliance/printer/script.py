"""Runs one script at a time: commands that wait for the printer between some of them."""

from __future__ import annotations

from collections.abc import Generator, Iterable

Script = Generator[str | None, tuple[str, ...], None]
"""Yields commands to be sent, and None to wait until the printer has acknowledged all; that
gives it the answers that came meanwhile. What follows a command runs when it was sent."""


class Runner:
    """Holds the script under way and its next command; a new script replaces the old."""

    def __init__(self) -> None:
        self.command: str | None = None  # to be sent next
        self._script: Script | None = None
        self._barrier = False
        self._answers: list[str] = []

    @property
    def busy(self) -> bool:
        """A script is under way."""
        return self._script is not None

    def run(self, script: Script) -> None:
        """Begin ``script``; what the old one did not send is not sent."""
        self.abandon()
        self._script = script

    def abandon(self) -> None:
        """Drop the script."""
        self._script = self.command = None
        self._barrier = False
        self._answers.clear()

    def heard(self, answer: Iterable[str]) -> None:
        """The printer said this to a command of ours."""
        if self._script is not None:
            self._answers.extend(answer)

    def sent(self) -> None:
        """The command went out."""
        self.command = None

    def advance(self, quiet: bool) -> None:
        """Go as far as possible; ``quiet``: everything that was sent is acknowledged."""
        while (script := self._script) is not None and self.command is None:
            if self._barrier and not quiet:
                return
            try:
                step = self._step(script)
            except StopIteration:
                if self._script is script:
                    self._script = None
                continue
            if self._script is script:  # else it began its successor, which goes first
                self.command = step
                self._barrier = step is None

    def _step(self, script: Script) -> str | None:
        if not self._barrier:
            return next(script)
        self._barrier = False
        answers = tuple(self._answers)
        self._answers.clear()
        return script.send(answers)
