"""What stages take, worked by hand for a model of round numbers on a machine of round numbers."""

from dataclasses import replace

import pytest

from uait.method import footprint
from uait.records.plans import Machine, ModelSize, Plan
from uait.settings import AnswerSettings, PromptSettings, SamplingSettings, Settings, TuneSettings

SIZE = ModelSize(
    "m", 1_000_000, n_layers=2, hidden=10, vocabulary=100, cache_width=8, n_adapter=1_000, n_bytes=2_000_000
)
MACHINE = Machine("CPU", 10**12, 10**12, flops=1e9, bandwidth=1e9, launch=1e-5, bytes_a_weight=4)
# 40 letters of prompt are 10 tokens; with 20 of a question and 12 of the template 42
SETTINGS = Settings(
    prompts=PromptSettings(question="{question}" + 30 * "x"),
    sampling=SamplingSettings(n_samples=3, max_new_tokens=8, batch_size=10),
    tune=TuneSettings(batch_size=5, epochs=2.0),
    answer=AnswerSettings(max_new_tokens=8),
)


def _plan(machine: Machine = MACHINE, settings: Settings = SETTINGS, n: int = 20, **more: int) -> Plan:
    return footprint.plan(SIZE, machine, settings, n, **more)


def _need(plan: Plan, stage: str) -> footprint.Need:
    return next(need for need in plan.needs if need.stage == stage)


def test_a_pass_computes_or_reads_whichever_is_slower_and_is_called_layer_by_layer() -> None:
    # computing 2 * 1e6 * 3 * 4 / 1e9 = .024, reading 4e6 / 1e9 = .004, calls 30 * 2 * 1e-5 = .0006
    assert footprint.pass_seconds(SIZE, MACHINE, 3, 4) == pytest.approx(0.0246)
    # one token: .002 to compute, so the weights are read for longer
    assert footprint.pass_seconds(SIZE, MACHINE, 1, 1) == pytest.approx(0.0046)


def test_labelling_reads_the_prompts_once_and_decodes_all_answers_together() -> None:
    # 2 batches of 10: 420 tokens .84 + .0006, then 8 steps of 40 rows .08 + .0006; the encoder by its own operations:
    # 20 questions / 3 * 2 * 10,646,784 * 3 samples * (6 + 1) texts * 26 tokens / 1e9
    encoder = 20 / 3 * 2 * 10_646_784 * 3 * 7 * 26 / 1e9
    seconds = footprint.label_seconds(SIZE, MACHINE, SETTINGS, 20)
    assert seconds == pytest.approx(2 * (0.8406 + 8 * 0.0806) + encoder)


def test_labelling_keeps_weights_encoder_cache_and_logits_in_memory() -> None:
    # weights 4 * 1e6 + 4 * 1e3; encoder 4 * 22,713,216; cache 40 rows * 50 tokens * 2 layers * 8 values * 4 bytes;
    # logits 40 * 100 * (4 + 4 + 4); 1e9 for the libraries
    by_hand = 4_004_000 + 90_852_864 + 128_000 + 48_000 + 10**9
    assert _need(_plan(), "label").memory == by_hand


def test_tuning_keeps_the_adapter_four_times_and_the_activations() -> None:
    # 4e6 + 16 * 1e3 + 1e9; 5 examples of 42 + 6 + 8 tokens, each 24 * 2 * 10 + 2 * 100 = 680 values of 4 bytes
    assert _need(_plan(), "tune").memory == 4_000_000 + 16_000 + 10**9 + 5 * 56 * 680 * 4


def test_tuning_takes_two_passes_a_step_three_with_a_kl() -> None:
    # 20 examples in 4 batches, 2 epochs: 8 steps, 280 tokens at half the speed: 1.12 + .0006; nothing is watched
    quiet = replace(SETTINGS, distil=replace(SETTINGS.distil, dev_fraction=0.0))
    looks = 9 * footprint.answer_seconds(SIZE, MACHINE, quiet, 8)  # at the start and after each step
    once = footprint.tune_seconds(SIZE, MACHINE, quiet, 20)
    assert once == pytest.approx(8 * 2 * 1.1206 + looks)
    kept = replace(quiet, tune=replace(quiet.tune, answers="base"))
    assert footprint.tune_seconds(SIZE, MACHINE, kept, 20) == pytest.approx(8 * 3 * 1.1206 + looks)


def test_an_answer_is_one_pass_over_the_prompt_and_one_a_token() -> None:
    # 42 tokens .084 + .0006; 6 of the answer and 8 of the number, each reads the weights
    assert footprint.answer_seconds(SIZE, MACHINE, SETTINGS, 1) == pytest.approx(0.0846 + 14 * 0.0046)


