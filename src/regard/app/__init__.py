"""What a person opens in a browser: pictures through a network, models compared, maps against gaze, a run in training.

Callbacks are plain functions; the files ``tab_*``, ``page`` and ``serve`` alone know Gradio (extra ``app``). Not here:
the methods (explain), judging (judge), scores (score), drawing (plot, report).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
