"""Data sets of clips: an image of a video, the optical flow around it, an action, people's gaze.

Flow is made by OpenCV, once, and cached as bytes; video files are read by PyAV. Both are the extra ``video``. A split
consists of whole videos, or of stretches of time of one: never of single frames. Not here: photographs.
"""

from regard.data.video.actions import hollywood2, ucf_sports
from regard.data.video.atari_head import atari_head
from regard.data.video.clip_folder import clip_folder
from regard.data.video.clips import Clip, ClipSplit
from regard.data.video.decode import optical_flow

__all__ = ["Clip", "ClipSplit", "atari_head", "clip_folder", "hollywood2", "optical_flow", "ucf_sports"]
