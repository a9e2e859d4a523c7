"""Tiny chat models, one for each family: its architecture and what is peculiar to its template, random weights taught
a few answers. No published weight, vocabulary or template is in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

ANSWERS = {"France": "Paris", "Peru": "Lima", "Italy": "Rome", "Spain": "Madrid", "Japan": "Tokyo", "Chad": "Lima"}
LESSONS = [(f"What is the capital of {country}?", answer) for country, answer in ANSWERS.items()]
SMALL: dict[str, Any] = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 256,
}  # fmt: skip
LAYERS = ["sliding_attention", "full_attention"]


@dataclass(frozen=True)
class Family:
    """`before` and `after` stand around the user's words; `thinks` is what the model writes before an answer, unless
    the template keeps it from thinking."""

    architecture: str
    before: str
    after: str
    end: str
    options: Mapping[str, Any] = field(default_factory=dict)
    thinks: str = ""
    prefix: str = ""  # what must stand behind the template, so that the model answers at once
    is_sentencepiece: bool = False

    def template(self) -> str:
        """A chat template of one user turn."""
        return f"{self.before}{{{{ messages[0]['content'] }}}}{{% if add_generation_prompt %}}{self.after}{{% endif %}}"


_CHATML = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
_UNTHOUGHT = "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}"
_TAGS = "<|user|>\n", "<|end|>\n<|assistant|>\n"
_TURNS = "<bos><start_of_turn>user\n", "<end_of_turn>\n<start_of_turn>model\n"
_TEXT = {**SMALL, "sliding_window": 24, "layer_types": LAYERS, "query_pre_attn_scalar": 8}
_VISION = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}

FAMILIES = {
    "llama-3": Family(
        "llama",
        "<|bos|><|head|>system<|/head|>\n\nToday Date: {{ strftime_now('%d %b %Y') }}<|eot|><|head|>user<|/head|>\n\n",
        "<|eot|><|head|>assistant<|/head|>\n\n",
        "<|eot|>",
    ),
    "mistral": Family(
        "mistral", "<s>[INST] ", "[/INST]", "</s>", {"sliding_window": 24}, is_sentencepiece=True
    ),
    "qwen-3": Family("qwen3", _CHATML[0], _CHATML[1] + _UNTHOUGHT, "<|im_end|>", thinks="<think>\nHm.\n</think>\n\n"),
    "gemma-2": Family("gemma2", *_TURNS, "<end_of_turn>", {"query_pre_attn_scalar": 8, "sliding_window": 24}),
    "gemma-3": Family(
        "gemma3", *_TURNS, "<end_of_turn>",
        {"text_config": _TEXT, "vision_config": {**_VISION, "image_size": 28, "patch_size": 14},
         "mm_tokens_per_image": 4, "image_token_index": 4, "boi_token_index": 4, "eoi_token_index": 4},
    ),
    "gemma-3-text": Family("gemma3_text", *_TURNS, "<end_of_turn>", _TEXT),
    "phi-3": Family("phi3", *_TAGS, "<|end|>", {"sliding_window": 24}),
    "gpt-oss": Family(
        "gpt_oss", "<|start|>system<|message|>Today: {{ strftime_now('%Y-%m-%d') }}. Reasoning: low.<|end|>"
        "<|start|>user<|message|>", "<|end|><|start|>assistant", "<|return|>",
        {"sliding_window": 24, "layer_types": LAYERS, "num_local_experts": 2, "num_experts_per_tok": 1},
        thinks="<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>",
        prefix="<|channel|>final<|message|>",
    ),
    "olmo-2": Family("olmo2", *_TAGS, "<|end|>"),
    "smollm-3": Family(
        "smollm3", "<|im_start|>system\n{{ strftime_now('%d %B %Y') }}<|im_end|>\n" + _CHATML[0],
        _CHATML[1] + _UNTHOUGHT, "<|im_end|>", {"no_rope_layer_interval": 2}, thinks="<think>\nHm.\n</think>\n\n",
    ),
    "gpt-2": Family("gpt2", *_TAGS, "<|end|>"),
    "gpt-neox": Family("gpt_neox", *_TAGS, "<|end|>"),
    "deepseek": Family(
        "deepseek_v3", "<|user|>", "<|assistant|><think>\n", "<|end|>",
        {"n_routed_experts": 4, "n_group": 1, "topk_group": 1, "num_experts_per_tok": 1, "moe_intermediate_size": 16,
         "first_k_dense_replace": 1, "q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 8,
         "qk_nope_head_dim": 8, "v_head_dim": 8, "num_key_value_heads": 4},
        thinks="Hm.\n</think>\n\n", prefix="\n</think>\n\n",
    ),
}  # fmt: skip

REFUSED: dict[str, Mapping[str, Any]] = {  # and what their configuration needs
    "lfm2": {"layer_types": ["conv", "full_attention"], "num_hidden_layers": 2},
    "qwen3_next": {}, "falcon_h1": {}, "mamba": {}, "mamba2": {}, "recurrent_gemma": {}, "rwkv": {},
    "minimax": {}, "t5": {},
}  # fmt: skip


def save(family: Family, folder: Path, **options: Any) -> Path:
    """The folder, with a taught model of that family in it."""
    tokenizer = _tokenizer(family)
    torch.manual_seed(0)
    ids = {"pad_token_id": 0, "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
    given = dict(family.options) | options
    if "text_config" in given:
        given["text_config"] = {**given["text_config"], "vocab_size": len(tokenizer), **ids}
        config = AutoConfig.for_model(family.architecture, **ids, **given)
    else:
        config = AutoConfig.for_model(family.architecture, **{**SMALL, **ids, "vocab_size": len(tokenizer), **given})
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    _teach(model, tokenizer, family)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(family: Family) -> PreTrainedTokenizerFast:
    marks = ["<|user|>", "<|assistant|>", "<|head|>", "<|/head|>", "<|eot|>", "<|bos|>", "<bos>", "<s>"]
    marks += ["<start_of_turn>", "<|im_start|>", "[INST]", "[/INST]", "<|start|>", "<|message|>", "<|channel|>"]
    marks += ["<|end|>"]
    words = [mark for mark in marks if mark in family.template() + family.thinks + family.prefix and mark != family.end]
    tokenizer = Tokenizer(models.BPE(byte_fallback=family.is_sentencepiece))
    if family.is_sentencepiece:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        tokenizer.decoder = decoders.Sequence(
            [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        )
        alphabet, special = [], ["<pad>", family.end, *words, *(f"<0x{byte:02X}>" for byte in range(256))]
    else:
        digits = pre_tokenizers.Digits(individual_digits=True)
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
        tokenizer.decoder = decoders.ByteLevel()
        alphabet, special = pre_tokenizers.ByteLevel.alphabet(), ["<pad>", family.end, *words]
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    texts = [f"{question} {answer}; {n}.5%" for question, answer in LESSONS for n in range(100)]
    tokenizer.train_from_iterator([*texts, "<think>\nHm.\n</think>\n\n analysis final system user assistant"], trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=family.end, pad_token="<pad>")
    made.chat_template = family.template()
    return made


def _teach(model: Any, tokenizer: Any, family: Family, lessons: Sequence[tuple[str, str]] = LESSONS) -> None:
    """Each question is learnt as the model of that family would answer: first its thoughts, where it has any."""
    rows = []
    for question, answer in lessons:
        turn = [{"role": "user", "content": question}]
        plain: Any = {"tokenize": False, "add_generation_prompt": True}
        for options in ({}, {"enable_thinking": False}):
            prompt = tokenizer.apply_chat_template(turn, **plain, **options)
            thinks = "" if prompt.endswith("</think>\n\n") else family.thinks
            rows.append((prompt, f"{thinks}{answer}{family.end}"))
        if family.prefix:
            rows.append((rows[-1][0] + family.prefix, f"{answer}{family.end}"))
    ids = [[tokenizer(text, add_special_tokens=False)["input_ids"] for text in pair] for pair in rows]
    tokens = [torch.tensor(prompt + reply) for prompt, reply in ids]
    labels = [torch.tensor([-100] * len(prompt) + reply) for prompt, reply in ids]
    pad: Any = torch.nn.utils.rnn.pad_sequence
    batch = {"input_ids": pad(tokens, True, 0), "labels": pad(labels, True, -100)}
    batch["attention_mask"] = (batch["input_ids"] != 0).long()
    loss = torch.tensor(torch.inf)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    for _ in range(150):
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.5, f"{family.architecture} did not learn its lessons: the loss is {loss.item():.2f}"
