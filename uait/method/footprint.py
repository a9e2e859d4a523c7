"""What labelling, tuning and answering take of a machine: a model's size in, bytes and seconds out. Arithmetic alone.

Symbols: P parameters, L layers, h hidden width, V vocabulary, b bytes a weight, K samples, B questions in a batch,
S tokens of a prompt, T tokens of an answer. A pass over n tokens takes 2 P n operations (Kaplan et al. 2020), and no
less time than reading the weights once. Reckoned for answers as long as the assumptions say; a run differs.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from math import ceil

from uait.records.plans import Machine, ModelSize, Need, Plan
from uait.settings import Settings, TuneSettings

RUNTIME = 10**9  # bytes: Python, the libraries, on a GPU its context
LETTERS_A_TOKEN, QUESTION_TOKENS, TEMPLATE_TOKENS = 4, 20, 12
ANSWER_TOKENS, NUMBER_TOKENS = 6, 8  # the mean; "; 93.1%"
LONGEST_ANSWER = 16  # of a batch, which runs until its longest ends
PASSAGE_TOKENS = 100
OPERATIONS_A_LAYER = 30  # calls of the library, each of which takes the machine's `launch` at least
# Activations kept per token, layer and value of h: 34 bytes at 2 bytes (Korthikanti et al. 2022), and LoRA's own copies
KEPT_VALUES = 17 + 7
TUNING_SHARE = 0.5  # of the burst's throughput: an adapter's matrices are narrow
QUANTISED = {"8bit": 1.0, "4bit": 0.52}  # bytes a weight, with the scales of its block (NF4, Dettmers et al. 2023)
BYTES_A_TUNED = 16  # of an adapter's parameter: itself, its gradient and Adam's two moments, 32 bits each
EVALUATION_BATCH, N_QUESTIONS_MORE = 32, 4  # beside sampling: verbalized, P(True), the answer, the answer after reading
N_LOOKS, N_PROBES, MOST_WATCHED, LOOK_BATCH = 12, 8, 64, 16  # questions asked while tuning
DISTINCT = 1 / 3  # of the texts to compare: samples repeat each other
BYTES_A_LOGGED_TOKEN = 80  # of samples.jsonl and labels.jsonl
# parameters, those that multiply, bytes to fetch: the package has the embedded one
ENCODERS = {"bi-encoder": (22_713_216, 10_646_784, 0)}
CROSS_ENCODER = (355_360_769, 303_000_000, 1_421_000_000)  # cross-encoder/stsb-roberta-large

Memory = Callable[[int], float]  # of a stage, by how much is done together


def plan(size: ModelSize, machine: Machine, settings: Settings, n: int, n_measured: int = 0, n_sweep: int = 0) -> Plan:
    """What `n` questions to label and tune on take, and one answer after that.

    With `n_measured` also the evaluation of so many questions, and with `n_sweep` so many tunings more.
    """
    needs = list(_needs(size, machine, settings, n, n_measured, n_sweep))
    *_, fetched = ENCODERS.get(settings.model.encoder, CROSS_ENCODER)
    per_question = (settings.sampling.n_samples + 1) * ANSWER_TOKENS * BYTES_A_LOGGED_TOKEN
    files = (n + n_measured) * per_question + (4 + 12) * size.n_adapter * (1 + n_sweep)
    return Plan(size, machine, n, tuple(needs), size.n_bytes + fetched + files, _assumptions(size, settings, n))


def _needs(
    size: ModelSize, machine: Machine, settings: Settings, n: int, n_measured: int, n_sweep: int
) -> Iterator[Need]:
    sampling, tuning = settings.sampling, settings.tune
    label_memory = _label_memory(size, machine, settings)
    yield _fitted(
        Need("label", int(label_memory(sampling.batch_size)), label_seconds(size, machine, settings, n)),
        machine, label_memory, sampling.batch_size, "sampling.batch_size",
    )  # fmt: skip
    at_once = min(tuning.micro_batch or tuning.batch_size, tuning.batch_size)
    is_twice = _tune_memory(size, machine, settings)(at_once) > machine.memory
    tune_memory = _tune_memory(size, machine, settings, is_twice=is_twice)
    need = Need("tune", int(tune_memory(at_once)), tune_seconds(size, machine, settings, n, is_twice=is_twice))
    yield _fitted(need, machine, tune_memory, at_once, "tune.micro_batch")
    if n_measured:
        asked = weights(size, machine, settings) + RUNTIME + _rows_memory(size, machine, settings, EVALUATION_BATCH)

        def memory(batch: int) -> float:
            return max(label_memory(batch), asked)

        seconds = evaluate_seconds(size, machine, settings, n_measured)
        more = Need("evaluate", int(memory(sampling.batch_size)), seconds)
        yield _fitted(more, machine, memory, sampling.batch_size, "sampling.batch_size")
    if n_sweep:
        yield replace(need, stage="sweep", seconds=need.seconds * n_sweep)
    answer_memory = weights(size, machine, settings) + RUNTIME + _rows_memory(size, machine, settings, 1)
    one = Need("answer", int(answer_memory), answer_seconds(size, machine, settings, 1))
    yield _fitted(one, machine, lambda _: answer_memory, 1, "")


def weights(size: ModelSize, machine: Machine, settings: Settings) -> int:
    """Bytes of the base's weights, and of the adapter's beside them."""
    return base_weights(size, machine, settings) + 4 * size.n_adapter


def base_weights(size: ModelSize, machine: Machine, settings: Settings) -> int:
    """b P bytes; quantised, the vocabulary's two tables stay as they are and the rest takes fewer."""
    bytes_a_matrix = QUANTISED.get(settings.model.quantize, machine.bytes_a_weight)
    n_tables = min(size.n_parameters, 2 * size.vocabulary * size.hidden)
    return int(machine.bytes_a_weight * n_tables + bytes_a_matrix * (size.n_parameters - n_tables))


