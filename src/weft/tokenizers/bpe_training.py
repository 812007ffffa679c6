"""Learn byte pairs: again and again, join the most frequent pair of neighbours (Sennrich, 2016).

Pairs are counted inside the pieces of GPT-2's pattern, each distinct piece once with its frequency
as a weight. After a merge only the neighbours of its places are counted anew, so that 8,000 merges
cost little more than one. Ids are those of `bpe.py`: bytes in GPT-2's order, then the new tokens.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush
from itertools import pairwise

from weft.tokenizers.byte_alphabet import BYTE_ORDER
from weft.tokenizers.pattern import last_boundary, split
from weft.tokenizers.streaming import reject_surrogates, settled_parts

Pair = tuple[int, int]
_NONE = -1


def count_pieces(chunks: Iterable[str]) -> Counter[str]:
    """How often each piece of the pattern occurs in a text that arrives in chunks."""
    counts: Counter[str] = Counter()
    for offset, text in settled_parts(chunks, last_boundary):
        reject_surrogates(text, offset)
        counts.update(split(text))
    return counts


def learn_merges(pieces: Mapping[str, int], count: int) -> tuple[list[bytes], list[Pair]]:
    """Learn up to `count` new tokens: (the bytes of every token, the merged pairs in order).

    Of pairs that are equally frequent, the one with the smaller left id is taken, then the one with
    the smaller right id: the rule of Hugging Face's trainer, whose merges these are. Stops early
    when every piece is one token. Two pairs can spell the same token ("ab"+"c", "a"+"bc"): both
    are merges, the token is there once.
    """
    tokens = [bytes([byte]) for byte in BYTE_ORDER]
    id_of = {token: id for id, token in enumerate(tokens)}
    chains = _Chains(pieces)
    merges: dict[Pair, None] = {}
    while len(tokens) < len(BYTE_ORDER) + count and (pair := chains.most_frequent()):
        token = tokens[pair[0]] + tokens[pair[1]]
        if token not in id_of:
            id_of[token] = len(tokens)
            tokens.append(token)
        chains.merge(pair, id_of[token])
        merges[pair] = None  # a token spelt twice can bring a merged pair together again
    return tokens, list(merges)


class _Chains:
    """All pieces as one array of symbols, linked to their neighbours inside each piece.

    count:  pair -> its frequency in the text
    places: pair -> where its left symbol stands; a place may be out of date, never missing
    heap:   (-count, left, right) of every pair; a count may be out of date, but only too high
    """

    def __init__(self, pieces: Mapping[str, int]) -> None:
        self.symbols, self.weights = array("q"), array("q")
        self.after, self.before = array("q"), array("q")
        self.count: defaultdict[Pair, int] = defaultdict(int)
        self.places: defaultdict[Pair, array[int]] = defaultdict(lambda: array("q"))
        for piece, weight in pieces.items():
            self._append(piece.encode(), weight)
        self.heap = [(-count, *pair) for pair, count in self.count.items()]
        heapify(self.heap)

    def _append(self, piece: bytes, weight: int) -> None:
        start, end = len(self.symbols), len(self.symbols) + len(piece)
        ids = [_ID_OF_BYTE[byte] for byte in piece]
        self.symbols.extend(ids)
        self.weights.extend([weight] * len(ids))
        self.after.extend([*range(start + 1, end), _NONE])
        self.before.extend([_NONE, *range(start, end - 1)])
        for place, pair in enumerate(pairwise(ids), start):
            self.count[pair] += weight
            self.places[pair].append(place)

    def most_frequent(self) -> Pair | None:
        """The pair to merge next; None when no two symbols are neighbours any more."""
        while self.heap:
            negative, left, right = heappop(self.heap)
            count = self.count.get((left, right), 0)
            if count == -negative != 0:
                return left, right
            if count:
                heappush(self.heap, (-count, left, right))
        return None

    def merge(self, pair: Pair, new: int) -> None:
        """Put the symbol `new` wherever `pair` stands, from left to right."""
        grown: set[Pair] = set()
        for place in sorted(self.places.pop(pair)):
            if self._stands_at(place, pair):
                self._merge_at(place, new, grown)
        del self.count[pair]
        for changed in grown:
            heappush(self.heap, (-self.count[changed], *changed))

    def _stands_at(self, place: int, pair: Pair) -> bool:
        neighbour = self.after[place]
        return (
            self.symbols[place] == pair[0]
            and neighbour != _NONE
            and self.symbols[neighbour] == pair[1]
        )

    def _merge_at(self, place: int, new: int, grown: set[Pair]) -> None:
        symbols, before, after = self.symbols, self.before, self.after
        weight, right = self.weights[place], after[place]
        left, beyond = before[place], after[right]
        if left != _NONE:
            self.count[symbols[left], symbols[place]] -= weight
            self._grow((symbols[left], new), left, weight, grown)
        if beyond != _NONE:
            self.count[symbols[right], symbols[beyond]] -= weight
            self._grow((new, symbols[beyond]), place, weight, grown)
            before[beyond] = place
        symbols[place], symbols[right] = new, _NONE
        after[place], after[right] = beyond, _NONE

    def _grow(self, pair: Pair, place: int, weight: int, grown: set[Pair]) -> None:
        self.count[pair] += weight
        self.places[pair].append(place)
        grown.add(pair)


_ID_OF_BYTE = {byte: id for id, byte in enumerate(BYTE_ORDER)}
