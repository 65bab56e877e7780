"""The two libraries of video, which not every user of images needs."""

from __future__ import annotations

from types import ModuleType

from regard.types import RegardError


def opencv() -> ModuleType:
    """OpenCV.

    Raises:
        RegardError: it is not installed.
    """
    try:
        import cv2
    except ImportError:
        raise RegardError("video needs OpenCV: pip install 'regard[video]'") from None
    return cv2


def pyav() -> ModuleType:
    """PyAV.

    Raises:
        RegardError: it is not installed.
    """
    try:
        import av
    except ImportError:
        raise RegardError("video files need PyAV: pip install 'regard[video]'") from None
    return av
