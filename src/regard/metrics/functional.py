"""All metrics as pure functions on tensors, under one roof: ``regard.metrics.functional.nss(maps, fixations)``.

Maps are tensors (B,1,h,w), or `regard.Map` where a function is about maps of a network. Every function returns one
value per image (B,), NaN where it is undefined; those that follow a network while pixels leave (`deletion`,
`insertion`, `lerf_morf_gap`, `road`, `f_fidelity`, `drop`, `exclusion`) return a small dataclass whose fields are per
image. Averages, intervals and counts of what is undefined are made by `regard.metrics.score`, streams by the classes of
`regard.metrics.streaming`. The functions stand where their formulas are explained; this module only gathers them.

>>> import torch
>>> from regard.metrics import functional
>>> maps, fixations = torch.arange(4.0).reshape(1, 1, 2, 2), torch.tensor([[[1.0, 1.0]]])
>>> functional.nss(maps, fixations), functional.auc(maps, fixations)
(tensor([1.3416], dtype=torch.float64), tensor([0.8750], dtype=torch.float64))
>>> functional.nss(maps, torch.full((1, 1, 2), torch.nan)).isnan()  # nobody looked at the image
tensor([True])
"""

from regard.metrics.classification import accuracy as accuracy
from regard.metrics.classification import brier as brier
from regard.metrics.classification import nll as nll
from regard.metrics.classification import per_label_accuracy as per_label_accuracy
from regard.metrics.consistency import consistency as consistency
from regard.metrics.consistency import equivariance as equivariance
from regard.metrics.consistency import stability as stability
from regard.metrics.faithfulness import deletion as deletion
from regard.metrics.faithfulness import drop as drop
from regard.metrics.faithfulness import exclusion as exclusion
from regard.metrics.faithfulness import f_fidelity as f_fidelity
from regard.metrics.faithfulness import infidelity as infidelity
from regard.metrics.faithfulness import insertion as insertion
from regard.metrics.faithfulness import lerf_morf_gap as lerf_morf_gap
from regard.metrics.faithfulness import max_sensitivity as max_sensitivity
from regard.metrics.faithfulness import road as road
from regard.metrics.fixation import auc as auc
from regard.metrics.fixation import auc_judd as auc_judd
from regard.metrics.fixation import cc as cc
from regard.metrics.fixation import fixation_scores as fixation_scores
from regard.metrics.fixation import information_gain as information_gain
from regard.metrics.fixation import kl_divergence as kl_divergence
from regard.metrics.fixation import log_likelihood as log_likelihood
from regard.metrics.fixation import nss as nss
from regard.metrics.fixation import sauc as sauc
from regard.metrics.fixation import sim as sim
from regard.metrics.fixation import top_iou as top_iou
from regard.metrics.information import code_length as code_length
from regard.metrics.information import info_nce as info_nce
from regard.metrics.information import label_information as label_information
from regard.metrics.information import leave_one_out_bound as leave_one_out_bound
from regard.metrics.information import map_information as map_information
from regard.metrics.localization import area_share as area_share
from regard.metrics.localization import auc_inside as auc_inside
from regard.metrics.localization import energy_inside as energy_inside
from regard.metrics.localization import iou as iou
from regard.metrics.localization import pointing_game as pointing_game
from regard.metrics.salient_object import adaptive_e as adaptive_e
from regard.metrics.salient_object import adaptive_f as adaptive_f
from regard.metrics.salient_object import e_curve as e_curve
from regard.metrics.salient_object import f_curve as f_curve
from regard.metrics.salient_object import mae as mae
from regard.metrics.salient_object import max_e as max_e
from regard.metrics.salient_object import max_f as max_f
from regard.metrics.salient_object import mean_e as mean_e
from regard.metrics.salient_object import mean_f as mean_f
from regard.metrics.salient_object import s_measure as s_measure
from regard.metrics.salient_object import salient_object_scores as salient_object_scores
from regard.metrics.salient_object import weighted_f as weighted_f
from regard.metrics.sanity import sanity as sanity
from regard.metrics.similarity import cosine as cosine
from regard.metrics.similarity import spearman as spearman
from regard.metrics.similarity import ssim as ssim
