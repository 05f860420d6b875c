"""Words that mean nothing by themselves, words that forbid, and the pieces that patterns are made of."""

from __future__ import annotations

import re

SUBJECT = (
    r"(?:it|this|that|them|the|these|whole|entire|full|complete|my|our|your|its|all|everything|images?|pictures?|photos?"
    r"|photographs?|pics?|shots?|files?|snapshots?|of|colors?)"
)
IT = rf"(?: {SUBJECT})*"
"""What a verb may act on: the whole picture, in however many words."""

SLIGHT = (
    r"(?:a (?:little |tiny |small |wee )?bit|a little|a touch|a tad|a hint|slight(?:ly)?|little|somewhat|subt(?:ly|le)"
    r"|gent(?:ly|le)|light(?:ly)?|mild(?:ly)?|soft(?:ly)?|moderate(?:ly)?|minor)"
)
STRONG = (
    r"(?:strong(?:ly)?|heav(?:ily|y)|much|a lot|lots|very|really|high(?:ly)?|significant(?:ly)?|considerab(?:ly|le)"
    r"|intense(?:ly)?|dramatic(?:ally)?|super|greatly|hard|deep(?:ly)?|far|quite|way|noticeabl[ey]|big|large|bold)"
)
EXTREME = r"(?:extreme(?:ly)?|complete(?:ly)?|fully|total(?:ly)?|entirely|max(?:imum|imally)?|insanely|ultra)"
STRENGTH = rf"(?:{SLIGHT}|{STRONG}|{EXTREME})"
NUMBER = r"\d{1,6}(?:\.\d{1,4})?"

FILLER = frozenset(
    """
    a about add added adding adjust again all also an and any appear appearance applied apply applying are as at
    be beautiful bit by can change changed changing classic color colored colors complete convert converted
    converting copy could create d do does edit edited effect effects elegant entire everything exactly existing
    feel feeling file filter final for from full get give given gives has have hello hey hi i i'd i'll image
    images in instead into is it it's its just kind kindly let let's lets like little ll look looking looks lot lots
    lovely made make makes making me more my need nice now of on original our output overall perfect photo
    photograph photographs photos pic pics picture pictures please pretty process produce put quite really
    render result set shot should simply snapshot so some sort style styled thank thanks that the them then
    there these they this to tone toned tones too transform turn turned turning up us use using version very
    want we whole will with would you your
    """.split()  # noqa: SIM905 - words, not quotes
)
"""Words that neither ask for anything nor name a part of the picture."""

POINTING = frozenset(
    """
    above all around at behind between both each every from get her his in inside into its like make makes
    making my near of on our outside over render some that the their these this those to turn turning under your
    """.split()  # noqa: SIM905 - words, not quotes
)
"""An unknown word behind one of these is a thing in the picture, and the instruction is about that thing alone."""

OBJECTS = frozenset(
    {"it", "the", "this", "that", "my", "our", "your", "its", "his", "her", "their", "them", "these", "all"}
)
"""What verbs are followed by, and nothing else that stands in a clause."""

ARTICLES = frozenset({"a", "an", "the"})

WHOLE = frozenset(
    """
    appearance color colors copy effect feel file filter image images look output photo photograph photographs
    photos pic picture pictures result shot style tone tones version
    """.split()  # noqa: SIM905 - words, not quotes
)
"""Words that make a qualifier of the unknown word before them: "this product photo" is the whole picture."""

REFUSING = frozenset(
    """
    delete erase except excluding fix half if only remove removing replace replacing swap undo unless where
    """.split()  # noqa: SIM905 - words, not quotes
)
"""Words that turn the meaning of a known phrase into something that is not known."""

NEGATION = re.compile(
    r"\b(?:do not|does not|dont|don't|doesn't|not|never|no|without|avoid|avoiding|nor|neither|can't|mustn't|shouldn't"
    r"|instead of|rather than|stop|skip|refrain from|keep|keeping|preserve|preserving|leave|leaving"
    r"|maintain|maintaining|retain|retaining)\b"
)
"""What follows one of these, up to the end of the clause, is not to be done, or is to stay as it is."""
