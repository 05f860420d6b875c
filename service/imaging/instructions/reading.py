"""Reading a prompt: which steps it asks for, and what of it was not understood."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from service.imaging.instructions.clauses import clauses
from service.imaging.instructions.effect_phrases import EFFECT_PHRASES
from service.imaging.instructions.phrase import Found
from service.imaging.instructions.shape_phrases import SHAPE_PHRASES
from service.imaging.instructions.size_phrases import SIZE_PHRASES
from service.imaging.instructions.tone_phrases import TONE_PHRASES
from service.imaging.instructions.vocabulary import (
    ARTICLES,
    FILLER,
    NEGATION,
    OBJECTS,
    POINTING,
    REFUSING,
    STRENGTH,
    WHOLE,
)
from service.imaging.steps.step import Step

LONGEST_PROMPT = 2_000
"""Letters that are read; whoever writes more tells a model a story, not an editor what to do."""

_PHRASES = (*TONE_PHRASES, *EFFECT_PHRASES, *SHAPE_PHRASES, *SIZE_PHRASES)
_MOST_UNKNOWN_WORDS = 3
_WORD = re.compile(r"[^\W_][\w'%:.#/+-]*", re.UNICODE)
_STRENGTH = re.compile(STRENGTH)
_PHRASE = "…"  # stands among the words for a phrase that was found


@dataclass(frozen=True, slots=True)
class Instructions:
    """What a prompt asks for.

    Attributes:
        steps: In the order in which they were said.
        not_understood: The clauses, or words of them, that mean nothing here.
        not_possible: The clauses that would change a part of the picture, which nobody here can find.
    """

    steps: tuple[Step, ...]
    not_understood: tuple[str, ...] = ()
    not_possible: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Spotted:
    start: int
    end: int
    step: Step


@dataclass(frozen=True, slots=True)
class _Rest:
    """What is left of a clause beside its phrases.

    Attributes:
        unknown: The words that mean nothing here.
        about_a_part: Whether they make a part of the picture what the clause is about.
        foreign: Whether they are so many, or such, that the phrases cannot mean what they seem to.
    """

    unknown: tuple[str, ...]
    about_a_part: bool
    foreign: bool


def read(prompt: str) -> Instructions:
    """Understand a prompt as far as that goes."""
    steps: list[Step] = []
    not_understood: list[str] = []
    not_possible: list[str] = []
    negated = False
    for clause in clauses(prompt[:LONGEST_PROMPT]):
        spotted = _spot(clause.text)
        end = _negation(clause.text, spotted)
        negated = end == 0 or (negated and clause.continues)
        if negated:
            continue
        wanted = [one for one in spotted if one.start < end]
        rest = _rest(clause.text[:end], wanted)
        if wanted and rest.about_a_part:
            not_possible.append(clause.said)
        elif rest.unknown and (not wanted or rest.foreign):
            not_understood.append(f"“{clause.said}”")
        else:
            steps += [one.step for one in wanted]
            if rest.unknown:
                not_understood.append(f"“{' '.join(rest.unknown)}” in “{clause.said}”")
    if len(prompt) > LONGEST_PROMPT:
        not_understood.append(f"what follows the first {LONGEST_PROMPT:,} letters")
    return Instructions(_without_repetition(steps), tuple(not_understood), tuple(not_possible))


def _spot(text: str) -> list[_Spotted]:
    """The phrases in a clause: leftmost first, of several there the longest."""
    found: list[_Spotted] = []
    for phrase in _PHRASES:
        for match in re.finditer(phrase.pattern, text):
            step = phrase.build(Found(match))
            if step is not None:
                found.append(_Spotted(match.start(), match.end(), step))
    found.sort(key=lambda one: (one.start, -one.end))
    spotted: list[_Spotted] = []
    for one in found:
        if not spotted or one.start >= spotted[-1].end:
            spotted.append(one)
    return spotted


def _negation(text: str, spotted: Sequence[_Spotted]) -> int:
    """Where the negated end of a clause begins: 0 when all phrases are in it, its length when there is none."""
    for found in NEGATION.finditer(text):
        if not any(one.start <= found.start() < one.end for one in spotted):
            return 0 if all(found.start() < one.start for one in spotted) else found.start()
    return len(text)


def _rest(text: str, spotted: Sequence[_Spotted]) -> _Rest:
    """What the words beside the phrases make of a clause."""
    unknown: list[str] = []
    about_a_part = refusing = pointed = False
    words = _words(text, spotted)
    for index, word in enumerate(words):
        before = words[index - 1] if index else ""
        following = words[index + 1] if index + 1 < len(words) else ""
        if word == _PHRASE:
            pointed = True
        elif word in REFUSING:
            refusing = True
            unknown.append(word)
        elif word in FILLER:
            pointed = word in POINTING or (pointed and word in ARTICLES)
        elif not (word.endswith("ly") or _STRENGTH.fullmatch(word)):
            unknown.append(word)
            qualifies = following in WHOLE or (following == _PHRASE and before in {"a", "an"})
            about_a_part = about_a_part or (pointed and not qualifies)
            refusing = refusing or following in OBJECTS  # then it is a verb
            pointed = False
    return _Rest(tuple(unknown), about_a_part, foreign=refusing or len(unknown) > _MOST_UNKNOWN_WORDS)


def _words(text: str, spotted: Sequence[_Spotted]) -> list[str]:
    words: list[str] = []
    position = 0
    for one in spotted:
        words += [*_WORD.findall(text[position : one.start]), _PHRASE]
        position = one.end
    return words + _WORD.findall(text[position:])


def _without_repetition(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps, each once where it was said twice in a row: "a vintage look in sepia" is one sepia."""
    return tuple(step for index, step in enumerate(steps) if index == 0 or step != steps[index - 1])