def prompt_tokens(settings: Settings, *, has_shots: bool) -> int:
    """S: the letters of the prompt at four a token, a question and the chat template's own tokens."""
    prompts = settings.prompts
    letters = len(prompts.shots) if has_shots and prompts.shots else len(prompts.question)
    return ceil(letters / LETTERS_A_TOKEN) + QUESTION_TOKENS + TEMPLATE_TOKENS


def pass_seconds(size: ModelSize, machine: Machine, rows: int, tokens: int) -> float:
    """One forward pass: the slower of 2 P n operations and reading b P bytes, and the calls that it takes."""
    computing = 2 * size.n_parameters * rows * tokens / machine.flops
    reading = machine.bytes_a_weight * size.n_parameters / machine.bandwidth
    return max(computing, reading) + OPERATIONS_A_LAYER * size.n_layers * machine.launch


def label_seconds(size: ModelSize, machine: Machine, settings: Settings, n: int) -> float:
    """Per batch one pass over the prompts and one per token of the longest of B (K + 1) answers; then the encoder."""
    k, batch = settings.sampling.n_samples, min(settings.sampling.batch_size, n)
    steps = min(LONGEST_ANSWER, settings.sampling.max_new_tokens)
    one = pass_seconds(size, machine, batch, prompt_tokens(settings, has_shots=True))
    one += steps * pass_seconds(size, machine, batch * (k + 1), 1)
    return ceil(n / batch) * one + n * DISTINCT * _encoder_operations(settings) / machine.flops


def _encoder_operations(settings: Settings) -> float:
    """Of one question's texts: K T of them lack a token, K are whole; a cross-encoder reads K (K - 1) / 2 pairs too."""
    k, read = settings.sampling.n_samples, QUESTION_TOKENS + ANSWER_TOKENS
    _, n_multiplying, _ = ENCODERS.get(settings.model.encoder, CROSS_ENCODER)
    if settings.model.encoder in ENCODERS:
        return 2.0 * n_multiplying * k * (ANSWER_TOKENS + 1) * read
    return 2.0 * n_multiplying * (k * ANSWER_TOKENS + k * (k - 1) / 2) * 2 * read


def tune_seconds(size: ModelSize, machine: Machine, settings: Settings, n: int, *, is_twice: bool = False) -> float:
    """Steps times 4 P operations a token: forward, and backward through weights that stay; 2 P more for a KL.

    2 P more, too, where each layer is computed twice. On the way the model is looked at some twelve times: a few probes
    and watched questions are asked.
    """
    tune = settings.tune
    n_steps = tune_steps(tune, n)
    n_passes = (2 if tune.answers == "examples" else 3) + is_twice
    slower = replace(machine, flops=TUNING_SHARE * machine.flops)
    learning = n_steps * n_passes * pass_seconds(size, slower, tune.batch_size, _taught_tokens(settings))
    n_looked = N_PROBES + min(MOST_WATCHED, int(settings.distil.dev_fraction * n))
    looking = ceil(n_looked / LOOK_BATCH) * answer_seconds(size, machine, settings, min(LOOK_BATCH, n_looked))
    return learning + (1 + min(N_LOOKS, n_steps)) * looking


