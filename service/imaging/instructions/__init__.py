"""Understanding plain edit instructions: a prompt becomes steps, and what was not understood is named.

The grammar is a set of tables (`tone_phrases`, `effect_phrases`, `shape_phrases`, `size_phrases`): a phrase is a
pattern and the step it stands for. `clauses` cuts a prompt into pieces, `reading` finds the phrases in each and decides
whether the rest of the words allow them: a negation or a part of the picture ("the sky") does not.
"""
