"""How fast a GPU labels and answers at the shape of a 7B model, with random weights: python -m tests.throughput

`--tiny` runs the same on the CPU with a model of two layers, to see that this file works; its numbers say nothing.
A random model never ends an answer, so all are as long as they may be.
"""

import argparse
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from uait.embedded.pocket import POCKET
from uait.models.adapters import Weights
from uait.models.confidence import answer_batch
from uait.models.decoding import sample_answers
from uait.models.language_model import LanguageModel
from uait.models.machine import measure
from uait.records import Question
from uait.settings import AnswerSettings, PromptSettings, SamplingSettings

# Llama 2 7B, as its authors publish it
SHAPE = {
    "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
    "vocab_size": 32000, "max_position_embeddings": 4096,
}  # fmt: skip
TINY = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 32000,
    "max_position_embeddings": 512,
}  # fmt: skip
N_TOKENS, K = 16, 5
HEADS = ("work", "batch", "questions/s", "tokens/s", "of the bandwidth limit", "peak memory, GB")


def random_model(shape: dict[str, Any], device: torch.device) -> LanguageModel:
    """A model of this shape with random weights, in the precision that loading would choose; pocket's tokenizer."""
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            model = LlamaForCausalLM(LlamaConfig(**shape, bos_token_id=None, eos_token_id=None))
    finally:
        torch.set_default_dtype(before)
    tokenizer = AutoTokenizer.from_pretrained(POCKET)
    return LanguageModel(Weights(model), tokenizer, device, "random", None, PromptSettings())


def report(lm: LanguageModel, batches: Sequence[int], bandwidth: float) -> Iterator[tuple[str, ...]]:
    """A row per kind of work and size of batch.

    The limit: every step reads all weights once, and a batch takes a step for its prompts and one per token.
    """
    n_bytes = sum(weight.nbytes for weight in lm.model.parameters())

    def labelled(questions: Sequence[Question], batch: int) -> int:
        sampling = SamplingSettings(n_samples=K, max_new_tokens=N_TOKENS, batch_size=batch)
        sets = sample_answers(lm, questions, sampling, style=lm.prompts)
        return sum(len(sample.token_ids) for one in sets for sample in (one.greedy, *one.samples))

    def answered(questions: Sequence[Question], batch: int) -> int:
        texts = [question.text for question in questions]
        answers = answer_batch(lm, texts, AnswerSettings(max_new_tokens=N_TOKENS), batch_size=batch)
        return sum(len(answer.sample.token_ids) for answer in answers)

    for name, work in ((f"label, K = {K}", labelled), ("answer", answered)):
        for batch in batches:
            n_questions = 2 * batch
            seconds, n_tokens = _timed(work, n_questions, batch, lm.device)
            share = n_bytes * (n_questions / batch) * N_TOKENS / seconds / bandwidth  # the last token needs no step
            rates = f"{n_questions / seconds:.1f}", f"{n_tokens / seconds:.0f}"
            yield name, str(batch), *rates, f"{100 * share:.0f} %", f"{_peak(lm.device) / 1e9:.1f}"


def _timed(
    work: Callable[[Sequence[Question], int], int], n: int, batch: int, device: torch.device
) -> tuple[float, int]:
    """Seconds and tokens; the work is done once before, for a first pass is slower than any later one."""
    questions = [Question(f"q{i}", f"What is the capital of country {i}?") for i in range(n)]
    work(questions[:batch], batch)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    start = perf_counter()
    n_tokens = work(questions, batch)  # ends with numbers on the CPU: nothing is still under way
    return perf_counter() - start, n_tokens


def _peak(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # of the process so far


def main(argv: Sequence[str] | None = None) -> Iterator[str]:
    """The table as Markdown, under the device and its measured bandwidth."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="two layers on the CPU, to see that this file works")
    is_tiny = parser.parse_args(argv).tiny
    if not is_tiny and not torch.cuda.is_available():
        sys.exit("A 7B model is measured on a CUDA GPU, and PyTorch finds none here; --tiny runs on the CPU.")
    machine = measure("cpu" if is_tiny else "cuda", Path())
    lm = random_model(TINY if is_tiny else SHAPE, torch.device("cpu" if is_tiny else "cuda"))
    n_billion = lm.weights.n_parameters / 1e9
    yield f"{machine.device}, {machine.bandwidth / 1e9:.0f} GB/s; {n_billion:.2f} billion parameters"
    rows = report(lm, (1, 2) if is_tiny else (1, 8, 32), machine.bandwidth)
    for row in (HEADS, ("---",) * len(HEADS), *rows):
        yield "| " + " | ".join(row) + " |"


if __name__ == "__main__":
    print(*main(), sep="\n")  # noqa: T201
