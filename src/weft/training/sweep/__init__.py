"""Several settings tried on one text, the better ones for longer: successive halving."""

from weft.training.sweep.halving import Rung, rungs
from weft.training.sweep.points import Axis, draw, grid, read_axis
from weft.training.sweep.record import Record, Trial, read_record
from weft.training.sweep.sweep import Sweep, shown, value_text

__all__ = [
    "Axis",
    "Record",
    "Rung",
    "Sweep",
    "Trial",
    "draw",
    "grid",
    "read_axis",
    "read_record",
    "rungs",
    "shown",
    "value_text",
]
