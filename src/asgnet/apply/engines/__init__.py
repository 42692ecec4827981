"""What computes the network's predictions: torch, onnxruntime, OpenVINO, and their graph."""
