"""A generator of short children's stories: a small world, things that happen in it, sentences.

Read in this order: `world.py` (people, things, places; which events contradict them),
`language.py` (sentence frames), `teller.py` (one story: events in, sentences out), `scenes.py`
and `frames.py` (what plots share), `plots/` (one plot per file, its frames above it), `corpus.py`
(story after story). `vocabulary.py` names everybody and everything there is.

All words of a story come from a frame and the vocabulary. `checker/` reads a story back: it runs
the plots along a page, and `World.apply` says whether what stands there can happen.
"""
