"""`python -m uait.pocket`: rebuild the embedded model from its seed."""

from uait.pocket.build import main

main()
