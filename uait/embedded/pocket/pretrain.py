"""Trains the pocket model from scratch: byte-level BPE, a small Llama, one pass over the corpus.

In: texts and a folder. Out: a Hugging Face model folder. Checkpoints every `SAVE_STEPS` steps; started again on the
same folder it goes on from the last one. Runs on a GPU where there is one.
"""

import math
import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, rms_norm
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from uait.embedded.pocket.corpus import Curriculum, Text
from uait.records import Done, Event, Progress

USER, ASSISTANT, END, PAD = "<|user|>", "<|assistant|>", "<|end|>", "<|pad|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] }}{% if message['role'] == 'assistant' %}<|end|>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
SAVE_STEPS = 500
LAST_WARMUP = 50


@dataclass(frozen=True)
class Recipe:
    """Size and curriculum. `early_layer` also predicts, so that layers above it can look at the prediction itself.

    Four terms: facts with first readings; from batch `school_from` of the facts on, reading school beside them; from
    `lookups_from` on the rest of the facts with look-ups; then revision. The third and fourth restart the rate at
    `late_rate`, each sitting of the fifth (`marking`) at `last_rate`. From step `copy_from` until the third term the
    question after the passages is learned too, since its name stands in a passage.
    """

    vocab_size: int = 2048
    hidden_size: int = 192
    n_layers: int = 8
    n_heads: int = 6
    mlp_size: int = 512
    early_layer: int = 5
    early_weight: float = 0.3
    doubt_layer: int = 7
    doubt_weight: float = 2.0
    copy_from: int = 1000
    school_from: int = 2000
    lookups_from: int = 2728
    batch_tokens: int = 1536
    learning_rate: float = 2e-3
    late_rate: float = 1e-3
    late_warmup: int = 1
    last_rate: float = 1e-3
    warmup_steps: int = 200
    weight_decay: float = 0.05
    seed: int = 0


def train_tokenizer(texts: Sequence[Text], vocab_size: int) -> PreTrainedTokenizerFast:
    """Byte-level BPE over the texts; digits stay single, so that a number's probability can be read digit by digit."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.ByteLevel(add_prefix_space=True), pre_tokenizers.Digits(individual_digits=True)]
    )
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Strip(" ", 1, 0)])
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, USER, ASSISTANT, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    lines = (part for text in texts for part in (text.prompt or "", text.completion) if part)
    tokenizer.train_from_iterator(lines, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        padding_side="left",
        additional_special_tokens=[USER, ASSISTANT],
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = CHAT_TEMPLATE
    return fast


def build_model(recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """An untrained Llama of the recipe's size."""
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=recipe.hidden_size,
        intermediate_size=recipe.mlp_size,
        num_hidden_layers=recipe.n_layers,
        num_attention_heads=recipe.n_heads,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.get_vocab()[PAD],
        eos_token_id=tokenizer.get_vocab()[END],
        bos_token_id=None,
        initializer_range=0.02,
    )
    model = LlamaForCausalLM(config)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    return model


@dataclass(frozen=True)
class Row:
    """A text's token ids; learned are those from `answer` on, or from `question` on where a text has passages.

    `reply` is where the assistant's reply begins (None in plain text); `mark` is whether a marked reply is right.
    """

    ids: list[int]
    answer: int
    question: int
    reply: int | None
    mark: bool | None


def encode(texts: Sequence[Text], tokenizer: PreTrainedTokenizerFast) -> list[Row]:
    """The texts as the model sees them, with what is to be learned of each."""
    prompts = [f"{USER}{t.prompt}{ASSISTANT}" if t.prompt is not None else "" for t in texts]
    asked = tokenizer(prompts, add_special_tokens=False)["input_ids"]
    given = tokenizer([t.given for t in texts], add_special_tokens=False)["input_ids"]
    tails = tokenizer([t.completion + END for t in texts], add_special_tokens=False)["input_ids"]
    newline = tokenizer.convert_tokens_to_ids("\u010a")
    rows = []
    for text, head, start, tail in zip(texts, asked, given, tails, strict=True):
        answer = max(1, len(head) + len(start))
        question = len(head) - head[::-1].index(newline) if newline in head else answer
        mark = text.completion == "yes" if text.given else None
        rows.append(Row(head + start + tail, answer, question, len(head) or None, mark))
    return rows


