"""Data sets that are drawn from photographs and digits inside scikit-image and scikit-learn."""
