"""Cutting a prompt into clauses, each in one spelling, so that the grammar need not know many."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from service.imaging.instructions.tone_phrases import DOWN, NOUNS, UP

_Rewriting = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


@dataclass(frozen=True, slots=True)
class Clause:
    """One piece of a prompt.

    Attributes:
        said: As the caller wrote it, or nearly so.
        text: In the spelling of the grammar: small letters, single spaces, ``20px``, ``50%``, ``90deg``, ``800x600``.
        continues: Whether a negation of the clause before holds here too: "do not blur or crop".
    """

    said: str
    text: str
    continues: bool


_NUMBER_WORDS = {
    "one hundred and eighty": "180",
    "one hundred eighty": "180",
    "two hundred seventy": "270",
    "forty five": "45",
    "forty-five": "45",
    "ninety": "90",
    "hundred": "100",
    "eighty": "80",
    "seventy": "70",
    "sixty": "60",
    "fifty": "50",
    "forty": "40",
    "thirty": "30",
    "twenty": "20",
    "fifteen": "15",
    "ten": "10",
    "five": "5",
}
_AMOUNT = r"(?: (?:slightly|a bit|a little|a lot|strongly)| (?:by|to) \d+(?:\.\d+)? ?(?:%|percent)| up| down)"
_QUALITY = rf"(?:the )?{NOUNS}{_AMOUNT}?"


def _rewriting(pattern: str, to: str | Callable[[re.Match[str]], str]) -> _Rewriting:
    return re.compile(pattern, re.IGNORECASE), to


def _each_quality(found: re.Match[str]) -> str:
    """The verb and the amount at each: "increase contrast and saturation by 20%"."""
    qualities = re.split(r",? and |, ", found["qualities"])
    last = re.search(rf"{_AMOUNT}$", found["qualities"], re.IGNORECASE)
    amount = last[0] if last else ""
    amounts = ("" if re.search(rf"{_AMOUNT}$", quality, re.IGNORECASE) else amount for quality in qualities)
    return ", ".join(f"{found['verb']} {quality}{amount}" for quality, amount in zip(qualities, amounts, strict=True))


_BEFORE_CUTTING: Sequence[_Rewriting] = (
    _rewriting(r"[\u2018\u2019]", "'"),
    _rewriting(r"\bb ?(?:&|/|n) ?w\b|\bblack ?(?:and|&|/|n|'n'?) ?white\b", "black-and-white"),
    _rewriting(r"\b(?:everything|all|anything) but\b", "all except"),
    _rewriting(r"\bas well as\b", "and"),
    _rewriting(rf"\b({'|'.join(_NUMBER_WORDS)})\b(?!-)", lambda found: _NUMBER_WORDS.get(found[0].lower(), found[0])),
    _rewriting(
        r"\b(?:an? |the )?width\D{0,6} (\d+) ?(?:px|pixels)?(?:,? and|,|,? by)(?: an?| the)? height\D{0,6} (\d+)",
        r"\1x\2",
    ),
    _rewriting(r"\b(\d+) ?(?:px|pixels?)? wide(?:,| and| by| x)+ (\d+) ?(?:px|pixels?)? (?:high|tall)", r"\1x\2"),
    _rewriting(r"\b((?:border|frame)[^,.;]{0,40}), (\d+ ?(?:px|pixels?) (?:wide|thick))\b", r"\1 \2"),
    _rewriting(
        r"\b(flip|mirror|reflect)((?: \w+){0,3}?) (?:both )?(horizontally|vertically) and (horizontally|vertically)\b",
        r"\1\2 \3 and \1 \4",
    ),
    _rewriting(
        rf"\b(?P<verb>{UP}|{DOWN}) (?P<qualities>{_QUALITY}(?:(?:,? and |, ){_QUALITY})+)",
        _each_quality,
    ),
)
"""What would otherwise be cut apart, or means the same to every clause it is spread over."""

_IN_EACH: Sequence[_Rewriting] = (
    _rewriting(r"black-and-white", "blackwhite"),
    _rewriting(r"colour", "color"),
    _rewriting(r"grey", "gray"),
    _rewriting(r"golden", "gold"),
    _rewriting(r"(?<=[a-z])-(?=[a-z])", " "),
    _rewriting(r"[*_:\"“”()\[\]](?!\d)|:(?=\s)", " "),
    _rewriting(r"\b(?:counter|anti) ?clock ?wise\b|\bccw\b", "counterclockwise"),
    _rewriting(r"\bclock wise\b|\bcw\b", "clockwise"),
    _rewriting(r"(?<=\d) ?(?:percent|per cent|%)", "%"),
    _rewriting(r"(?<=\d) ?(?:degrees?|deg\b|°)", "deg"),
    _rewriting(r"(?<=\d)[- ]?(?:pixels?|px)\b", "px"),
    _rewriting(r"\b(\d+)(?:px)? ?(?:x|\u00d7|\*|by) ?(\d+)(?:px)?\b", r"\1x\2"),
    _rewriting(r"\b(\d+)px (?:wide|in width)\b", r"width \1px"),
    _rewriting(r"\b(\d+)px (?:tall|high|in height)\b", r"height \1px"),
    _rewriting(
        r"\b(width|height)(?: of the (?:image|picture|photo))?(?: (?:of|to|is|at|=)|:|=)* ?(\d+)(?:px)?\b", r"\1 \2px"
    ),
    _rewriting(r"\s+", " "),
)

_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|«[^»]*»|(?<!\w)'[^']{1,200}'(?!\w)")
_BETWEEN = re.compile(
    r"\s*(?:[;!?\n]+|\.(?=\s|$)|:(?=\s+\D)|,(?!\d)|\s[-\u2013\u2014]\s|[→•]|->|=>"
    r"|(?<![\w-])(?:and then|and also|and|then|after that|afterwards|finally|lastly|also|plus|but|or|nor)(?![\w-])"
    r"|&)\s*",
    re.IGNORECASE,
)
_LIST_MARK = re.compile(r"(?m)^\s*(?:[-*•]|\d{1,2}[.)])\s+")


def clauses(prompt: str) -> Iterator[Clause]:
    """The clauses of a prompt in their order; quoted texts are left out of what the grammar sees."""
    text = _LIST_MARK.sub("\n", prompt)
    for pattern, to in _BEFORE_CUTTING:
        text = pattern.sub(to, text)
    pieces, joints = _cut(text)
    for index, piece in enumerate(pieces):
        said = " ".join(piece.split())
        if said:
            yield Clause(said, _spelled(said), continues=_carries(joints, index))


def _cut(text: str) -> tuple[list[str], list[str]]:
    """The pieces of a text, and the joint before each; quotations are never cut."""
    pieces, joints = [""], [""]
    position = 0
    for quotation in [*_QUOTED.finditer(text), None]:
        end = len(text) if quotation is None else quotation.start()
        for joint in _BETWEEN.finditer(text, position, end):
            pieces[-1] += text[position : joint.start()]
            pieces.append("")
            joints.append(joint[0].strip().lower())
            position = joint.end()
        pieces[-1] += text[position:end]
        if quotation is not None:
            pieces[-1] += quotation[0]
            position = quotation.end()
    return pieces, joints


def _spelled(said: str) -> str:
    text = _QUOTED.sub(" quotation ", said.lower())
    for pattern, to in _IN_EACH:
        text = pattern.sub(to, text)
    return text.strip()


def _carries(joints: Sequence[str], index: int) -> bool:
    """Whether a clause stands in an enumeration that ends in "or": then a negation before holds for all of it."""
    following = next((joint for joint in joints[index:] if joint != ","), "")
    return joints[index] in {"or", "nor", ","} and following in {"or", "nor"}
