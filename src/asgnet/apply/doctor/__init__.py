"""Judges examples and pictures, and changes nothing; :func:`diagnose` and ``suggest.suggest`` are its doors."""

from asgnet.apply.doctor.diagnosis import diagnose
from asgnet.apply.doctor.findings import Diagnosis, Finding

__all__ = ["Diagnosis", "Finding", "diagnose"]
