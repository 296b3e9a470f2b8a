"""The stages of the pipeline, each run as `python -m stages.NAME`."""

import os

# Threads that wait for each other by spinning long make training many times slower while any other program runs; not
# spinning at all costs a quarter on a quiet machine. A short spin loses less either way. One short trial on two cores,
# tokens/s on a quiet machine: default 200, none 148, this 183; beside a test run of varying load: none 110, this 83.
# Read by OpenMP when torch is first imported, so it is set before any stage is.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")
