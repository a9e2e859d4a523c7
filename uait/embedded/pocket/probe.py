"""`python -m uait.embedded.pocket.probe [FOLDER]`: does a base model notice what it knows? Measured on `dev` questions.

Two figures: how well a linear map of the residual stream, where the reply begins, parts right answers from wrong ones
(fitted on questions to tune on), and how well the model's own mark behind its answer does.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn.functional import rms_norm

from uait.data.catalogue import preset
from uait.embedded.pocket.questions import of_split
from uait.embedded.pocket.recipe import Recipe
from uait.embedded.pocket.world import build_world
from uait.method.correctness import is_correct
from uait.method.metrics import auroc
from uait.method.prompts import question_prompt
from uait.models.decoding import generate, prefill
from uait.models.loading import LanguageModel, load_model
from uait.records import Question

SEED, N_FITTED, BATCH, MAX_NEW_TOKENS = 0, 2_500, 64, 16


@torch.inference_mode()
def looks(lm: LanguageModel, questions: Sequence[Question]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per question: the normalised residual stream (N, D), P(yes) of the mark (N,), and whether it was right (N,)."""
    yes, no = (ids[0] for ids in lm.tokenizer(["yes", "no"], add_special_tokens=False)["input_ids"])
    streams, marks, right = [], [], []
    for start in range(0, len(questions), BATCH):
        asked = questions[start : start + BATCH]
        chats = [lm.chat(question_prompt(lm.prompts, question.text)) for question in asked]
        replies = generate(lm, chats, n_samples=0, temperature=1.0, max_new_tokens=MAX_NEW_TOKENS, seed=SEED)
        texts = [greedy.text for greedy, _ in replies]
        right += [bool(is_correct(text, q.references, "exact")) for text, q in zip(texts, asked, strict=True)]
        for chat in chats:
            ids = lm.tokenizer(chat, return_tensors="pt", add_special_tokens=False)["input_ids"]
            stream = lm.forward(input_ids=ids, output_hidden_states=True).hidden_states[Recipe().doubt_layer][0, -1]
            streams.append(rms_norm(stream, stream.shape).numpy())
        p = prefill(lm, [f"{chat}{text};" for chat, text in zip(chats, texts, strict=True)]).logits.softmax(-1)
        marks.append((p[:, yes] / (p[:, yes] + p[:, no])).numpy())
    return np.stack(streams), np.concatenate(marks), np.array(right)


def main(folder: str = "pocket") -> None:
    """Prints both figures for the in-domain and the out-of-domain dev questions."""
    facts, chosen = build_world(SEED), preset("pocket")
    lm = load_model(replace(chosen, model=replace(chosen.model, model=folder, adapter="none")))
    tuned_on = of_split(facts, "tune", SEED)[:N_FITTED]
    streams, _, right = looks(lm, tuned_on)
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500)).fit(streams, right)
    for split in ("dev", "ood-dev"):
        streams, marks, right = looks(lm, of_split(facts, split, SEED))
        linear = auroc(probe.predict_proba(streams)[:, 1], right)
        figures = f"linear probe AUROC {linear:.3f}, mark AUROC {auroc(marks, right):.3f}"
        print(f"{split}: n = {len(right)}, right {right.mean():.3f}, {figures}")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
