"""Weft: a complete GPT that you can read, train and run."""

__version__ = "0.1.0"
