"""What an evaluation found: as JSON, as a table on the terminal, as one HTML file."""

from vary.eval.report.page import write_html
from vary.eval.report.summary import Report, build_report
from vary.eval.report.table import print_table

__all__ = ["Report", "build_report", "print_table", "write_html"]
