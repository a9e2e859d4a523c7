"""What the pocket model is before it is trained: its size and curriculum, byte-level BPE, a small Llama."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from uait.embedded.pocket.corpus import Text

USER, ASSISTANT, END, PAD = "<|user|>", "<|assistant|>", "<|end|>", "<|pad|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + message['content'] }}{% if message['role'] == 'assistant' %}<|end|>{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


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
