"""What QONNX's own executor makes of a file: `python qonnx_run.py FILE X.npy TENSOR OUT.npy`, in the environment of others' libraries.

X: (samples, ...) inputs; OUT: (samples, ...) of a tensor by name.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes


def main(file: str, inputs: str, tensor: str, out: str) -> None:
    warnings.simplefilter("ignore")  # what it says of shapes that the file does not
    model = ModelWrapper(file).transform(InferShapes())
    port = model.graph.input[0].name
    found = [execute_onnx(model, {port: x[None]}, return_full_exec_context=True)[tensor] for x in np.load(inputs)]
    np.save(out, np.concatenate(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
