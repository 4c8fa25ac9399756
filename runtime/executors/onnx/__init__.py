"""A scheduled network as a standard ONNX graph, and onnxruntime as an executor that runs it. Both libraries are imported here alone, and late."""
