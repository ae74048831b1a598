"""Exports models to other runtimes as graphs. Needs the extra [onnx], and no PyTorch."""
