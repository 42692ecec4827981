"""What computes the network's answers: torch, onnxruntime, OpenVINO, and their graph."""
