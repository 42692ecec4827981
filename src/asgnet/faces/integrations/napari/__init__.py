"""A plugin for napari: labels layers of examples in, labels layers of objects out."""
