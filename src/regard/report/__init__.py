"""The page and pictures that a person reads. Not here: any number that is not in the run folder."""

from regard.report.overlay import Scale, colorize, overlay, picture_of, png, scale_of, write_png
from regard.report.page import render, write_report
from regard.report.runs import read_evaluation, read_run
from regard.report.schema import Evaluation, Run
from regard.report.scored import read_scored
from regard.report.scored_page import write_scored_page
from regard.report.scored_terminal import print_compared, print_scored
from regard.report.sheets import sheet
from regard.report.terminal import print_scores

__all__ = [
    "Evaluation",
    "Run",
    "Scale",
    "colorize",
    "overlay",
    "picture_of",
    "png",
    "print_compared",
    "print_scored",
    "print_scores",
    "read_evaluation",
    "read_run",
    "read_scored",
    "render",
    "scale_of",
    "sheet",
    "write_png",
    "write_report",
    "write_scored_page",
]
