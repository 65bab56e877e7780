"""Files that eye trackers and their programs export, into `Fixations`: EyeLink, Tobii, Pupil, OGAMA, BIDS."""

from regard.gaze.recordings.read import is_recording, read_recordings
from regard.gaze.recordings.recording import Box, Placement, Recording

__all__ = ["Box", "Placement", "Recording", "is_recording", "read_recordings"]
