"""Inputs to supports: arrays, files, folders; everything is checked before anything is learnt."""
