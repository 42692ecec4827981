"""Datasets, folds and episodes, in their official layouts; nothing here is needed to segment a picture."""
