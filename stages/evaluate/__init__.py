"""Stage `evaluate`: the scores of every cell on the probe."""
