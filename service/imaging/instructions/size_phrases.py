"""Phrases for the size of a picture."""

from __future__ import annotations

from service.imaging.instructions.phrase import Found, Phrase, phrase
from service.imaging.instructions.vocabulary import IT, NUMBER
from service.imaging.steps.sizing import ResizeTo, ResizeWithin, Scale
from service.imaging.steps.step import Step

_SCALING = r"(?:resiz(?:e|ed|ing)|re ?scal(?:e|ed|ing)|scal(?:e|ed|ing)|resample)"
_SHRINKING = r"(?:shrink|shrunk|downscaled?|downsized?|downsample)"
_ENLARGING = r"(?:enlarged?|upscaled?|upsized?|upsample|magnify|blow up)"
_LESS = r"(?:reduce|decrease|cut|lower)"
_MORE = r"(?:increase|raise)"
_CHANGING = rf"(?:{_LESS}|{_MORE}|change|set|make|bring|fit|convert|limit|adjust)"
_VERB = rf"(?:{_SCALING}|{_SHRINKING}|{_ENLARGING}|{_CHANGING})"
_NOUN = r"(?:size|resolution|dimensions)"
_ASKED = (
    rf"(?:{_VERB}{IT}(?: {_NOUN})?{IT}(?: down| up)? )?(?:(?:to|into|at|as|be|is|a|the|its|exactly|exact|with|of) )*"
)
_SIZED = rf"(?:(?:{_SCALING}|{_SHRINKING}|{_ENLARGING}){IT}(?: {_NOUN})?|{_CHANGING}{IT} {_NOUN}){IT}(?: down| up)?"
_OF_IT = rf"(?:(?: of)?(?: the| its)?(?: original| current)? {_NOUN}{IT}| as (?:big|large|small))"

_NO_BORDER = r"(?!(?: [\w#]+){0,3} (?:border|frame|padding|margin))"

_TIMES = {
    "half": 0.5,
    "quarter": 0.25,
    "double": 2.0,
    "twice": 2.0,
    "two times": 2.0,
    "triple": 3.0,
    "three times": 3.0,
    "quadruple": 4.0,
    "four times": 4.0,
}
_WORD = rf"(?P<word>{'|'.join(_TIMES)})"
_SMALLER = {0.4: 0.75, 1.0: 0.5, 2.0: 0.25, 3.0: 0.1}
_LARGER = {0.4: 1.25, 1.0: 2.0, 2.0: 3.0, 3.0: 4.0}
_THUMBNAIL_PIXELS = 256
_MOST_TIMES = 100.0


def _to_size(found: Found) -> Step | None:
    width, height = (round(found.number(side) or 0) for side in ("across", "along"))
    if min(width, height) < 1:
        return None
    return ResizeWithin(width, height) if found.said("within") else ResizeTo(width, height)


def _to_side(found: Found) -> Step | None:
    pixels = round(found.number("pixels") or 0)
    if pixels < 1:
        return None
    match found.said("side"):
        case "width":
            return ResizeWithin(width=pixels)
        case "height":
            return ResizeWithin(height=pixels)
        case _:
            return ResizeWithin(pixels, pixels)


def _thumbnail(found: Found) -> Step:
    side = round(found.number("pixels") or 0) or _THUMBNAIL_PIXELS
    return ResizeWithin(side, side)


def _scale(factor: float) -> Step | None:
    return Scale(min(factor, _MOST_TIMES)) if factor > 0 else None


def _times(found: Found) -> Step | None:
    word = found.said("word") or found.said("halved") or ""
    return _scale(found.number("times") or found.number("more") or _TIMES.get(word, 0.0))


def _scaled(found: Found) -> Step | None:
    """Scale; "by 50%" means the same as "to 50%"."""
    return _scale(found.to or found.by or 0.0)


def _smaller(found: Found) -> Step | None:
    percent = found.number("percent")
    less = found.by if percent is None else percent / 100
    return _scale(found.to or (_SMALLER[found.strength] if less is None else 1 - less))


def _larger(found: Found) -> Step | None:
    percent = found.number("percent")
    more = found.by if percent is None else percent / 100
    return _scale(found.to or (_LARGER[found.strength] if more is None else 1 + more))


SIZE_PHRASES: tuple[Phrase, ...] = (
    phrase(
        rf"{_ASKED}(?P<within>(?:fit )?(?:within|inside|in|into)(?: a)? |at most |max(?:imum)? )?"
        r"(?P<across>\d{2,6})x(?P<along>\d{2,6})",
        _to_size,
    ),
    phrase(rf"{_ASKED}(?:(?:max|maximum) )?(?P<side>width|height) (?P<pixels>\d{{1,6}})px{_NO_BORDER}", _to_side),
    phrase(rf"{_SIZED} (?:to|at)(?: (?:a|maximum|max|of|at most))* (?P<pixels>\d{{1,6}})px", _to_side),
    phrase(r"thumbnail(?: (?:of|with))*(?: (?P<pixels>\d{1,5})px)?", _thumbnail),
    phrase(rf"{_ASKED}(?P<percent>{NUMBER})%{_OF_IT}", lambda found: _scale((found.number("percent") or 0.0) / 100)),
    phrase(
        rf"(?:{_VERB}{IT}(?: to| by| in)? )?{_WORD}{_OF_IT}"
        rf"|{_VERB}{IT}(?: {_NOUN})?{IT}(?: down)? (?:by|in|to) (?P<halved>half)",
        _times,
    ),
    phrase(
        rf"(?:{_SCALING}|{_ENLARGING}){IT}(?: by| to)? (?P<times>{NUMBER})(?:x| times)"
        rf"|(?P<more>{NUMBER})x (?:larger|bigger)",
        _times,
    ),
    phrase(rf"{_SCALING}{IT}(?: {_NOUN})?{IT}(?: down| up)?|(?:change|set|adjust){IT} {_NOUN}", _scaled),
    phrase(
        rf"{_SHRINKING}{IT}(?: {_NOUN})?|{_LESS}{IT} {_NOUN}|{_SCALING}{IT} down|(?:(?P<percent>{NUMBER})% )?smaller",
        _smaller,
    ),
    phrase(
        rf"{_ENLARGING}{IT}(?: {_NOUN})?|{_MORE}{IT} {_NOUN}|{_SCALING}{IT} up"
        rf"|(?:(?P<percent>{NUMBER})% )?(?:larger|bigger)",
        _larger,
    ),
)
