"""What a run has come to, read from its folder: the record of a run, its report, comparisons."""

from typing import TYPE_CHECKING

from weft.lazy import on_first_use

if TYPE_CHECKING:
    from weft.reports.record import RunRecord, read_run
    from weft.reports.report import write_report
else:
    __getattr__ = on_first_use(__name__, {"record": "RunRecord read_run", "report": "write_report"})

__all__ = ["RunRecord", "read_run", "write_report"]
