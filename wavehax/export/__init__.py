"""Models as graphs for other runtimes: `wavehax export`. Needs the extra [onnx], and no PyTorch."""
