"""`python -m eyediff` is the command line."""

from .cli import main

main()
