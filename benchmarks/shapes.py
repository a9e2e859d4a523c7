"""What is measured: three models with their questions and a cross-encoder each, as every contender gets them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import BertConfig, BertForSequenceClassification, BertModel, LlamaConfig, LlamaForCausalLM

from uait.data.catalogue import describe, preset
from uait.models.adapters import Weights
from uait.models.decoding import sampling_prompt
from uait.models.language_model import LanguageModel
from uait.models.loading import load_model
from uait.models.similarity import BiEncoder
from uait.records import Question
from uait.settings import SamplingSettings

SHAPES = ("pocket", "smollm2", "random")
K, TEMPERATURE, MAX_NEW_TOKENS, SEED = 5, 0.5, 12, 0
# Wide as RoBERTa base; of MiniLM's vocabulary, which costs no multiply-add
_BASE: dict[str, Any] = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
}
_RANDOM: dict[str, Any] = {
    "hidden_size": 512,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "intermediate_size": 1408,
}


@dataclass(frozen=True)
class Shape:
    """A base model that answers, `prompts` as it reads them, and the folder of a cross-encoder."""

    name: str
    lm: LanguageModel
    encoder: Path
    questions: list[Question]
    sampling: SamplingSettings

    @property
    def prompts(self) -> list[str]:
        return [sampling_prompt(self.lm, question.text, self.lm.prompts) for question in self.questions]

    @property
    def end_id(self) -> int:
        """The one token that peers are told ends an answer: the end of the line behind shots, else of the text."""
        tokenizer = self.lm.tokenizer
        return (
            tokenizer("\n", add_special_tokens=False)["input_ids"][-1]
            if self.lm.prompts.shots
            else tokenizer.eos_token_id
        )


def shape(name: str, n: int, folder: Path) -> Shape:
    """`n` questions of the shape, evenly from those to tune on; the cross-encoder is written below `folder`."""
    description = describe("pocket" if name == "random" else name)
    assert description is not None
    asked = description.tuning_questions
    questions = [replace(question, id=str(i)) for i, question in enumerate(asked[:: len(asked) // n][:n])]
    lm = _random() if name == "random" else load_model(preset(name).with_adapter("none"))
    sampling = SamplingSettings(K, TEMPERATURE, max_new_tokens=MAX_NEW_TOKENS, seed=SEED)
    return Shape(name, replace(lm, adapter_id=None), _encoder(folder, is_large=name == "random"), questions, sampling)


def _random() -> LanguageModel:
    """Random weights, which never end an answer, behind a prompt of some 150 tokens."""
    base = load_model(preset("pocket").with_adapter("none"))
    torch.manual_seed(SEED)
    config = LlamaConfig(**_RANDOM, vocab_size=len(base.tokenizer), max_position_embeddings=1024, eos_token_id=None)
    smollm2 = preset("smollm2").prompts.shots
    shots = base.tokenizer.decode(base.tokenizer(smollm2, add_special_tokens=False)["input_ids"][:130])
    prompts = replace(base.prompts, shots=shots)
    model = LlamaForCausalLM(config).eval()
    return LanguageModel(Weights(model), base.tokenizer, base.device, "random", None, prompts)


def _encoder(folder: Path, *, is_large: bool) -> Path:
    """A cross-encoder with a random head: MiniLM's own body of six layers, or a random one of RoBERTa base's shape."""
    path = folder / ("base" if is_large else "minilm")
    if not (path / "config.json").is_file():
        torch.manual_seed(SEED)
        minilm: Any = BiEncoder("cpu").model
        body: BertModel = minilm[0].auto_model
        config = BertConfig(**_BASE, vocab_size=body.config.vocab_size) if is_large else body.config
        config.num_labels = 1
        model = BertForSequenceClassification(config)
        if not is_large:
            model.bert.load_state_dict(body.state_dict(), strict=False)
        # a head that spreads the scores: a fresh one says 0.5 of everything
        torch.nn.init.normal_(model.classifier.weight, std=1.0)
        model.save_pretrained(path)
        minilm.tokenizer.save_pretrained(path)
    return path
