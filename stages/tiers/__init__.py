"""Stage `tiers`: orders, nested rungs, draws, arms and the training sets."""
