"""The human-machine study: what is compared, and what the comparison allows to say.

One table of trials, one row a looked-at image of a run, is all that the analyses read (`Trials`). Six questions and a
seventh are functions of it; hypotheses are judged against a plan that was frozen before the results. Not here:
drawing pages, training loops, metrics of maps.
"""
