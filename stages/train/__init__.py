"""Stage `train`: readings, each a trunk with one adapter per rung."""
