"""Merge the byte pairs of one piece: the inner step of BPE encoding (Sennrich et al., 2016).

Among all neighbouring pairs the one learnt first (lowest rank) is merged, the leftmost if it
occurs more than once, until no pair that is left can be merged. A heap and links between the
symbols take n log n steps, so a megabyte without any space is no trap. This file knows ids only;
`bpe.py` knows bytes and pieces.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from itertools import pairwise

MergeTable = Mapping[tuple[int, int], tuple[int, int]]
"""(left id, right id) -> (rank, merged id)"""

_PLACE_BITS = 40
_PLACE = (1 << _PLACE_BITS) - 1
_GONE = -1


def merge_pairs(ids: list[int], table: MergeTable) -> list[int]:
    """Merge `ids`, one per byte, in the order of their ranks; the list is used up."""
    heap = [
        table[pair][0] << _PLACE_BITS | place
        for place, pair in enumerate(pairwise(ids))
        if pair in table
    ]
    if not heap:
        return ids
    heapify(heap)
    after = [*range(1, len(ids)), _GONE]
    before = list(range(-1, len(ids) - 1))
    while heap:
        entry = heappop(heap)
        place = entry & _PLACE
        neighbour = after[place]
        found = table.get((ids[place], ids[neighbour])) if neighbour != _GONE else None
        if found is None or found[0] != entry >> _PLACE_BITS:
            continue  # one of the two has been merged since
        ids[place], ids[neighbour] = found[1], _GONE
        after[place] = right = after[neighbour]
        after[neighbour] = _GONE
        if right != _GONE:
            before[right] = place
            if pair := table.get((ids[place], ids[right])):
                heappush(heap, pair[0] << _PLACE_BITS | place)
        left = before[place]
        if left != _GONE and (pair := table.get((ids[left], ids[place]))):
            heappush(heap, pair[0] << _PLACE_BITS | left)
    return [id for id in ids if id != _GONE]
