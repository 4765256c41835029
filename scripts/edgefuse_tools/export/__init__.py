"""Builds model folders for edgefuse from checkpoints: numpy in, ONNX graphs and `model.yaml` out, no PyTorch."""
