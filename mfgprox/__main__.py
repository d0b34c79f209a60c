"""`python -m mfgprox`."""

from mfgprox.cli import main

main()
