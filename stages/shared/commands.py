"""The command line of a stage: its module docstring is its manual, which `--help` prints."""

import argparse


def command_line(stage: str, manual: str | None) -> argparse.ArgumentParser:
    """A parser for `python -m stages.STAGE`: its help is the first sentence of `manual`, the options, and the rest."""
    sentence, _, rest = (manual or "").partition("\n\n")
    shape = argparse.RawDescriptionHelpFormatter
    return argparse.ArgumentParser(f"python -m stages.{stage}", None, sentence, rest.rstrip(), formatter_class=shape)
