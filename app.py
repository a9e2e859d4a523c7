"""Launch the page: python app.py, then open http://127.0.0.1:7860."""

import sys

try:
    # ZeroGPU's package, found nowhere else; it must come before torch
    from spaces import GPU  # pyright: ignore[reportMissingImports]
except ImportError:
    GPU = None

from uait.data import catalogue
from uait.page import app
from uait.records import errors

if __name__ == "__main__":
    try:
        app.serve(catalogue.starting(), **({"gpu": GPU} if GPU else {}))
    except errors.UaitError as err:
        sys.exit(str(err))
