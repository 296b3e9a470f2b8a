"""Studies: a plan that is committed before the first cell, and what running it on the same files gave."""
