"""The report: what the books say of sessions, as one page that needs no network and no script."""

from atb_db.report.data import Report, report_batch

__all__ = ["Report", "report_batch"]
