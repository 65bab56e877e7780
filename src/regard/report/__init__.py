"""Drawing: charts, overlays, the page and the terminal of any result. Not here: commands, and the making of numbers."""

from regard.report.charts import Chart, Scatter, ScatterPoint, Series, chart, scatter
from regard.report.gallery import LARGEST, ORDER, image_uri, uri
from regard.report.json_files import from_json, json_text, read_dataclass, to_json, write_dataclass
from regard.report.overlay import (
    Picture,
    Scale,
    colorize,
    enlarge,
    method_sheet,
    overlay,
    picture_of,
    picture_values,
    png,
    require,
    scale_of,
    sheet,
    write_png,
)
from regard.report.page import render_page, write_page, write_report
from regard.report.runs import read_evaluation, read_run
from regard.report.schema import NAN, Difference, Evaluation, Group, Reference, Run, Score
from regard.report.terminal import print_records, print_scores
from regard.report.words import duration, interval_text, listed, number, plural, signed, verdict

__all__ = [
    "LARGEST",
    "NAN",
    "ORDER",
    "Chart",
    "Difference",
    "Evaluation",
    "Group",
    "Picture",
    "Reference",
    "Run",
    "Scale",
    "Scatter",
    "ScatterPoint",
    "Score",
    "Series",
    "chart",
    "colorize",
    "duration",
    "enlarge",
    "from_json",
    "image_uri",
    "interval_text",
    "json_text",
    "listed",
    "method_sheet",
    "number",
    "overlay",
    "picture_of",
    "picture_values",
    "plural",
    "png",
    "print_records",
    "print_scores",
    "read_dataclass",
    "read_evaluation",
    "read_run",
    "render_page",
    "require",
    "scale_of",
    "scatter",
    "sheet",
    "signed",
    "to_json",
    "uri",
    "verdict",
    "write_dataclass",
    "write_page",
    "write_png",
    "write_report",
]
