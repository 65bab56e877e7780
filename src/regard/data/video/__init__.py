"""Data sets of clips, one a file: an image out of a video, the optical flow around it, an action, people's gaze.

Flow is made by OpenCV, once, and kept as bytes; video files are read by PyAV. Both are the extra ``video``. A split is
made of whole videos, or of stretches of time of one: never of frames. Not here: photographs (`regard.data.salient`).
"""

from regard.data.video.atari_head import atari_head
from regard.data.video.clip_folder import clip_folder
from regard.data.video.clips import Clip, ClipSplit
from regard.data.video.decode import optical_flow
from regard.data.video.entries import VIDEO
from regard.data.video.hollywood2 import hollywood2
from regard.data.video.ucf_sports import ucf_sports

__all__ = ["VIDEO", "Clip", "ClipSplit", "atari_head", "clip_folder", "hollywood2", "optical_flow", "ucf_sports"]
