"""The hand-made rules of fitting behind one door, so that a learnt fusion can replace them whole."""
