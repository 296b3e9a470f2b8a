"""Curves of loss and learning rate while a reading is trained, written by dvclive."""

import os
from collections.abc import Sequence
from pathlib import Path


class Curves:
    """The live curves of one reading in a folder: plots/metrics/loss.tsv and rate.tsv, a row per step.

    They are for watching; what is kept and versioned is steps.csv beside each adapter.
    """

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("DVC_STUDIO_OFFLINE", "true")
        self.folder, self.shown = folder, 0
        self.open()

    def open(self) -> None:
        """Begin with empty files."""
        from dvclive import Live

        self.live, self.shown = Live(str(self.folder), save_dvc_exp=False, dvcyaml=None), 0

    def show(self, log: Sequence[tuple[float, float, float, float]]) -> None:
        """Add the rows that are not there yet; begin anew where the log went back to a checkpoint."""
        if len(log) <= self.shown:
            self.close()
            self.open()
        for step, tokens, rate, loss in log[self.shown :]:
            self.live.step = int(step)
            for name, value in (("loss", loss), ("rate", rate), ("tokens", tokens)):
                self.live.log_metric(name, value)
        self.live.make_summary()
        self.shown = len(log)

    def close(self) -> None:
        """End the files."""
        self.live.end()
