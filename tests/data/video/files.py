"""Videos and folders of frames as they are published, of a square that moves, small."""

from fractions import Fraction

import av
import numpy as np
from PIL import Image

SIZE = (48, 64)


def frames(count, *, velocity=(2, 1), value=200, size=SIZE):
    """A bright textured square that moves by ``velocity`` (x, y) a frame over grey."""
    texture = np.random.default_rng(value).integers(0, 56, (16, 16, 3), dtype=np.uint8)
    drawn = np.full((count, *size, 3), 60, np.uint8)
    for t in range(count):
        x, y = 8 + velocity[0] * t, 8 + velocity[1] * t
        drawn[t, y : y + 16, x : x + 16] = texture[: size[0] - y, : size[1] - x] + value
    return drawn


def write_video(path, pictures, *, fps=25, codec="ffv1"):
    """An AVI without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(fps))
        stream.height, stream.width = pictures.shape[1:3]
        stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
        for picture in pictures:
            for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def write_frames(folder, pictures, *, first=1):
    """Numbered PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, picture in enumerate(pictures, start=first):
        Image.fromarray(picture).save(folder / f"{k:04d}.png")
    return folder


def write_samples(folder, observer, clip, points, *, screen=(1024, 1280), video=SIZE, every=0.01):
    """Gaze samples on the screen, one (t, x, y) in seconds and pixels of the video each, as Mathe's."""
    folder.mkdir(parents=True, exist_ok=True)
    a = video[1] / screen[1]
    lines = [
        f"{round(t * 1e6)} 0 0 {x / a} {y / a + (screen[0] - video[0] / a) / 2} {event}" for t, x, y, event in points
    ]
    (folder / f"{observer}_{clip}.avi.txt").write_text("\n".join(lines) + "\n")
