"""What a run has come to, read from its folder: its record, report, diagnosis, comparisons."""

from typing import TYPE_CHECKING

from weft.lazy import on_first_use

if TYPE_CHECKING:
    from weft.reports.diagnosis import diagnose, verdict
    from weft.reports.finding import Finding
    from weft.reports.record import RunRecord, read_run
    from weft.reports.report import write_report
else:
    __getattr__ = on_first_use(
        __name__,
        {
            "diagnosis": "diagnose verdict",
            "finding": "Finding",
            "record": "RunRecord read_run",
            "report": "write_report",
        },
    )

__all__ = ["Finding", "RunRecord", "diagnose", "read_run", "verdict", "write_report"]
