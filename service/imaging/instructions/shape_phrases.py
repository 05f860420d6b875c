"""Phrases for turning, mirroring and cutting."""

from __future__ import annotations

from service.imaging.instructions.phrase import Found, Phrase, phrase
from service.imaging.instructions.vocabulary import IT, NUMBER
from service.imaging.steps.geometry import CropToRatio, CropToSize, Edge, Flip, Rotate, Trim
from service.imaging.steps.step import Length, Step

_LEFT = r"(?:counterclockwise|(?:to the )?left(?:wards?)?)"
_WAY = rf"(?P<way>{_LEFT}|clockwise|(?:to the )?right(?:wards?)?)"
_TURNING = r"(?:rotat(?:e|es|ed|ing|ion)|spin|tilt(?:ed)?)"
_TURN = rf"(?:{_TURNING}|turn(?:ed)?)"
_DEGREES = rf"(?P<degrees>{NUMBER})"

_AXIS = r"(?:along|over|across|around|about|on)(?: the| its)?"
_SIDEWAYS = (
    rf"(?:horizontal(?:ly)?|left to right|left right|right to left|sideways|side to side|{_AXIS} (?:vertical|y) axis)"
)
_UPDOWN = (
    rf"(?:vertical(?:ly)?|upside down|top to bottom|bottom to top|top down|top bottom|{_AXIS} (?:horizontal|x) axis)"
)
_FLIP = r"(?:flip(?:ped|ping|s)?|(?<!\ba )(?<!\ban )(?<!\bthe )mirror(?:ed|ing|s)?|reflect(?:ed)?)"
_FLIPPED = r"(?:flip|mirror|reflection)(?:ped|ed)?"

_NAMED_RATIOS = {"square": (1.0, 1.0), "portrait": (3.0, 4.0), "landscape": (4.0, 3.0), "widescreen": (16.0, 9.0)}
_NAMED = rf"(?P<named>{'|'.join(_NAMED_RATIOS)})"
_RATIO = rf"(?P<across>{NUMBER}) ?(?::|x|by|to|/) ?(?P<along>{NUMBER})"
_MOST_OF_A_RATIO = 32  # "crop to 16 x 9" means proportions, "crop to 800 x 600" pixels
_SHAPE = r"(?:aspect|ratio|format|crop|shape|frame|orientation|proportions?)"
_CROP = r"(?:crop|cut|trim)(?:ped|ping)?"
_TO = r"(?: (?:down|centrally|centered|central|to|into|in|as|at|with|for|a|an))*"

_EDGES = {edge.value: (edge,) for edge in Edge}
_EACH_SIDE = r"(?:(?:all|each|every|four|the) )*(?:sides?|edges?|borders?)"
_SIDES = rf"(?P<side>(?:{'|'.join(_EDGES)})(?: (?:side|edge|part))?|{_EACH_SIDE})"
_STRIP = rf"(?P<strip>{NUMBER})(?P<unit>px|%)"
_LONGEST_PIXELS = 100_000.0
_HALF_PERCENT = 50.0  # so much on each side leaves nothing


def _rotate(found: Found) -> Step:
    degrees = found.number("degrees")
    way = found.said("way") or ""
    backwards = found.said("minus") or way.startswith("counter") or "left" in way
    return Rotate((-1 if backwards else 1) * (90.0 if degrees is None else degrees % 360))


def _crop(found: Found) -> Step | None:
    named = found.said("named")
    if named is not None:
        return CropToRatio(*_NAMED_RATIOS[named])
    across, along = found.number("across") or 0.0, found.number("along") or 0.0
    if min(across, along) <= 0:
        return None
    if max(across, along) <= _MOST_OF_A_RATIO:
        return CropToRatio(across, along)
    return CropToSize(max(1, round(across)), max(1, round(along)))


def _trim(found: Found) -> Step | None:
    amount = min(found.number("strip") or 0.0, _LONGEST_PIXELS)
    share = found.said("unit") == "%"
    if amount == 0 or (share and amount >= _HALF_PERCENT):
        return None
    side = found.said("side") or ""
    edges = next((edges for name, edges in _EDGES.items() if side.startswith(name)), tuple(Edge))
    return Trim(Length(amount / 100) if share else Length(0, amount), edges)


SHAPE_PHRASES: tuple[Phrase, ...] = (
    phrase(rf"{_TURN}{IT}(?: by)? (?P<minus>-)?\+?{_DEGREES}deg(?: {_WAY})?", _rotate),
    phrase(rf"{_TURNING}{IT}(?: by)? (?P<minus>-)?\+?{_DEGREES}(?: {_WAY})?", _rotate),
    phrase(rf"{_TURN}{IT} {_WAY}(?: (?:by )?{_DEGREES}(?:deg)?)?", _rotate),
    phrase(rf"{_DEGREES}deg(?: {_WAY})?(?: (?:rotation|turn|spin))?", _rotate),
    phrase(rf"(?:a )?quarter (?:of a )?turn(?: {_WAY})?|rotat(?:e|ed){IT}(?: sideways)?", _rotate),
    phrase(
        rf"(?:(?:turn|put|set|make|rotate|place){IT} )?(?:upside down|on its head)|(?:a )?half (?:a )?turn",
        lambda _: Rotate(180),
    ),
    phrase(
        rf"{_FLIP}{IT}(?: {_SIDEWAYS})?|{_SIDEWAYS} {_FLIPPED}|mirror image(?: of{IT})?|swap left and right",
        lambda _: Flip(),
    ),
    phrase(rf"{_FLIP}{IT} {_UPDOWN}|{_UPDOWN} {_FLIPPED}", lambda _: Flip(vertical=True)),
    phrase(rf"{_CROP}{IT}{_TO} (?:{_RATIO}(?:px)?|{_NAMED})(?: {_SHAPE})*", _crop),
    phrase(rf"(?:an? )?aspect ratio(?: of| to| is)*(?: a)? (?:{_RATIO}|{_NAMED})", _crop),
    phrase(rf"(?P<across>{NUMBER}):(?P<along>{NUMBER})(?: {_SHAPE})*|{_NAMED}(?: {_SHAPE})+", _crop),
    phrase(rf"(?:make|turn){IT}(?: into| to)?(?: a)? {_NAMED}(?: {_SHAPE})*", _crop),
    phrase(
        rf"{_CROP}(?: off| away| out)?{IT}(?: by)? {_STRIP}(?: (?:off|from|of|on|at|around|the))*(?: {_SIDES})?", _trim
    ),
    phrase(rf"{_CROP}(?: off| away| out)?(?: the| from)* {_SIDES}(?: by)? {_STRIP}", _trim),
)
