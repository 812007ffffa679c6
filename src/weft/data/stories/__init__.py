"""A generator of short children's stories: a small world, things that happen in it, sentences."""
