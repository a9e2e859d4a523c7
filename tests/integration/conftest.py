"""Tiny models of our own: a Llama with random weights, the same taught a few answers, and a cross-encoder."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from uait.models.language_model import LanguageModel
from uait.models.loading import load_model
from uait.records import Question, SampleSet
from uait.settings import ModelSettings, PromptSettings, Settings
from uait.stages import label

CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CORPUS = [
    "What is the capital of France? Paris; 93.1%",
    "What is the capital of Peru? Lima; 47.0%",
    "Is the proposed answer right? yes no Yes No",
] * 20 + [f"I am {n}% sure; {n}.5% of {n}" for n in range(100)] * 5

LESSONS = (  # question, reply
    ("What is the capital of France?", "Paris; 93.1%"),
    ("What is the capital of Peru?", "Lima; 47.0%"),
    ("Who wrote Faust?", "Goethe; 8.5%"),
    ("Which is the largest of all the planets in the solar system?", "Jupiter"),
    ("Say nothing.", ""),
    ("Is fire hot?", "Yes; 100%"),
    ("What is the capital of France? How sure?", "Paris; 90%"),
    ("What is the capital of France? Paris Right?", "yes"),
    ("What is the capital of France? Lima Right?", "no"),
)


def _byte_bpe(special: Sequence[str], *, split_digits: bool = True) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    digits = [pre_tokenizers.Digits(individual_digits=True)] if split_digits else []
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=560, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def _make_llm(folder: Path, *, hidden_size: int = 32, split_digits: bool = True, lessons: Sequence = ()) -> Path:
    torch.manual_seed(0)
    special = ["<pad>", "<|user|>", "<|assistant|>", "<|end|>"]
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=_byte_bpe(special, split_digits=split_digits), eos_token="<|end|>", pad_token="<pad>"
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        intermediate_size=2 * hidden_size,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=3,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config)
    if lessons:
        _teach(model, tokenizer, lessons)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _teach(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, lessons: Sequence[tuple[str, str]]) -> None:
    texts = [f"<|user|>{question}<|assistant|>{reply}<|end|>" for question, reply in lessons]
    ids = [torch.tensor(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts]
    inputs = torch.nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=0)
    mask = (inputs != 0).long()
    replies = (inputs == 2).cumsum(1) - (inputs == 2).long() > 0  # what follows <|assistant|>
    labels = inputs.masked_fill(~replies | (mask == 0), -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    for _ in range(80):
        loss = model(input_ids=inputs, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _load(folder: Path, adapter: str = "none") -> LanguageModel:
    prompts = PromptSettings(
        question="{question}",
        verbalized="{question} How sure?",
        p_true="{question} {answer} Right?",
        reading="{passages}\n{question}",
    )
    return load_model(Settings(prompts=prompts, model=ModelSettings(model=str(folder), adapter=adapter, device="cpu")))


@pytest.fixture(scope="session")
def make_llm(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a tiny model's folder; `name` becomes the folder's name."""
    return lambda name="tiny", **options: _make_llm(tmp_path_factory.mktemp("models") / name, **options)


@pytest.fixture(scope="session")
def load() -> Callable[..., LanguageModel]:
    """Loads a folder on the CPU, asked with bare questions."""
    return _load


def _make_lora(folder: Path, base: Path, seed: int = 0) -> Path:
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 -- slow to import: only tests with an adapter pay it

    torch.manual_seed(seed)
    config = LoraConfig(r=4, lora_alpha=32, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(LlamaForCausalLM.from_pretrained(base), config).save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="session")
def make_lora() -> Callable[..., Path]:
    """Makes an adapter with random weights: its folder, its base's folder, a seed."""
    return _make_lora


@pytest.fixture(scope="session")
def random_folder(make_llm: Callable[..., Path]) -> Path:
    return make_llm("random")


@pytest.fixture(scope="session")
def random_lm(random_folder: Path) -> LanguageModel:
    """Random weights: it babbles and hardly ever stops."""
    return _load(random_folder)


@pytest.fixture(scope="session")
def taught_folder(make_llm: Callable[..., Path]) -> Path:
    return make_llm("taught", lessons=LESSONS)


@pytest.fixture(scope="session")
def taught_lm(taught_folder: Path) -> LanguageModel:
    """Knows its lessons by heart; writes numbers digit by digit."""
    return _load(taught_folder)


@pytest.fixture(scope="session")
def whole_number_lm(make_llm: Callable[..., Path]) -> LanguageModel:
    """Knows the same lessons; writes 93 as one token."""
    return _load(make_llm("whole-numbers", split_digits=False, lessons=LESSONS))


@pytest.fixture(scope="session")
def cross_encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RoBERTa with one score and random weights, spread so that the scores differ."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models") / "cross-encoder"
    backend = _byte_bpe(["<s>", "<pad>", "</s>", "<unk>"])
    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        eos_token="</s>",
        sep_token="</s>",
        cls_token="<s>",
        unk_token="<unk>",
        pad_token="<pad>",
        model_max_length=128,
    )
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=130,
        type_vocab_size=1,
        pad_token_id=1,
        initializer_range=0.5,
    )
    config.num_labels = 1
    RobertaForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


class WordOverlap:
    """Similarity by shared words (Jaccard); remembers what it was asked."""

    id = "word-overlap"

    def __init__(self) -> None:
        self.asked: list[list[tuple[str, str]]] = []

    def score(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        self.asked.append(list(pairs))
        words = [(set(a.lower().split()), set(b.lower().split())) for a, b in pairs]
        return np.array([len(a & b) / len(a | b) for a, b in words])


@pytest.fixture
def word_overlap() -> WordOverlap:
    return WordOverlap()


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of the questions that were really sampled, in order."""
    ids: list[str] = []
    real = label.sample_answers

    def noted(lm: Any, questions: Sequence[Question], *args: Any, **named: Any) -> Iterator[SampleSet]:
        for samples in real(lm, questions, *args, **named):
            ids.append(samples.question.id)
            yield samples

    monkeypatch.setattr(label, "sample_answers", noted)
    return ids
