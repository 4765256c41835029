"""Downloads and builds everything that is not in the repository: Python packages, ONNX Runtime, weights, model folders.

Standard library only: this runs before anything is installed.
"""
