#!/usr/bin/python3
"""Times hazure's preprocessing beside OpenCV's and Pillow's on one core, in one process, and checks the pixels.

    cmake -S native -B build -DHAZURE_BUILD_BENCH=ON && cmake --build build
    apt-get install python3-opencv python3-pil
    /usr/bin/python3 native/bench/compare/compare_opencv.py build/bench/libhazure_compare.so

Rounds alternate between the libraries; the shortest of each is compared, so a busy machine disturbs little.
"""
import ctypes
import sys
import time
import cv2
import numpy as np
from PIL import Image

BATCH = 4
ROUNDS = 60
cv2.setNumThreads(1)


class Hazure:
    FIT = {"letterbox": 0, "stretch": 2}
    INTERPOLATION = {"bilinear": 0, "bilinear-antialias": 1, "bicubic-antialias": 2}

    def __init__(self, path):
        self.call = ctypes.CDLL(path).hazure_preprocess

    def __call__(self, images, side, fit, interpolation, out):
        height, width = images[0].shape[:2]
        pointers = (ctypes.c_void_p * len(images))(*[image.ctypes.data for image in images])
        if self.call(pointers, len(images), width, height, side, self.FIT[fit], self.INTERPOLATION[interpolation],
                     out.ctypes.data_as(ctypes.c_void_p)) != 0:
            raise RuntimeError("hazure_preprocess refused its arguments")
        return out


def opencv(images, side, fit, interpolation, out):
    """cv2.resize, padding, then dnn.blobFromImages with its scale factor."""
    prepared = []
    for image in images:
        height, width = image.shape[:2]
        if fit == "letterbox":
            ratio = min(side / width, side / height)
            new = (round(width * ratio), round(height * ratio))
            resized = image if new == (width, height) else cv2.resize(image, new, interpolation=cv2.INTER_LINEAR)
            dw, dh = (side - new[0]) / 2, (side - new[1]) / 2
            resized = cv2.copyMakeBorder(resized, round(dh - 0.1), round(dh + 0.1), round(dw - 0.1), round(dw + 0.1),
                                         cv2.BORDER_CONSTANT, value=(114, 114, 114))
        else:
            resized = cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)
        prepared.append(resized)
    return cv2.dnn.blobFromImages(prepared, scalefactor=1 / 255, swapRB=False)


def pillow(images, side, fit, interpolation, out):
    """PIL resize, then NumPy to a float batch, as torchvision's transforms do."""
    mode = {"bilinear-antialias": Image.BILINEAR, "bicubic-antialias": Image.BICUBIC}[interpolation]
    for i, image in enumerate(images):
        resized = np.asarray(Image.fromarray(image).resize((side, side), mode))
        np.multiply(resized.transpose(2, 0, 1), np.float32(1 / 255), out=out[i])
    return out


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    hazure = Hazure(sys.argv[1])
    random = np.random.default_rng(1)
    print(f"one core, batches of {BATCH}, shortest of {ROUNDS} alternating rounds")
    print(f"{'case':44} {'other':8} {'other ms':>9} {'hazure ms':>10} {'ratio':>7}  largest difference")
    for peer, width, height, side, fit, interpolation in [
        (opencv, 640, 480, 640, "letterbox", "bilinear"),
        (opencv, 500, 375, 640, "letterbox", "bilinear"),
        (opencv, 1280, 960, 640, "letterbox", "bilinear"),
        (opencv, 1920, 1080, 640, "letterbox", "bilinear"),
        (opencv, 640, 480, 416, "stretch", "bilinear"),
        (opencv, 300, 260, 224, "stretch", "bilinear"),
        (pillow, 300, 260, 224, "stretch", "bicubic-antialias"),
        (pillow, 1280, 960, 224, "stretch", "bicubic-antialias"),
        (pillow, 1280, 960, 224, "stretch", "bilinear-antialias"),
    ]:
        images = [random.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(BATCH)]
        mine = np.empty((BATCH, 3, side, side), np.float32)
        theirs = np.empty_like(mine)
        best = {hazure: 1e9, peer: 1e9}
        results = {}
        for _ in range(ROUNDS):
            for runner, out in ((hazure, mine), (peer, theirs)):
                start = time.perf_counter()
                results[runner] = runner(images, side, fit, interpolation, out)
                best[runner] = min(best[runner], time.perf_counter() - start)
        difference = np.abs(results[hazure] - results[peer]).max()
        name = f"{fit} {interpolation} {width}×{height} → {side}"
        print(f"{name:44} {peer.__name__:8} {best[peer] * 1e3:9.3f} {best[hazure] * 1e3:10.3f} "
              f"{best[peer] / best[hazure]:6.1f}×  {difference:.1e}")


if __name__ == "__main__":
    main()
