#!/usr/bin/python3
"""Makes native/tests/testdata/resize.golden from OpenCV and Pillow (apt-get install python3-opencv python3-pil).

Each case is a source picture that the C++ test can compute itself, a preprocessing spec, and what the library
makes of it: the 8-bit RGB model input as hexadecimal when small, else its FNV-1a hash.
"""
import pathlib
import cv2
import numpy as np
from PIL import Image

cv2.setNumThreads(1)
PAD = 114


def picture(kind, width, height, seed):
    """Noise or a ramp, the same formulas as in picture.hpp."""
    index = np.arange(width * height * 3, dtype=np.uint64)
    if kind == "noise":
        value = (index + np.uint64(seed) * np.uint64(7919)) * np.uint64(2654435761) & np.uint64(0xFFFFFFFF)
        value ^= value >> np.uint64(15)
        value = value * np.uint64(2246822519) & np.uint64(0xFFFFFFFF)
        value ^= value >> np.uint64(13)
        flat = (value >> np.uint64(3)) & np.uint64(255)
    else:
        pixel, channel = index // np.uint64(3), index % np.uint64(3)
        x, y = pixel % np.uint64(width), pixel // np.uint64(width)
        flat = (x * np.uint64(255) // np.uint64(width) + y * np.uint64(3) + channel * np.uint64(60 + seed)) & np.uint64(255)
    return flat.astype(np.uint8).reshape(height, width, 3)


def fnv1a(data):
    """64 bit."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value


def resize(image, size, interpolation):
    if (image.shape[1], image.shape[0]) == size:
        return image
    if interpolation == "bilinear":
        return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    mode = {"bilinear-antialias": Image.BILINEAR, "bicubic-antialias": Image.BICUBIC}[interpolation]
    return np.asarray(Image.fromarray(image).resize(size, mode))


def letterbox_centre(image, width, height, interpolation):
    """As ultralytics' LetterBox does: ratio, rounding, and round(d - 0.1) before, round(d + 0.1) behind."""
    source_height, source_width = image.shape[:2]
    ratio = min(width / source_width, height / source_height)
    new = (max(1, round(source_width * ratio)), max(1, round(source_height * ratio)))
    dw, dh = (width - new[0]) / 2, (height - new[1]) / 2
    return cv2.copyMakeBorder(resize(image, new, interpolation), round(dh - 0.1), round(dh + 0.1), round(dw - 0.1),
                              round(dw + 0.1), cv2.BORDER_CONSTANT, value=(PAD, PAD, PAD))


def letterbox_top_left(image, width, height, interpolation):
    """As YOLOX' preproc does: sizes cut off, not rounded."""
    source_height, source_width = image.shape[:2]
    ratio = min(height / source_height, width / source_width)
    new = (max(1, int(source_width * ratio)), max(1, int(source_height * ratio)))
    out = np.full((height, width, 3), PAD, np.uint8)
    out[:new[1], :new[0]] = resize(image, new, interpolation)
    return out


def centre_crop(image, width, height, interpolation, shortest):
    """As torchvision's Resize(shortest) and CenterCrop do."""
    source_height, source_width = image.shape[:2]
    short, long = sorted((source_width, source_height))
    new_long = int(shortest * long / short)
    new = (shortest, new_long) if source_width <= source_height else (new_long, shortest)
    resized = resize(image, new, interpolation)
    top, left = int(round((new[1] - height) / 2.0)), int(round((new[0] - width) / 2.0))
    return resized[top:top + height, left:left + width]


def apply(image, fit, width, height, interpolation, shortest):
    if fit == "letterbox-centre":
        return letterbox_centre(image, width, height, interpolation)
    if fit == "letterbox-top-left":
        return letterbox_top_left(image, width, height, interpolation)
    if fit == "stretch":
        return resize(image, (width, height), interpolation)
    return centre_crop(image, width, height, interpolation, shortest)


def cases():
    modes = ("bilinear", "bilinear-antialias", "bicubic-antialias")
    for mode in modes:
        # kind, source w h, seed, fit, out w h, shortest
        yield "noise", 9, 7, 1, "stretch", 16, 12, 0, mode
        yield "noise", 31, 23, 2, "letterbox-centre", 16, 16, 0, mode
        yield "ramp", 23, 37, 3, "letterbox-top-left", 20, 16, 0, mode
        yield "noise", 40, 29, 4, "centre-crop", 14, 14, 17, mode
        yield "noise", 1, 1, 5, "letterbox-centre", 5, 4, 0, mode
        yield "noise", 1, 50, 6, "stretch", 6, 5, 0, mode
        yield "noise", 64, 2, 7, "stretch", 7, 9, 0, mode
        yield "noise", 16, 16, 8, "letterbox-centre", 16, 20, 0, mode
        yield "noise", 64, 48, 8, "stretch", 32, 24, 0, mode
        yield "noise", 640, 427, 9, "letterbox-centre", 640, 640, 0, mode
        yield "noise", 500, 375, 10, "letterbox-centre", 640, 640, 0, mode
        yield "noise", 1280, 853, 11, "letterbox-centre", 640, 640, 0, mode
        yield "noise", 333, 517, 12, "letterbox-top-left", 416, 416, 0, mode
        yield "ramp", 768, 511, 13, "stretch", 416, 416, 0, mode
        yield "noise", 613, 409, 14, "centre-crop", 224, 224, 256, mode
        yield "noise", 87, 141, 15, "centre-crop", 224, 224, 224, mode
        yield "noise", 1999, 301, 16, "centre-crop", 224, 224, 224, mode
        yield "noise", 53, 211, 17, "stretch", 224, 224, 0, mode
        yield "noise", 3000, 1700, 18, "stretch", 37, 61, 0, mode


def main():
    target = pathlib.Path(__file__).resolve().parents[2] / "native/tests/testdata/resize.golden"
    lines = [f"# Made by native/tests/goldens/make_goldens.py with OpenCV {cv2.__version__} and Pillow {Image.__version__}",
             "# kind width height seed fit out_width out_height shortest interpolation (pixels HEX | hash FNV1A)"]
    for kind, w, h, seed, fit, ow, oh, shortest, mode in cases():
        result = np.ascontiguousarray(apply(picture(kind, w, h, seed), fit, ow, oh, mode, shortest))
        assert result.shape == (oh, ow, 3), (result.shape, ow, oh)
        data = result.tobytes()
        value = f"pixels {data.hex()}" if len(data) <= 1200 else f"hash {fnv1a(data):016x}"
        lines.append(f"{kind} {w} {h} {seed} {fit} {ow} {oh} {shortest} {mode} {value}")
    target.write_text("\n".join(lines) + "\n")
    print(f"{len(lines) - 2} cases, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
