"""`python -m benchmarks.growth [N ...]`: does labelling more questions cost less each, and no more memory?

Labels N of pocket's questions to tune on, each N in a run folder and a process of its own: CPU time a question without
loading, the highest memory, and what the run folder holds.
"""

import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

USUAL = (100, 1000)


def label(n: int) -> str:
    """Labels `n` questions in this process, and says what it took."""
    import torch  # noqa: PLC0415 - not for who only starts the others

    from uait.data.catalogue import describe, preset  # noqa: PLC0415
    from uait.runs.folder import RunFolder  # noqa: PLC0415
    from uait.stages.engines import load_untuned  # noqa: PLC0415
    from uait.stages.label import label as labelled  # noqa: PLC0415

    torch.set_num_threads(1)
    description = describe("pocket")
    assert description is not None
    engines = load_untuned(preset("pocket"))
    with TemporaryDirectory() as folder:
        start = process_time()
        for _ in labelled(engines, description.tuning_questions[:n], RunFolder(Path(folder) / "run")):
            pass
        took = process_time() - start
        kept = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    return f"{n:,} questions: {1000 * took / n:.1f} ms a question, at most {peak:.0f} MB, {kept / 1e6:.1f} MB written"


def main(given: list[str]) -> None:
    """A line per N."""
    if given[:1] == ["--one"]:
        print(label(int(given[1])))  # noqa: T201
        return
    for n in given or map(str, USUAL):
        subprocess.run([sys.executable, "-m", "benchmarks.growth", "--one", n], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
