"""How long labelling and tuning take at a measured pace, loading and measuring counted. Seconds in, seconds out."""

from uait.method.footprint import MOST_WATCHED, N_LOOKS, N_PROBES, tune_steps
from uait.records import SmallRun
from uait.records.plans import Pace
from uait.settings import TuneSettings

_FIRST = 64  # questions that a recorded run labels in a job of their own, before the others


def label_span(pace: Pace, n: int, n_samples: int) -> float:
    """Seconds from the start to the last of `n` labels: loading, and per question K samples and the greedy answer."""
    return pace.loading + n * pace.sampled * (n_samples + 1) / (pace.n_samples + 1)


def tune_span(pace: Pace, tune: TuneSettings, n_train: int, n_apart: int, n_held_out: int) -> float:
    """Seconds from the start to the numbers of before and after.

    Steps of at most `n_train` examples; the losses of the `n_apart` examples, forward alone, at every checkpoint; and
    questions asked: those that are listened to, those of the looks, those to choose the threshold by, and the held-out
    ones twice.
    """
    n_steps = tune_steps(tune, n_train)
    learnt = n_steps * min(tune.batch_size, n_train) + n_steps // tune.save_steps * n_apart / 3
    asked = (tune.recipe != "paper") * (n_train + n_apart) + n_apart + 2 * n_held_out
    asked += (1 + min(N_LOOKS, n_steps)) * (N_PROBES + min(MOST_WATCHED, n_apart))
    return pace.loading + pace.preparing + learnt * pace.learnt + asked * pace.answered


def recorded_pace(run: SmallRun) -> Pace | None:
    """The pace of a recorded run, from what its jobs took; None where they were not noted.

    Its two labellings differ in their questions alone, so what is left is loading. What the tuning took besides loading
    and its steps, which hold the looks, counts as preparing.
    """
    first, others, tuned = (run.seconds.get(name) for name in ("label the first 64", "label the others", "tune"))
    n_more = len(run.labels) - 2 * _FIRST
    if first is None or others is None or tuned is None or n_more <= 0 or not run.log:
        return None
    sampled = max(0.0, (others - first) / n_more)
    loading = max(0.0, first - _FIRST * sampled)
    tune, last = TuneSettings(**run.settings["tune"]), run.log[-1]
    learnt = last["seconds"] / (last["step"] * min(tune.batch_size, run.n_train))
    preparing = max(0.0, tuned - loading - last["seconds"])
    return Pace(loading, sampled, run.settings["sampling"]["n_samples"], 0.0, preparing, learnt)
