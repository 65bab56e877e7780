"""Which faithfulness metric can be believed: metrics graded where the true relevance is known.

Worlds are small trained networks in which the pixels that can matter are proved, with the images they are graded on.
The true relevance is found by interventions (`shapley`), and every metric is asked to rank maps whose order is known.

Not here: the metrics themselves (metrics), their use on a network of one's own (judge), the engine of the grid
(experiments).
"""

from regard.truth.choose import recommend
from regard.truth.grades import grade_maps, grade_names
from regard.truth.load import World, read_worlds
from regard.truth.maps import TrueMap, graded_maps, map_names
from regard.truth.network import Held, changed_outputs
from regard.truth.page import print_truth, truth_figure
from regard.truth.relevance import agreements, true_relevance
from regard.truth.results import MetricRow, TruthResults, read_truth_results
from regard.truth.run import make_truth, plan_lines
from regard.truth.shapley import Shapley, shapley
from regard.truth.worlds import WORLD_KINDS, WorldKind

__all__ = [
    "WORLD_KINDS",
    "Held",
    "MetricRow",
    "Shapley",
    "TrueMap",
    "TruthResults",
    "World",
    "WorldKind",
    "agreements",
    "changed_outputs",
    "grade_maps",
    "grade_names",
    "graded_maps",
    "make_truth",
    "map_names",
    "plan_lines",
    "print_truth",
    "read_truth_results",
    "read_worlds",
    "recommend",
    "shapley",
    "true_relevance",
    "truth_figure",
]
