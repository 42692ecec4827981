"""The only room that reads supports: statistics, pooling, leave-one-out calibration."""
