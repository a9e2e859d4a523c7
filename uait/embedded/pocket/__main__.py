"""`python -m uait.embedded.pocket`: rebuild the embedded model from its seed."""

from uait.embedded.pocket.build import main

main()
