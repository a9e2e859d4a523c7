"""The names of a run folder's files: what one stage writes and another one reads."""

QUESTIONS, HELD_OUT = "questions.jsonl", "held_out.jsonl"  # what is labelled; what is only ever measured with
SAMPLES, LABELS = "samples.jsonl", "labels.jsonl"
LEFT_OUT = "left_out.jsonl"  # questions that can't be asked, each with the reason
CALIBRATED, CALIBRATION, FITTED_ON = "calibrated.jsonl", "calibration.json", "held_out.json"
DISTILLED = "distilled.json"
UNTAUGHT = "untaught.jsonl"  # examples that can't be tuned on, each with the reason
ADAPTER, PROBES, BEFORE_AFTER = "adapter", "probes.jsonl", "before_after.json"
SPLITS, REPORT = "splits", "evaluation.json"  # a folder with a question file per split, and what came of them
TUNED = (ADAPTER, PROBES, BEFORE_AFTER, UNTAUGHT)  # all that a tuning adds
JOB = "job.json"  # the verb and the settings of the last job
