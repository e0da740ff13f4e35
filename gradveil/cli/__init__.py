"""The command line."""

from gradveil.cli.app import main

__all__ = ["main"]