def batches(rows: Sequence[Row], batch_tokens: int, seed: int) -> Iterator[list[Row]]:
    """The rows once, grouped by similar length up to `batch_tokens` padded tokens, in random order."""
    rng = random.Random(seed)
    window = 4096
    for start in range(0, len(rows), window):
        block = sorted(rows[start : start + window], key=lambda row: len(row.ids))
        groups: list[list[Row]] = [[]]
        for row in block:
            if groups[-1] and (len(groups[-1]) + 1) * len(row.ids) > batch_tokens:
                groups.append([])
            groups[-1].append(row)
        rng.shuffle(groups)
        yield from groups


def batch_loss(
    model: Any, rows: Sequence[Row], recipe: Recipe, device: str, *, copying: bool, doubt: Any = None
) -> torch.Tensor:
    """Mean next-token loss over the learned positions, plus the early layer's. Right-padded, so no mask is needed.

    With `doubt`, a linear map of the residual stream, also the loss of `_doubt_loss`.
    """
    length = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), length), model.config.pad_token_id)
    learn = torch.zeros(len(rows), length, dtype=torch.bool)
    for i, row in enumerate(rows):
        ids[i, : len(row.ids)] = torch.tensor(row.ids)
        learn[i, row.question if copying else row.answer : len(row.ids)] = True
    ids, learn = ids.to(device), learn.to(device)
    out = model.model(input_ids=ids, use_cache=False, output_hidden_states=True)
    targets, before = ids[:, 1:][learn[:, 1:]], learn[:, 1:]
    losses = cross_entropy(model.lm_head(out.last_hidden_state[:, :-1][before]), targets, reduction="none")
    loss = losses.mean()
    if recipe.early_weight > 0:
        early = model.model.norm(out.hidden_states[recipe.early_layer][:, :-1][before])
        loss = loss + recipe.early_weight * cross_entropy(model.lm_head(early), targets)
    if doubt is not None:
        each = losses.detach().split(before.sum(-1).tolist())
        inside = out.hidden_states[recipe.doubt_layer]
        loss = loss + recipe.doubt_weight * _doubt_loss(doubt, inside, rows, each)
    return loss


def _doubt_loss(doubt: Any, inside: torch.Tensor, rows: Sequence[Row], losses: Sequence[torch.Tensor]) -> torch.Tensor:
    """The loss of foretelling, where a reply begins, whether it will be the true one.

    Foretold is the model's own probability of the true reply (Yoo & Kweon 2019 foretell a loss likewise), or the mark.
    So the model learns to notice what it knows, where the answer is found and tuning can read it.
    """
    chats = [(i, row) for i, row in enumerate(rows) if row.reply is not None]
    if not chats:
        return inside.new_zeros(())
    known = [losses[i][:-1].sum().neg().exp() if row.mark is None else inside.new_tensor(row.mark) for i, row in chats]
    at = inside[[i for i, _ in chats], [row.reply - 1 for _, row in chats if row.reply]]
    foretold = doubt(rms_norm(at, at.shape[-1:])).squeeze(-1)
    return binary_cross_entropy_with_logits(foretold, torch.stack(known).to(foretold))


@dataclass(frozen=True)
class Plan:
    """All batches in order, and the steps at which the third and the fourth term begin."""

    batches: list[list[Row]]
    third_term: int
    fourth_term: int


def plan_batches(curriculum: Curriculum, tokenizer: PreTrainedTokenizerFast, recipe: Recipe) -> Plan:
    """The batches of the four terms, those of the second and the third shuffled among themselves."""
    facts, school, lookups, revision = (
        list(batches(encode(texts, tokenizer), recipe.batch_tokens, recipe.seed))
        for texts in (curriculum.texts, curriculum.school, curriculum.lookups, curriculum.revision)
    )
    second = facts[recipe.school_from : recipe.lookups_from] + school
    third = facts[recipe.lookups_from :] + lookups
    random.Random(recipe.seed).shuffle(second)
    random.Random(recipe.seed + 1).shuffle(third)
    begun = facts[: recipe.school_from] + second
    return Plan(begun + third + revision, len(begun), len(begun) + len(third))