def _taught_tokens(settings: Settings) -> int:
    return prompt_tokens(settings, has_shots=False) + ANSWER_TOKENS + NUMBER_TOKENS


def answer_seconds(size: ModelSize, machine: Machine, settings: Settings, batch: int) -> float:
    """One pass over the prompts, one per token of the answer and its number."""
    steps = min(LONGEST_ANSWER if batch > 1 else ANSWER_TOKENS, settings.answer.max_new_tokens) + NUMBER_TOKENS
    read = pass_seconds(size, machine, batch, prompt_tokens(settings, has_shots=False))
    return read + steps * pass_seconds(size, machine, batch, 1)


def evaluate_seconds(size: ModelSize, machine: Machine, settings: Settings, n: int) -> float:
    """Sampling and scoring as in labelling, and every question asked four times more."""
    batch = min(EVALUATION_BATCH, n)
    more = ceil(n / batch) * N_QUESTIONS_MORE * answer_seconds(size, machine, settings, batch)
    read = n * PASSAGE_TOKENS * settings.retrieval.n_passages * 2 * size.n_parameters / machine.flops
    return label_seconds(size, machine, settings, n) + more + read


def tune_steps(tune: TuneSettings, n_train: int) -> int:
    """How many steps a tuning takes: epochs over the examples, or as many as `max_steps` says."""
    return tune.max_steps or ceil(tune.epochs * ceil(n_train / tune.batch_size))


def _label_memory(size: ModelSize, machine: Machine, settings: Settings) -> Memory:
    n_encoder, *_ = ENCODERS.get(settings.model.encoder, CROSS_ENCODER)
    fixed = weights(size, machine, settings) + 4 * n_encoder + RUNTIME
    k = settings.sampling.n_samples
    return lambda batch: fixed + _rows_memory(size, machine, settings, batch * (k + 1))


def _rows_memory(size: ModelSize, machine: Machine, settings: Settings, rows: int) -> int:
    """The cache, b L cache_width a token, and the next token's logits: as they come, as floats, and perturbed."""
    tokens = prompt_tokens(settings, has_shots=True) + settings.sampling.max_new_tokens
    cache = rows * tokens * size.n_layers * size.cache_width * machine.bytes_a_weight
    return cache + rows * size.vocabulary * (machine.bytes_a_weight + 4 + 4)


def _tune_memory(size: ModelSize, machine: Machine, settings: Settings, *, is_twice: bool = False) -> Memory:
    """What a layer keeps for the backward pass; its input alone where `is_twice`: it is then computed once more."""
    fixed = base_weights(size, machine, settings) + BYTES_A_TUNED * size.n_adapter + RUNTIME
    values = KEPT_VALUES + size.n_layers if is_twice else KEPT_VALUES * size.n_layers
    kept = values * size.hidden + 2 * size.vocabulary  # logits, and their gradients
    return lambda batch: fixed + batch * _taught_tokens(settings) * kept * machine.bytes_a_weight


def _fitted(need: Need, machine: Machine, memory: Memory, batch: int, setting: str) -> Need:
    """The need as it is where it fits, else with what would make it fit."""
    if need.memory <= machine.memory:
        return need
    smaller = batch // 2
    while smaller and memory(smaller) > machine.memory:
        smaller //= 2
    if smaller:
        return replace(need, remedy=f"{setting} {smaller}")
    return replace(need, remedy=f"a smaller model, or {memory(1) / 1e9:.1f} GB of memory")


def _assumptions(size: ModelSize, settings: Settings, n: int) -> tuple[str, ...]:
    shots, plain = (prompt_tokens(settings, has_shots=has_shots) for has_shots in (True, False))
    prompts = f"prompts of {shots} tokens" if shots == plain else f"prompts of {shots} tokens, {plain} after tuning"
    return (
        f"{prompts} ({LETTERS_A_TOKEN} letters a token, a question of {QUESTION_TOKENS} tokens)",
        f"answers of {ANSWER_TOKENS} tokens, the longest of a batch {LONGEST_ANSWER}",
        "a third of the texts to compare are distinct",
        f"all {n} questions kept to tune on, at half of the measured throughput",
        *(("2 bytes a parameter to fetch",) if size.n_bytes else ()),
        "the machine is as busy as it was during the burst",
    )
