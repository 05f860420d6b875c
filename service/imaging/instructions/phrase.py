"""A phrase of the grammar: a pattern, and the step that it stands for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from service.imaging.instructions.vocabulary import EXTREME, IT, NUMBER, SLIGHT, STRENGTH, STRONG
from service.imaging.steps.step import Step

_MOST_PERCENT = 1_000.0


@dataclass(frozen=True, slots=True)
class Found:
    """A phrase as it was found, with what was said about how much."""

    match: re.Match[str]

    def said(self, group: str) -> str | None:
        """What a named group matched; None too when the pattern has no such group."""
        return self.match.groupdict().get(group)

    def number(self, group: str) -> float | None:
        """The same as a number; the pattern made sure that it is one."""
        text = self.said(group)
        return None if text is None else float(text)

    @property
    def strength(self) -> float:
        """0.4 for a little, 1 where nothing was said, 2 for much, 3 for as much as there is."""
        said = f"{self.said('before') or ''} {self.said('after') or ''}"
        for words, strength in ((EXTREME, 3.0), (SLIGHT, 0.4), (STRONG, 2.0)):
            if re.search(rf"\b{words}\b", said):
                return strength
        return 1.0

    @property
    def by(self) -> float | None:
        """A change by so many percent, as a fraction: "by 20%" is 0.2."""
        return self._fraction("by")

    @property
    def to(self) -> float | None:
        """A change to so many percent of what it was, as a fraction."""
        return self._fraction("to")

    def _fraction(self, group: str) -> float | None:
        percent = self.number(group)
        return None if percent is None else min(percent, _MOST_PERCENT) / 100


@dataclass(frozen=True, slots=True)
class Phrase:
    """One way to ask for a step.

    Attributes:
        pattern: Matches the whole phrase with its words of degree. It is compiled when it is first needed: most
            workers never read a prompt, and all patterns together take a tenth of a second.
        build: Makes the step; None when the phrase makes no sense, such as proportions of nothing.
    """

    pattern: str
    build: Callable[[Found], Step | None]


def phrase(core: str, build: Callable[[Found], Step | None]) -> Phrase:
    """A phrase from the pattern of its core.

    Around the core stand, all optional, words of degree ("slightly", "a lot"), the picture as the object, and a
    percentage.
    """
    return Phrase(
        (
            rf"(?<![\w.-])(?:(?P<before>{STRENGTH}) )?(?:more )?(?:{core})(?:{IT}(?: more)? (?P<after>{STRENGTH}))?"
            rf"(?:{IT}(?: to (?P<to>{NUMBER})%|(?: by)?(?: about| around)? \+?(?P<by>{NUMBER})%))?(?![\w%])(?!\.\d)"
        ),
        build,
    )
