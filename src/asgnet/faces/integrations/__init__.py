"""Doors into tools that people already use: Label Studio, CVAT, napari, supervision, FiftyOne."""
