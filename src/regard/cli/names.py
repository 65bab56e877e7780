"""Names of methods and metrics in the help of commands, which imports none of the rooms that define them."""

from __future__ import annotations

METHOD_NAMES = (
    "attention",
    *("grad_cam", "grad_cam_pp", "hires_cam", "layer_cam"),
    *("input_gradient", "input_x_gradient", "integrated_gradients", "smooth_grad"),
    *("occlusion", "rise", "rollout", "gradient_rollout", "legrad", "attn_lrp", "iba", "amortized_iba"),
    *("random", "center", "uniform"),
)
"""Keys of `regard.explain.METHODS`."""
JUDGE_METRICS = (
    *("combined", "paths_mean", "paths_blur", "road", "inpainted", "f_fidelity", "drop", "infidelity", "exclusion"),
    *("location", "sanity", "labels", "consistency", "equivariance", "stability", "sensitivity"),
)
"""Keys of `regard.judge.METRICS`."""
SCORE_METRICS = ("auc", "sauc", "auc_judd", "nss", "cc", "sim", "kl", "information_gain")
"""Metrics of `regard.score`."""
SCANPATH_NAMES = (
    *("sequence_score", "string_edit", "scanmatch", "scanmatch_time"),
    *("multimatch_shape", "multimatch_direction", "multimatch_length", "multimatch_position", "multimatch_duration"),
)
"""Metrics of `regard.metrics.scanpath`."""

METHOD_HELP = f"Methods: {', '.join(METHOD_NAMES[:-3])}; controls: {', '.join(METHOD_NAMES[-3:])}"
JUDGE_HELP = (
    f"Metrics: {', '.join(JUDGE_METRICS)} (labels needs a second network; inpainted and f_fidelity learn first)"
)
SCORE_HELP = f"Metrics: {', '.join(SCORE_METRICS)} (the last with --train)"
SCANPATH_HELP = f"Metrics: {', '.join(SCANPATH_NAMES)} (the last and scanmatch_time where durations are known)"
MODEL_HELP = "a run's folder, a saved classifier's, hf:OWNER/NAME on the hub, or a timm or torchvision name"
