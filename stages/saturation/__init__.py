"""From the items table to curves, intervals, the verdict, plots and the report."""
