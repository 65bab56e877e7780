"""Data sets of clips, one per file: an image of a video, the optical flow around it, an action, people's gaze.

Flow is made by OpenCV, once, and cached as bytes; video files are read by PyAV. Both are the extra ``video``. A split
consists of whole videos, or of stretches of time of one: never of single frames. Not here: photographs.
"""

from regard.data.video.atari_head import atari_head
from regard.data.video.clip_folder import clip_folder
from regard.data.video.clips import Clip, ClipSplit
from regard.data.video.decode import optical_flow
from regard.data.video.hollywood2 import hollywood2
from regard.data.video.ucf_sports import ucf_sports

__all__ = ["Clip", "ClipSplit", "atari_head", "clip_folder", "hollywood2", "optical_flow", "ucf_sports"]