def test_disk_holds_what_is_fetched_what_is_written_and_a_checkpoint() -> None:
    # 20 * 4 answers * 6 tokens * 80 bytes; adapter and checkpoint 16 * 1e3
    assert _plan().disk == 2_000_000 + 38_400 + 16_000
    crossed = replace(SETTINGS, model=replace(SETTINGS.model, encoder="a/cross-encoder"))
    assert _plan(settings=crossed).disk - _plan().disk == 1_421_000_000


def test_a_stage_that_is_too_large_names_the_largest_batch_that_fits() -> None:
    # 1.004016e9 and, computed twice, 56 tokens * (26 * 10 + 200) values of 4 bytes an example: 515,200 for five
    tight = replace(MACHINE, memory=1_004_016_000 + 400_000)
    plan = _plan(tight)
    assert _need(plan, "tune").remedy == "tune.micro_batch 2"
    assert not plan.fits
    assert _plan().fits


def test_tuning_computes_each_layer_twice_where_there_is_no_room_to_keep_it() -> None:
    # 761,600 kept for five; twice: 515,200, and a third pass over 280 tokens in each of 8 steps
    plan = _plan(replace(MACHINE, memory=1_004_016_000 + 600_000))
    need, roomy = _need(plan, "tune"), _need(_plan(), "tune")
    assert need.memory == 1_004_016_000 + 515_200 and not need.remedy
    assert need.seconds - roomy.seconds == pytest.approx(8 * 1.1206)


def test_an_8b_model_is_tuned_on_24_gb_with_the_papers_settings() -> None:
    # Llama 3 8B: 32 layers of 4,096, vocabulary 128,256; LoRA of rank 64 on its attention
    llama = ModelSize("8B", 8_030_261_248, 32, 4096, 128_256, 2048, n_adapter=54_525_952, n_bytes=0)
    gpu = Machine("GPU", 24 * 10**9, 10**12, flops=1e14, bandwidth=1e12, launch=1e-5, bytes_a_weight=2)
    need = _need(footprint.plan(llama, gpu, Settings(), 1000), "tune")
    assert not need.remedy and 18e9 < need.memory < 21e9
    small = replace(gpu, memory=18 * 10**9 + 4 * 10**8)
    assert _need(footprint.plan(llama, small, Settings(), 1000), "tune").remedy.startswith("tune.micro_batch")


def test_a_quantised_base_keeps_its_tables_and_shrinks_the_rest() -> None:
    # two tables of 100 * 10 values at 4 bytes, 998,000 others at 0.52; the adapter's 1,000 at 4
    quantised = replace(SETTINGS, model=replace(SETTINGS.model, quantize="4bit"))
    assert footprint.weights(SIZE, MACHINE, quantised) == 8_000 + 518_960 + 4_000
    saved = 4 * 998_000 - 518_960
    for stage in ("label", "tune", "answer"):
        assert _need(_plan(), stage).memory - _need(_plan(settings=quantised), stage).memory == saved


def test_a_model_that_never_fits_says_how_much_memory_it_wants() -> None:
    # one question: 1.094856864e9 + 4 rows * (3,200 + 1,200) bytes
    plan = _plan(replace(MACHINE, memory=10**9))
    assert _need(plan, "label").remedy == "a smaller model, or 1.1 GB of memory"


def test_a_disk_that_is_too_small_does_not_fit() -> None:
    assert not _plan(replace(MACHINE, disk=1_000_000)).fits


def test_evaluation_and_further_tunings_are_planned_where_they_are_asked_for() -> None:
    assert [need.stage for need in _plan().needs] == ["label", "tune", "answer"]
    plan = _plan(n_measured=64, n_sweep=3)
    assert [need.stage for need in plan.needs] == ["label", "tune", "evaluate", "sweep", "answer"]
    assert _need(plan, "sweep").seconds == pytest.approx(3 * _need(plan, "tune").seconds)
    # sampling as in labelling, 2 batches of 32 asked 4 times more, 3 passages of 100 tokens read
    seconds = footprint.label_seconds(SIZE, MACHINE, SETTINGS, 64)
    seconds += 2 * 4 * footprint.answer_seconds(SIZE, MACHINE, SETTINGS, 32) + 64 * 300 * 2e6 / 1e9
    assert _need(plan, "evaluate").seconds == pytest.approx(seconds)


def test_shots_make_the_prompt_longer_until_the_model_is_tuned() -> None:
    shots = replace(SETTINGS, prompts=replace(SETTINGS.prompts, shots="Question: Who?\nAnswer: Ann\n" * 10))
    assert footprint.prompt_tokens(shots, has_shots=True) == 68 + 32  # 270 letters
    assert footprint.prompt_tokens(shots, has_shots=False) == 42
