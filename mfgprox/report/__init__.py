"""A result as one self-contained HTML page, to read, scrub and play without a network."""

from mfgprox.report.page import report, write_report

__all__ = ["report", "write_report"]
