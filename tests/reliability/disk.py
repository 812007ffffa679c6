"""A disk that records what is done to it, and every state it can be in after a crash.

`Recorder` stands in for the `os` of weft.checkpoint.durable. The model is ALICE's (Pillai et al.,
OSDI 2014), the strictest that POSIX allows: until fsync, a written file may be empty, half there,
half zeros or whole; until fsync of their folder, new, renamed and removed names may be there or
not, in any combination.
"""

import itertools
import os
from pathlib import Path


class Recorder:
    """Does every operation, and keeps (kind, path, ...) of those that change the disk."""

    def __init__(self):
        self.operations = []
        self.open_files = {}

    def __getattr__(self, name):
        return getattr(os, name)

    def open(self, path, flags, mode=0o777):
        file = os.open(path, flags, mode)
        self.open_files[file] = Path(path)
        if flags & os.O_CREAT:
            self.operations.append(("create", Path(path)))
        return file

    def close(self, file):
        os.close(file)
        del self.open_files[file]

    def write(self, file, data):
        written = os.write(file, data)
        self.operations.append(("write", self.open_files[file], bytes(data[:written])))
        return written

    def fsync(self, file):
        os.fsync(file)
        self.operations.append(("fsync", self.open_files[file]))

    def mkdir(self, path):
        os.mkdir(path)
        self.operations.append(("mkdir", Path(path)))

    def rename(self, source, target):
        os.rename(source, target)
        self.operations.append(("rename", Path(source), Path(target)))

    def unlink(self, path):
        os.unlink(path)
        self.operations.append(("unlink", Path(path)))

    def rmdir(self, path):
        os.rmdir(path)
        self.operations.append(("rmdir", Path(path)))


def read_tree(root):
    """{path: bytes, or None for a folder} of all below `root`."""
    return {path: None if path.is_dir() else path.read_bytes() for path in sorted(root.rglob("*"))}


def write_tree(tree):
    for path, data in sorted(tree.items()):
        if data is None:
            path.mkdir(parents=True, exist_ok=True)
        elif path.parent.is_dir():
            path.write_bytes(data)


def crash_states(start, operations, most=64):
    """Yield (label, tree): every legal state after a crash, from `start` on.

    For each instant: all subsets of the pending name changes (above `most` of them, those that drop
    up to two), each with the files not yet synced whole, empty, half there, or half zeros.
    """
    seen = set()  # many instants share a state; the last one is apart, the save has returned
    for instant in range(len(operations) + 1):
        done = operations[:instant]
        durable, pending = _durable(done)
        for dropped in _subsets(pending, most):
            kept = [o for i, o in enumerate(done) if i not in dropped]
            for loss in ("whole", "empty", "half", "zeros"):
                tree, unsynced = _apply(dict(start), kept, durable, loss)
                state = (instant == len(operations), frozenset(tree.items()))
                if (loss == "whole" or unsynced) and state not in seen:
                    seen.add(state)
                    yield f"instant {instant}, without {sorted(dropped)}, {loss}", tree


def _subsets(pending, most):
    full = 2 ** len(pending) <= most
    for size in range(len(pending) + 1 if full else 3):
        yield from (set(chosen) for chosen in itertools.combinations(pending, size))
    if not full:
        yield set(pending)


def _durable(done):
    """Paths whose contents are synced, and the indices of name changes that are not."""
    synced, pending = set(), []
    for index, (kind, path, *_) in enumerate(done):
        if kind == "fsync":
            synced.add(path)
            pending = [i for i in pending if path not in _folders(done[i])]
        elif kind == "write":
            synced.discard(path)
        else:
            pending.append(index)
    return synced, pending


def _folders(operation):
    return {path.parent for path in operation[1:]}


def _apply(tree, operations, durable, loss):
    """The tree after `operations`, those skipped that need what is not there."""
    unsynced = False
    written = {}
    for kind, path, *rest in operations:
        if kind in ("create", "mkdir") and (path.parent in tree or not _inside(path, tree)):
            tree[path] = b"" if kind == "create" else None
        elif kind == "write" and path in tree:
            written[path] = written.get(path, b"") + rest[0]
            lost = loss != "whole" and path not in durable
            unsynced |= lost
            tree[path] = _torn(written[path], loss) if lost else written[path]
        elif kind == "rename" and path in tree and rest[0] not in tree:
            for old in [p for p in tree if p == path or path in p.parents]:
                tree[rest[0] / old.relative_to(path)] = tree.pop(old)
        elif kind in ("unlink", "rmdir") and not any(path in p.parents for p in tree):
            tree.pop(path, None)
    return tree, unsynced


def _inside(path, tree):
    """Whether the parent is a folder made during the recording, so that it can be missing."""
    return ".tmp-" in path.parent.name


def _torn(data, loss):
    half = data[: len(data) // 2]
    return {"empty": b"", "half": half, "zeros": half + b"\0" * (len(data) - len(half))}[loss]
