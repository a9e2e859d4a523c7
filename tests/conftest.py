"""All tiers: one thread each for what computes. The models are tiny, and two pools on two cores wait for each other."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
