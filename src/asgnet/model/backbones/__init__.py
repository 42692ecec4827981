"""Frozen features: timm networks, EfficientNet-Lite0, the published deep-stem ResNet."""
