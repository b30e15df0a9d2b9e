"""Export of a finished run: a folder with the learnt weights, or one ONNX file."""
