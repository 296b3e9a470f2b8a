"""What this machine lacks, what a ladder will take, what git and DVC hold that they must not."""
