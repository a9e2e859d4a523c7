"""`python -m benchmarks.tuning [MODEL] [--steps 10]`: tokens a second of CPU time, ours beside the plain Trainer.

One thread, one process, by turns: the same examples, batches, LoRA layers and loss (the paper's, on the completion).
Tokens are those of the examples; what fills a batch up is not counted. The losses of the steps are compared.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from transformers import Trainer, TrainingArguments

from benchmarks.peers import seconds
from benchmarks.shapes import SEED, shape
from uait.models.language_model import LanguageModel
from uait.records import TrainingExample
from uait.settings import TuneSettings
from uait.tuning.examples import Row, collate, encode
from uait.tuning.losses import completion_loss
from uait.tuning.trainer import _batch, _learn, _room, _with_lora

ROUNDS = 5


class Plain(Trainer):
    """The Trainer, on batches in the order of ours."""

    def get_train_dataloader(self) -> Any:
        return self.train_dataset


def losses_of_ours(tuned: LanguageModel, rows: list[Row], tune: TuneSettings) -> list[float]:
    """The loss of every step."""
    optimizer = torch.optim.AdamW(tuned.adapter_weights().values(), lr=tune.learning_rate, weight_decay=0.0)
    room, steps = _room(tuned, tune), range(tune.max_steps or 0)
    return [_learn(tuned, completion_loss, _batch(rows, step, tune), optimizer, step, room) for step in steps]


def losses_of_trainer(tuned: LanguageModel, rows: list[Row], tune: TuneSettings) -> list[float]:
    """The loss of every step."""
    pad = tuned.tokenizer.pad_token_id
    batches = [collate(_batch(rows, step, tune), pad) for step in range(tune.max_steps or 0)]
    for batch in batches:
        del batch["is_answer"]
    with tempfile.TemporaryDirectory() as folder, tuned.alone(learns=True) as model:
        arguments = TrainingArguments(
            folder, max_steps=len(batches), learning_rate=tune.learning_rate, lr_scheduler_type="constant",
            weight_decay=0.0, max_grad_norm=1.0, logging_steps=1, save_strategy="no", report_to=[], use_cpu=True,
            disable_tqdm=True, per_device_train_batch_size=tune.batch_size, remove_unused_columns=False,
        )  # fmt: skip
        trainer = Plain(model, arguments, train_dataset=Batches(batches))
        trainer.train()
        return [row["loss"] for row in trainer.state.log_history if "loss" in row]


class Batches(torch.utils.data.IterableDataset):
    """The batches in their order."""

    def __init__(self, batches: list[Any]) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        yield from self.batches

    def __len__(self) -> int:
        return len(self.batches)


def main() -> None:
    """Prints both speeds, their ratio, and how far apart the losses are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default="pocket", choices=("pocket", "smollm2"))
    parser.add_argument("--steps", type=int, default=10)
    given = parser.parse_args()
    torch.set_num_threads(1)
    one = shape(given.model, 64, Path(tempfile.gettempdir()) / "uait-benchmarks")
    tune = TuneSettings(batch_size=8, dropout=0.0, max_steps=given.steps, learning_rate=1e-4)
    rows = encode(one.lm, [TrainingExample(q, q.references[0], 0.5, True) for q in one.questions])
    n_tokens = sum(len(row["input_ids"]) for step in range(given.steps) for row in _batch(rows, step, tune))
    spent: dict[str, list[float]] = {"ours": [], "Trainer": []}
    found: dict[str, list[float]] = {}
    for turn in range(ROUNDS + 1):  # the first warms up
        for name, work in (("ours", losses_of_ours), ("Trainer", losses_of_trainer)):
            tuned = _with_lora(one.lm, replace(tune, seed=SEED))
            took, found[name] = seconds(lambda work=work, tuned=tuned: work(tuned, rows, tune))
            spent[name] += [took] if turn else []
    for name, values in spent.items():
        middle, low, high = (n_tokens / of(values) for of in (median, max, min))
        print(f"{name}: {middle:.0f} tokens a second ({low:.0f} to {high:.0f})")  # noqa: T201
    apart = max(abs(a - b) for a, b in zip(*found.values(), strict=True))
    print(f"losses at most {apart:.1e} apart in {given.steps} steps")  # noqa: T201


if __name__ == "__main__":
    main()
