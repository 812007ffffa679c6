"""Texts and bytes that arrive in parts: encode early, decode no half letters.

Encoding a part is safe up to a place that the tokenizer would cut at whatever comes next; the rest
waits for the next part. Decoding holds back the bytes of an unfinished UTF-8 character.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator

from weft.errors import DataError

PART = 1 << 16
"""Characters gathered before they are looked at: small chunks would cost more than their text."""


def settled_parts(
    chunks: Iterable[str], boundary: Callable[[str], int]
) -> Iterator[tuple[int, str]]:
    """Join and cut `chunks` anew so that each part can be encoded alone: (offset, part).

    `boundary(text)` is the last safe place to cut in `text`, 0 if there is none. Memory holds one
    chunk plus the longest stretch without such a place. While there is none, twice as much text
    is awaited each time, so a stretch of n characters is searched 2n times at most.
    """
    waiting, length, enough, offset = [], 0, PART, 0
    for chunk in chunks:
        waiting.append(chunk)
        length += len(chunk)
        if length < enough:
            continue
        text = "".join(waiting)
        cut = boundary(text)
        if cut:
            yield offset, text[:cut]
        waiting, length, offset = [text[cut:]], length - cut, offset + cut
        enough = max(PART, 2 * length)
    if length:
        yield offset, "".join(waiting)


def reject_surrogates(text: str, offset: int = 0) -> None:
    """DataError at the first surrogate: half of a UTF-16 pair is not a character of any text.

    tiktoken writes U+FFFD in its place; Weft never changes a text silently.
    """
    if text.isascii():  # Python knows without looking
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"not a Unicode text: lone surrogate U+{ord(text[error.start]):04X}; at character "
            f"{offset + error.start}; remove it or put U+FFFD in its place"
        ) from None


class StreamDecoder:
    """Turns ids into text one at a time, never splitting a character.

    The strings returned join to `bytes.decode(errors="replace")` of all bytes: what cannot be
    UTF-8 becomes U+FFFD as soon as that is certain.
    """

    def __init__(self, token_bytes: Callable[[int], bytes]) -> None:
        self._token_bytes = token_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, token: int) -> str:
        """The text that is certain after this token; often "" inside an emoji."""
        return self._decoder.decode(self._token_bytes(token))

    def flush(self) -> str:
        """End the stream: an unfinished character becomes U+FFFD. Ready for a new stream."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest
