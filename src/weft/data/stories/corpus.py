"""The `stories` corpus."""

from collections.abc import Iterator


def fingerprint() -> str:
    return "0"


def default_corpus() -> Iterator[str]:
    yield "A Story\nTom went to the pond.\n\n"
