"""QONNX files: read, evaluated, lowered."""
