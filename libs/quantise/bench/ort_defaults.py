"""ONNX Runtime's own static quantiser with its defaults (QDQ, per-tensor, min-max), to compare hazure's with.

    python ort_defaults.py MODEL.onnx FEEDS_DIR OUT.onnx

FEEDS_DIR holds one float32 .npy per calibration image, as feeds.mjs writes them. Needs the packages onnx and
onnxruntime. The model is raised to opset 13 and prepared with quant_pre_process, as ONNX Runtime's documentation advises.
"""
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import version_converter
from onnxruntime.quantization import CalibrationDataReader, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process


class Feeds(CalibrationDataReader):
    def __init__(self, folder, name):
        self.items = iter([{name: np.load(path)} for path in sorted(Path(folder).glob("*.npy"))])

    def get_next(self):
        return next(self.items, None)


def main(source, feeds, out):
    model = onnx.load(source)
    if model.opset_import[0].version < 13:
        model = version_converter.convert_version(model, 13)
    raised = out + ".raised.onnx"
    onnx.save(model, raised)
    prepared = out + ".prepared.onnx"
    quant_pre_process(raised, prepared, skip_symbolic_shape=True)
    quantize_static(prepared, out, Feeds(feeds, model.graph.input[0].name))
    for path in (raised, prepared):
        Path(path).unlink()


main(*sys.argv[1:4])
