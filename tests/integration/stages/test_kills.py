"""Ten kills at random moments, and nothing is lost. Two hundred: make test-faults."""

import os
import subprocess
import sys

from tests.readme import ROOT


def test_killed_ten_times_at_random_moments_every_verb_ends_as_if_nothing_had_happened() -> None:
    # a process that has learnt something itself can't be forked: not this one
    code = "from tests.trust.kills import main; main(10, n=8, verbs=('label', 'distil', 'tune'))"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]
    assert run.stdout.count("all ended as undisturbed") == 3
    assert '"kills": 10' in run.stdout
