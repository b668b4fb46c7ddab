"""Run the command line with `python -m eyediff`."""

from .cli import main

main()
