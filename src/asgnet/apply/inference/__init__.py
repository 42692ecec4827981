"""A picture and a concept become a Prediction; nothing here sees a support."""
