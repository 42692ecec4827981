"""For researchers: metrics, training, evaluation."""
