"""Whether a text is a story that the generator could have told, and where it is not, and why.

Read in this order: `page.py` (a story as paragraphs and numbered sentences), `reader.py` (the
teller turned round: it tells along a page and stops where the page says something else),
`search.py` (all ways in which a plot could have gone), `grammar.py` (single sentences and words),
`reasons.py` (what is wrong, in words). `python -m weft.data.stories.checker FILE` prints it.

The plots themselves are the grammar, and `World` vouches for them: it lets no plot tell what
cannot happen. So a story passes only if some course of events makes every sentence of it, letter
by letter, in this order, with these people and things, from the beginning to the end.
"""
