"""A generator of short children's stories: a small world, things that happen in it, sentences.

Read in this order: `world.py` (people and things; which events contradict them), `language.py`
(sentence frames), `teller.py` (one story: events in, sentences out), `scenes.py` (beginning and
end), `plots/` (one plot per file, its frames above it), `corpus.py` (story after story).
`vocabulary.py` names the people. All words of a story come from a frame and the tables; `checker/`
reads a story back: it runs the plots along a page.

The stories are made to be learnt by a small model in a minute, to the last fact. Four rules of
the frames do that, each of them found by what a model got wrong before:

1. A thing has its full name at each mention, and is mentioned in most sentences. What depends on
   it stands after it: `But the wagon lost a wheel`, not `But a wheel was lost`. So there is
   something to copy from near by, and what follows is bound to what was copied.
2. People have names; a frame asks for `she` only right after the name. Hero, friend, kind, trait
   and habit belong together in all stories.
3. What is chosen is as likely as everything else that may stand there, and differs from it in
   the first word where that can be: at a low temperature, a little more likely is always.
4. A paragraph does not begin with somebody's name, which at the start of a line is another token.
"""
