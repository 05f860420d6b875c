"""Phrases for light and colour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from service.imaging.instructions.phrase import Found, Phrase, phrase
from service.imaging.instructions.vocabulary import IT, NUMBER
from service.imaging.steps.effects import Sharpen
from service.imaging.steps.step import Step
from service.imaging.steps.tones import AutoLevels, Brightness, Contrast, Grayscale, Invert, Saturation, Sepia, Warmth

UP = (
    r"(?:increas(?:e|ed|ing)|rais(?:e|ed|ing)|boost(?:ed|ing)?|enhanc(?:e|ed|ing)|improv(?:e|ed|ing)|bump up|turn up"
    r"|crank up|intensify|strengthen|amplify|more|higher|added|add|extra|up|high)"
)
DOWN = (
    r"(?:decreas(?:e|ed|ing)|reduc(?:e|ed|ing)|lower(?:ed|ing)?|turn down|tone down|drop|lessen|weaken|less|low"
    r"|cut|down)"
)
_UP_FACTORS = {0.4: 1.15, 1.0: 1.35, 2.0: 1.75, 3.0: 2.5}
_DOWN_FACTORS = {0.4: 0.85, 1.0: 0.7, 2.0: 0.45, 3.0: 0.2}
_THE = r"(?:(?:the|its|some|overall) )*"


@dataclass(frozen=True, slots=True)
class Quality:
    """Something that a picture has more or less of.

    Attributes:
        noun: What it is called.
        more: Words that ask for more of it by themselves, such as "brighter".
        less: Words that ask for less.
        state: What a picture with much of it is, for "less bright" and "twice as bright".
        make: The step for a factor; 1 changes nothing.
    """

    noun: str
    more: str
    less: str
    state: str
    make: Callable[[float], Step]


def _warmth(factor: float) -> Step:
    return Warmth((factor - 1) / (_UP_FACTORS[1.0] - 1 if factor > 1 else 1 - _DOWN_FACTORS[1.0]))


QUALITIES = (
    Quality(
        noun=r"(?:brightness|exposure|lightness|luminosity)",
        more=r"bright(?:er|en(?:ed|ing)?(?: up)?)?|light(?:er|en(?:ed|ing)?(?: up)?)",
        less=r"dark(?:er|en(?:ed|ing)?)?|dim(?:mer|med)?",
        state=r"(?:bright|light)",
        make=Brightness,
    ),
    Quality(
        noun=r"contrast",
        more=r"contrast(?:ier|y|ed)",
        less=r"flatter",
        state=r"contrast(?:y|ed)",
        make=Contrast,
    ),
    Quality(
        noun=r"(?:(?:colou?r )?saturation|vibranc[ey]|colou?r intensity)",
        more=r"vivid|vibrant|colorful|saturated?|punch(?:y|ier)|(?:the )?colors? pop",
        less=r"muted|faded|paler?|washed out",
        state=r"(?:saturated|vivid|vibrant|colorful)",
        make=Saturation,
    ),
    Quality(
        noun=r"(?:warmth|(?:colou?r )?temperature)",
        more=r"warm(?:er|ed|ing)?(?: up)?",
        less=r"cool(?:er|ed)(?: down)?|cool(?: down| tones?| colors?)|cold(?:er)?",
        state=r"warm",
        make=_warmth,
    ),
)
NOUNS = rf"(?:{'|'.join(quality.noun for quality in QUALITIES)}|sharpness)"
"""Names of qualities, also in the spelling that prompts have before clauses are cut."""


def _factor(found: Found, *, up: bool) -> float:
    if found.to is not None:
        return found.to
    if found.by is not None:
        return 1 + found.by if up else max(0.0, 1 - found.by)
    return (_UP_FACTORS if up else _DOWN_FACTORS)[found.strength]


def _of_quality(quality: Quality) -> Iterator[Phrase]:
    noun, make = quality.noun, quality.make
    yield phrase(rf"{UP} {_THE}{noun}|{noun} {UP}|{quality.more}", lambda found: make(_factor(found, up=True)))
    yield phrase(
        rf"{DOWN} {_THE}{noun}|{noun} {DOWN}|{quality.less}|less {quality.state}",
        lambda found: make(_factor(found, up=False)),
    )
    yield phrase(
        rf"{noun} ?(?P<signed>[+-] ?{NUMBER})%?",
        lambda found: make(max(0.0, 1 + float((found.said("signed") or "").replace(" ", "")) / 100)),
    )
    yield phrase(
        rf"(?:set |adjust |change )?{_THE}{noun}{IT}(?: (?:to|at|of))? (?P<share>{NUMBER})%",
        lambda found: make((found.number("share") or 0.0) / 100),
    )
    yield phrase(rf"(?:double|twice) {_THE}{noun}|(?:twice|double) as {quality.state}", lambda _: make(2.0))
    yield phrase(rf"(?:half|halve) {_THE}{noun}|half as {quality.state}", lambda _: make(0.5))


def _desaturate(found: Found) -> Step:
    """All colour goes, as in every editor, unless only some of it is meant."""
    if found.by is None and found.to is None and found.strength >= 1:
        return Grayscale()
    return Saturation(_factor(found, up=False))


def _sharpen(found: Found) -> Step:
    return Sharpen(found.strength if found.by is None else 2 * found.by)


TONE_PHRASES: tuple[Phrase, ...] = (
    phrase(
        r"blackwhite|gray ?scaled?|gray ?tones?|shades of gray|monochrom(?:e|atic)|colorless"
        r"|(?:remove|without|no|drop|discard|strip|take out|take away)(?: (?:all|any|out|of|the))* colors?(?: from)?"
        rf"|(?:make|turn|convert){IT}(?: to| into)? gray",
        lambda _: Grayscale(),
    ),
    phrase(r"desaturat(?:e|ed|ing|ion)", _desaturate),
    phrase(
        r"(?:vintage )?sepia(?: toned?)?"
        r"|(?:vintage|antique|old|retro|aged|old fashioned)(?: (?:photo|photograph|style|look|effect|filter|film))+",
        lambda _: Sepia(),
    ),
    phrase(
        rf"invert(?:ed|ing)?{IT}|inverse colors?|(?:photo |film |color )?negative(?: (?:film|effect|of))?"
        r"|(?:reversed?|flip|swap) (?:all )?(?:the )?colors|color inversion|opposite colors?",
        lambda _: Invert(),
    ),
    phrase(
        r"auto ?(?:contrast|levels?|enhance|correct|tone|fix)"
        rf"|(?:enhance|improve|normali[sz]e)(?: the)?(?: levels?| lighting| quality)?{IT}(?=$)",
        lambda _: AutoLevels(),
    ),
    phrase(
        rf"sharpen(?:ed|ing)?(?: up)?|sharper|crisp(?:er)?|de ?blur(?:red)?|unblur(?:red)?"
        rf"|{UP} {_THE}(?:sharpness|clarity|details?|crispness)|sharpness up",
        _sharpen,
    ),
    *(found for quality in QUALITIES for found in _of_quality(quality)),
)
