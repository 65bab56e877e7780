"""What the catalog says of the sets of clips."""

from __future__ import annotations

from typing import Any

from regard.data.generated.clutter import LICENCE as CLUTTER_LICENCE
from regard.data.generated.clutter import SOURCE as CLUTTER_SOURCE
from regard.data.generated.moving_clutter import moving_clutter
from regard.data.video.atari_head import LICENCE as ATARI_LICENCE
from regard.data.video.atari_head import atari_head
from regard.data.video.clip_folder import clip_folder
from regard.data.video.hollywood2 import LICENCE as HOLLYWOOD2_LICENCE
from regard.data.video.hollywood2 import hollywood2
from regard.data.video.ucf_sports import LICENCE as UCF_SPORTS_LICENCE
from regard.data.video.ucf_sports import ucf_sports

VIDEO: tuple[dict[str, Any], ...] = (
    {
        "name": "moving_clutter",
        "description": "Clips of a digit that moves among fragments that move otherwise; masks, boxes, simulated gaze.",
        "content": "any number, 12 classes (3 digits, 4 directions), any size",
        "source": CLUTTER_SOURCE,
        "licence": CLUTTER_LICENCE,
        "homepage": "https://archive.ics.uci.edu/dataset/80/optical+recognition+of+handwritten+digits",
        "citation": "E. Alpaydin, C. Kaynak: Optical Recognition of Handwritten Digits, UCI, 1998",
        "open": moving_clutter,
        "needs_root": False,
    },
    {
        "name": "ucf_sports",
        "description": "Sports on television, gaze of people who watched.",
        "content": "103 / 47 videos (Lan et al. 2011), 10 classes, gaze; any size",
        "source": (
            "https://www.crcv.ucf.edu/data/UCF_Sports_Action.php, gaze on request from http://vision.imar.ro/eyetracking/"
            ", unpacked in the root; or both as https://github.com/wenguanwang/DHF1K has them"
        ),
        "licence": UCF_SPORTS_LICENCE,
        "homepage": "https://www.crcv.ucf.edu/data/UCF_Sports_Action.php",
        "citation": (
            "M. Rodriguez et al.: Action MACH, CVPR 2008; gaze: S. Mathe, C. Sminchisescu: Actions in the Eye, TPAMI "
            "37, 2015; W. Wang et al.: Revisiting Video Saliency, CVPR 2018"
        ),
        "open": ucf_sports,
    },
    {
        "name": "hollywood2",
        "description": "Actions in films, several at once, gaze of people who watched.",
        "content": "823 / 884 videos (official, other films), 12 labels, gaze; any size",
        "source": (
            "https://www.di.ens.fr/~laptev/actions/hollywood2/, gaze (on request) http://vision.imar.ro/eyetracking/, "
            "unpacked in the root, with a list movies.txt of which clip is of which film"
        ),
        "licence": HOLLYWOOD2_LICENCE,
        "homepage": "https://www.di.ens.fr/~laptev/actions/hollywood2/",
        "citation": (
            "M. Marszałek et al.: Actions in Context, CVPR 2009; gaze: S. Mathe, C. Sminchisescu: Actions in the Eye, "
            "TPAMI 37, 2015"
        ),
        "open": hollywood2,
    },
    {
        "name": "atari_head",
        "description": "A proxy for actions with gaze: the next turn of one player's joystick, and where they looked.",
        "content": "15,406 frames of one trial (Ms. Pac-Man), 4 classes, gaze; split by stretches of time; any size",
        "source": "https://zenodo.org/records/3451402, one trial as a zip of png and a csv, in the root",
        "licence": ATARI_LICENCE,
        "homepage": "https://zenodo.org/records/3451402",
        "citation": "R. Zhang et al.: Atari-HEAD: Atari Human Eye-Tracking and Demonstration Dataset, AAAI 2020",
        "open": atari_head,
    },
    {
        "name": "clip_folder",
        "description": "Your own videos in one folder a class, or UCF101 with its official lists.",
        "content": "yours",
        "source": "the folder given as root",
        "licence": "yours",
        "homepage": "https://www.crcv.ucf.edu/data/UCF101.php",
        "citation": "K. Soomro et al.: UCF101, CRCV-TR-12-01, 2012 (for UCF101)",
        "open": clip_folder,
    },
)
