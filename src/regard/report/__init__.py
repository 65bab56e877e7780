"""The page and pictures that a person reads. Not here: any number that is not in the run folder."""

from regard.report.charts import Chart, Place, Scatter, Series, scatter
from regard.report.gallery import LARGEST, ORDER, image_uri, uri
from regard.report.overlay import (
    Picture,
    Scale,
    check,
    colorize,
    enlarge,
    overlay,
    picture_of,
    picture_values,
    png,
    scale_of,
    sheet,
    write_png,
)
from regard.report.page import environment, page_parts, render, write_report
from regard.report.runs import read_evaluation, read_json, read_run
from regard.report.schema import NAN, Difference, Evaluation, Group, Reference, Run, Score
from regard.report.terminal import print_records, print_scores
from regard.report.words import duration, interval, listed, number, plural, signed, verdict

__all__ = [
    "LARGEST",
    "NAN",
    "ORDER",
    "Chart",
    "Difference",
    "Evaluation",
    "Group",
    "Picture",
    "Place",
    "Reference",
    "Run",
    "Scale",
    "Scatter",
    "Score",
    "Series",
    "check",
    "colorize",
    "duration",
    "enlarge",
    "environment",
    "image_uri",
    "interval",
    "listed",
    "number",
    "overlay",
    "page_parts",
    "picture_of",
    "picture_values",
    "plural",
    "png",
    "print_records",
    "print_scores",
    "read_evaluation",
    "read_json",
    "read_run",
    "render",
    "scale_of",
    "scatter",
    "sheet",
    "signed",
    "uri",
    "verdict",
    "write_png",
    "write_report",
]
