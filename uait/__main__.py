"""python -m uait: the command line."""

import sys

from uait.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
