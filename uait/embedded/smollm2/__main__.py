"""`python -m uait.embedded.smollm2 [FOLDER]`: tunes, measures and ships SmolLM2's adapter; resumes."""

import sys
from pathlib import Path

from uait.embedded.smollm2.build import SMOLLM2
from uait.embedded.smollm2.questions import build_questions, write_questions
from uait.embedded.smollm2.ship import ship

write_questions(SMOLLM2, build_questions())
ship(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/smollm2"))
