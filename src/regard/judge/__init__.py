"""Any network's maps, by any method, tested against floors that are as smooth, sparse or central as the map.

One folder holds the whole way of `regard judge` and of `regard explain`: model, methods, measures, results, page. Not
here: the metrics themselves (metrics), the methods (explain), drawing (report).
"""

from regard._callable import make_callable
from regard.judge.case import JudgeOptions
from regard.judge.engine import JudgeCarry, JudgeUnit, judge_methods
from regard.judge.explain_images import (
    ExplainCarry,
    ExplainedImage,
    ExplainHow,
    ExplainResults,
    OutputItem,
    explain_images,
    explain_part,
    parse_options,
    read_explained,
    usual_methods,
)
from regard.judge.fine_tuning import fine_tune
from regard.judge.inpainting import Inpainter, learn_inpainting
from regard.judge.measures import METRICS, Metric
from regard.judge.page import print_judge_results, write_judge_page
from regard.judge.predict_images import Predictions, images_at, predict_images
from regard.judge.results import JudgeResults, read_judge_results
from regard.judge.run import JudgeWorker, judge
from regard.judge.subject import Subject, open_subject

__all__ = [
    "METRICS",
    "ExplainCarry",
    "ExplainHow",
    "ExplainResults",
    "ExplainedImage",
    "Inpainter",
    "JudgeCarry",
    "JudgeOptions",
    "JudgeResults",
    "JudgeUnit",
    "JudgeWorker",
    "Metric",
    "OutputItem",
    "Predictions",
    "Subject",
    "explain_images",
    "explain_part",
    "fine_tune",
    "images_at",
    "judge",
    "judge_methods",
    "learn_inpainting",
    "open_subject",
    "parse_options",
    "predict_images",
    "print_judge_results",
    "read_explained",
    "read_judge_results",
    "usual_methods",
    "write_judge_page",
]

make_callable(__name__, judge)
