"""Builds model folders for edgefuse out of checkpoints: numpy in, ONNX graphs and `model.yaml` out, no PyTorch."""