def pretrain(curriculum: Curriculum, recipe: Recipe, out: Path) -> Iterator[Event]:
    """Trains the four terms and saves the model to `out`; yields progress, last `Done(out)`. Resumes."""
    tokenizer = train_tokenizer(curriculum.texts[: len(curriculum.texts) // 4], recipe.vocab_size)
    plan = plan_batches(curriculum, tokenizer, recipe)
    yield from _train(build_model(recipe, tokenizer), tokenizer, plan, recipe, out)


def train_again(base: Path, texts: Sequence[Text], recipe: Recipe, out: Path) -> Iterator[Event]:
    """Trains the fifth term: the model in `base` on `texts`, saved to `out`; yields and resumes like `pretrain`."""
    tokenizer = PreTrainedTokenizerFast.from_pretrained(base)
    model = LlamaForCausalLM.from_pretrained(base, dtype=torch.float32)
    plan = Plan(list(batches(encode(texts, tokenizer), recipe.batch_tokens, recipe.seed)), 0, 0)
    # the optimiser starts anew, from trained weights
    recipe = replace(recipe, late_rate=recipe.last_rate, late_warmup=LAST_WARMUP)
    yield from _train(model, tokenizer, plan, recipe, out, torch.nn.Linear(recipe.hidden_size, 1))


def _train(
    model: LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    plan: Plan,
    recipe: Recipe,
    out: Path,
    doubt: torch.nn.Linear | None = None,
) -> Iterator[Event]:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parts = torch.nn.ModuleDict({"model": model} if doubt is None else {"model": model, "doubt": doubt})
    parts.to(device).train()
    n_steps, optimizer = len(plan.batches), _optimizer(parts, recipe)
    out.mkdir(parents=True, exist_ok=True)
    checkpoint, made_of = out / "checkpoint.pt", _made_of(plan, recipe)
    for step in range(_resume(checkpoint, parts, optimizer, made_of), n_steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, plan, recipe)
        copying = recipe.copy_from <= step < plan.third_term
        loss = batch_loss(model, plan.batches[step], recipe, device, copying=copying, doubt=doubt)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 50 == 0 or step + 1 == n_steps:
            yield Progress(out.name, step + 1, n_steps, f"loss {loss.item():.3f}")
        if (step + 1) % SAVE_STEPS == 0:
            _save(checkpoint, parts, optimizer, step + 1, made_of)
    model.half().save_pretrained(out)
    tokenizer.save_pretrained(out)
    checkpoint.unlink(missing_ok=True)
    yield Done(out)


def learning_rate(step: int, plan: Plan, recipe: Recipe) -> float:
    """The rate of one step: a rise and a cosine fall to a fifth, then in each late term one from `late_rate` to 3 %."""
    for start, end in ((plan.fourth_term, len(plan.batches)), (plan.third_term, plan.fourth_term)):
        if step >= start:
            rise = min(1.0, (step - start + 1) / recipe.late_warmup)
            return recipe.late_rate * rise * (0.03 + 0.97 * _cosine((step - start) / (end - start)))
    rise = min(1.0, (step + 1) / recipe.warmup_steps)
    return recipe.learning_rate * rise * (0.2 + 0.8 * _cosine(step / plan.third_term))


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


def _optimizer(parts: torch.nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    matrices = [p for p in parts.parameters() if p.ndim >= 2]
    gains = [p for p in parts.parameters() if p.ndim < 2]
    return torch.optim.AdamW(
        [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": gains, "weight_decay": 0.0}],
        lr=recipe.learning_rate,
        betas=(0.9, 0.95),
        fused=True,
    )


def _made_of(plan: Plan, recipe: Recipe) -> dict[str, Any]:
    """What a checkpoint belongs to: the recipe, and a checksum of all texts in their order."""
    checksum = 0
    for batch in plan.batches:
        for row in batch:
            checksum = crc32(array("H", row.ids).tobytes(), checksum)
    return {"recipe": asdict(recipe), "texts": checksum}


def _resume(path: Path, parts: torch.nn.Module, optimizer: torch.optim.Optimizer, made_of: dict[str, Any]) -> int:
    """The step to go on from: a checkpoint's when it was made by the same recipe on the same texts, else 0."""
    if not path.is_file():
        return 0
    saved = torch.load(path, map_location=next(parts.parameters()).device, weights_only=True)
    if saved["made_of"] != made_of:
        return 0
    parts.load_state_dict(saved["parts"])
    optimizer.load_state_dict(saved["optimizer"])
    return saved["step"]


def _save(
    path: Path, parts: torch.nn.Module, optimizer: torch.optim.Optimizer, step: int, made_of: dict[str, Any]
) -> None:
    part = path.with_suffix(".part")
    state = {"parts": parts.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(state | {"step": step, "made_of": made_of}, part)
    part.replace(path)
