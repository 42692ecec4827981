"""Judges examples and pictures, changes nothing. :func:`diagnose` is its door."""

from asgnet.apply.doctor.diagnosis import Diagnosis, Finding, diagnose

__all__ = ["Diagnosis", "Finding", "diagnose"]
