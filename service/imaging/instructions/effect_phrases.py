"""Phrases for effects and borders."""

from __future__ import annotations

import re

from PIL import ImageColor

from service.imaging.instructions.phrase import Found, Phrase, phrase
from service.imaging.instructions.vocabulary import IT, NUMBER
from service.imaging.steps.border import Border
from service.imaging.steps.effects import Blur, FewColours, Pixelate, Posterize, Sketch, Vignette
from service.imaging.steps.step import Length, Step

_BLUR_SHARES = {0.4: 0.004, 1.0: 0.01, 2.0: 0.025, 3.0: 0.06}
_BLOCK_SHARES = {0.4: 0.012, 1.0: 0.03, 2.0: 0.06, 3.0: 0.1}
_VIGNETTES = {0.4: 0.6, 1.0: 1.0, 2.0: 1.2, 3.0: 1.34}
_BORDER_SHARE, _THIN_SHARE, _THICK_SHARE = 0.03, 0.012, 0.08
_LEVELS, _MOST_LEVELS = 4, 64
_MOST_COLOURS = 256
_LONGEST_PIXELS = 10_000.0

_SHADES = (
    r"(?:light|dark|medium|pale|deep|hot|dim|forest|lime|sea|sky|steel|royal|midnight|slate|bright|pure|solid|off)"
)
_NAMES = "|".join(sorted(ImageColor.colormap, key=len, reverse=True))
_COLOUR = re.compile(rf"(?<![\w#])(?:#[0-9a-f]{{3,8}}|(?:{_SHADES} )?(?:{_NAMES}))(?!\w)")
_WIDTH = re.compile(rf"(?<![\w#])(?P<number>{NUMBER})(?P<unit>px|%)?(?!\w)")
_THIN = re.compile(r"\b(?:thin|narrow|fine|small|slight|subtle)\b")
_THICK = re.compile(r"\b(?:thick|wide|broad|heavy|big|large|bold)\b")
_KIND = r"(?:thin|narrow|fine|small|slight|subtle|thick|wide|broad|heavy|big|large|bold|solid|simple|plain|clean|nice)"
_ATTRIBUTE = rf"(?:(?:width )?(?<![\w#]){NUMBER}(?:px|%)?(?!\w)|{_KIND}|{_COLOUR.pattern})"
_AT_EDGES = r"(?:(?: effect)?(?: (?:around|on|at|to|in|along))? (?:all |the )*(?:edges|corners|sides))?"


def _pixels(found: Found, group: str) -> float | None:
    pixels = found.number(group)
    return None if pixels is None else min(pixels, _LONGEST_PIXELS)


def _blur(found: Found) -> Step:
    return Blur(Length(_BLUR_SHARES[found.strength], _pixels(found, "radius")))


def _pixelate(found: Found) -> Step:
    return Pixelate(Length(_BLOCK_SHARES[found.strength], _pixels(found, "block")))


def _posterize(found: Found) -> Step:
    wanted = found.number("levels")
    return Posterize(_LEVELS if wanted is None else _within(wanted, _MOST_LEVELS))


def _few_colours(found: Found) -> Step:
    return FewColours(_within(found.number("colours") or 0, _MOST_COLOURS))


def _within(wanted: float, most: int) -> int:
    return min(max(2, round(wanted)), most)


def _border(found: Found) -> Step:
    text = found.match[0]
    colour = _COLOUR.search(text)
    width = _WIDTH.search(_COLOUR.sub(" ", text))
    share, pixels = _BORDER_SHARE, None
    if width is not None and width["unit"] == "%":
        share = min(float(width["number"]), 100.0) / 100
    elif width is not None:
        pixels = min(float(width["number"]), _LONGEST_PIXELS)
    elif _THIN.search(text):
        share = _THIN_SHARE
    elif _THICK.search(text):
        share = _THICK_SHARE
    return Border(_known_colour(colour[0]) if colour else "white", Length(share, pixels))


def _known_colour(text: str) -> str:
    """A colour that Pillow knows: "light blue" is "lightblue", "deep red" just "red"."""
    if text.startswith("#"):
        return text if len(text) in {4, 5, 7, 9} else "white"
    joined = text.replace(" ", "")
    return joined if joined in ImageColor.colormap else text.rpartition(" ")[2]


EFFECT_PHRASES: tuple[Phrase, ...] = (
    phrase(
        rf"(?:gaussian )?blur(?:red|ry|rier|ring|s)?(?: effect)?"
        rf"(?:{IT}(?: (?:with|of|by|using|at|a|radius|strength|sigma))* (?P<radius>{NUMBER})(?:px)?(?: radius)?(?!%))?"
        r"|out of focus|(?:de|un) ?focus(?:ed)?",
        _blur,
    ),
    phrase(r"soften(?:ed|ing)?|softer|smooth(?:er|ed|en)?", lambda _: Blur(Length(_BLUR_SHARES[0.4]))),
    phrase(
        rf"(?:pixelat(?:e|ed|ing|ion)|pixeli[sz]ed?|pixel art|mosaic)(?: effect)?"
        rf"(?:{IT}(?: (?:with|of|by|using|into|in|to|a|blocks?|squares?|pixels?|tiles?|size))*"
        rf" (?P<block>{NUMBER})(?:px)?(?!%)(?: (?:blocks?|squares?|tiles?|size))*)?",
        _pixelate,
    ),
    phrase(
        rf"(?:posteri[sz](?:e|ed|ing|ation)|poster (?:effect|style|look))"
        rf"(?:{IT}(?: (?:to|with|using|into|at))* (?P<levels>\d{{1,4}}) (?:levels?|tones?|shades?|steps?))?",
        _posterize,
    ),
    phrase(
        rf"(?:(?:reduce|limit|quanti[sz]e|posteri[sz]e)(?:{IT}| number)*(?: to| with| using)|just|only|with)"
        r" (?P<colours>\d{1,4}) colors?",
        _few_colours,
    ),
    phrase(
        r"(?:(?:pencil|charcoal|line|hand drawn|graphite|hand) )*(?:sketch(?:ed)?|drawing|line ?art)"
        r"|pencil (?:style|effect|look)",
        lambda _: Sketch(),
    ),
    phrase(
        rf"vignett(?:e|ed|es|ing){_AT_EDGES}|dark(?:en|ened|er)?{IT} (?:edges|corners|borders)",
        lambda found: Vignette(_VIGNETTES[found.strength]),
    ),
    phrase(
        rf"(?:{_ATTRIBUTE} )*(?:border(?:ed|s)?|fram(?:e|ed)|padding|margins?)(?: around)?{IT}{_AT_EDGES}"
        rf"(?:(?: (?:of|in|with|that|is|which|using|a|the|width|thickness|size|color))* {_ATTRIBUTE}"
        r"(?: (?:on |at )?(?:each|all|every) sides?)?)*",
        _border,
    ),
)
