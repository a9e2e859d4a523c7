"""`python -m uait.embedded.smollm2 [FOLDER]`: tunes, measures and ships SmolLM2's adapter; resumes."""

import sys
from pathlib import Path

from uait.embedded.smollm2.ship import ship

ship(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/smollm2"))
