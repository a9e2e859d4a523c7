from argparse import Namespace
from dataclasses import fields, replace
from pathlib import Path

import pytest

from uait.cli.arguments import Parser, add_flags, starting_settings, with_flags
from uait.data.catalogue import preset
from uait.data.presets import paper
from uait.records.errors import DataError, SettingsError
from uait.runs.folder import RunFolder
from uait.settings import DistilSettings, LabelSettings, ModelSettings, SamplingSettings, Settings

STAGES = ("model", "sampling", "label", "distil", "tune", "answer", "retrieval", "evaluate")


def parse(*argv: str, stages: tuple[str, ...] = STAGES, settings: Settings | None = None) -> Settings:
    settings = settings or Settings()
    parser = Parser(prog="prog", allow_abbrev=False)
    add_flags(parser, settings, stages)
    return with_flags(settings, parser.parse_args(argv))


def flags(*stages: str) -> set[str]:
    parser = Parser(prog="prog")
    add_flags(parser, Settings(), stages)
    return set(parser._option_string_actions) - {"-h", "--help"}


def test_without_flags_the_settings_stay_as_they_were() -> None:
    assert parse(settings=preset("pocket")) == preset("pocket")


def test_every_field_of_a_stage_has_its_flag() -> None:
    assert flags("sampling") == {"--n-samples", "--temperature", "--max-new-tokens", "--batch-size", "--seed"}
    assert len(flags(*STAGES)) == sum(len(fields(getattr(Settings(), s))) for s in STAGES) + 1  # + --no-balance


def test_a_flag_sets_its_field_and_no_other() -> None:
    wanted = replace(Settings(), sampling=SamplingSettings(n_samples=8, temperature=0.75))
    assert parse("--n-samples", "8", "--temperature", "0.75") == wanted


def test_a_name_of_two_stages_carries_its_stage() -> None:
    assert {"--sampling-seed", "--tune-seed"} <= flags("sampling", "tune")
    assert "--seed" not in flags("sampling", "tune")
    settings = parse("--tune-seed", "7", stages=("sampling", "tune"))
    assert (settings.sampling.seed, settings.tune.seed) == (10, 7)


def test_none_switches_an_optional_field_off() -> None:
    assert parse("--keep-right-from", "none").distil.keep_right_from is None
    assert parse("--max-steps", "20").tune.max_steps == 20


def test_a_switch_can_be_turned_on_and_off() -> None:
    balanced = replace(Settings(), distil=DistilSettings(balance=True))
    assert parse("--balance") == balanced
    assert parse("--no-balance", settings=balanced) == Settings()


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["--n-samples", "0"], "sampling.n_samples is 0; choose a value from 1 to 100."),
        (["--temperature", "nan"], "sampling.temperature is nan; choose a value from 0.01 to 5.0."),
        (["--n-samples", "two"], "argument --n-samples: 'two' is no whole number; see `prog --help`."),
        (["--n-samples", "none"], "argument --n-samples: 'none' is no whole number; see `prog --help`."),
        (["--threshold", "high"], "argument --threshold: 'high' is no number, nor 'none'; see `prog --help`."),
        (["--temp", "1"], "unrecognized arguments: --temp 1; see `prog --help`."),
    ],
)
def test_a_wrong_value_is_one_sentence(argv: list[str], sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse(*argv)
    assert str(caught.value) == sentence


def test_a_wrong_choice_names_the_choices() -> None:
    with pytest.raises(SettingsError, match=r"--calibrate: invalid choice: 'linear'.*none.*isotonic.*platt"):
        parse("--calibrate", "linear")


def test_help_says_meaning_range_and_default() -> None:
    parser = Parser(prog="prog")
    add_flags(parser, preset("pocket"), STAGES)
    text = " ".join(parser.format_help().split())
    assert "high more varied ones (0.01 to 5, default 1)" in text  # the pocket model's own default
    assert "('none' keeps all) (0 to 1, default 0.5)" in text
    assert "--calibrate none|isotonic|platt" in text
    assert "as many right as wrong examples (default no)" in text


def test_defaults_follow_the_model() -> None:
    assert starting_settings(["ask", "Who?"]) == preset("pocket")
    assert starting_settings(["ask", "Who?", "--model", "org/name"]) == preset("org/name")
    assert starting_settings(["ask", "--model=org/name"]).sampling.temperature == 0.5


def test_defaults_follow_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UAIT_MODEL", "org/name")
    monkeypatch.setenv("UAIT_ADAPTER", "someone/adapter")
    model = starting_settings(["ask", "Who?"]).model
    assert (model.model, model.adapter) == ("org/name", "someone/adapter")
    assert starting_settings(["ask", "--model", "other/name"]).model.adapter == "someone/adapter"


def test_a_run_goes_on_with_what_it_was_made_with(tmp_path: Path) -> None:
    sampling, model = SamplingSettings(n_samples=7), ModelSettings(model="org/name")
    made = replace(preset("org/name"), sampling=sampling, model=model, label=LabelSettings(t=0.5))
    RunFolder(tmp_path).save_settings(made, ("prompts", "model", "sampling"))
    settings = starting_settings(["tune", "--run", str(tmp_path)])
    assert settings == replace(made, label=LabelSettings())  # label was not saved, so its default holds


def test_a_new_run_starts_from_the_preset(tmp_path: Path) -> None:
    assert starting_settings(["label", "--run", str(tmp_path / "new")]) == preset("pocket")


def test_another_model_than_the_runs_stays_visible_as_a_conflict(tmp_path: Path) -> None:
    argv = ["label", "--run", str(tmp_path), "--model", "org/other"]
    folder = RunFolder(tmp_path)
    folder.save_settings(preset("org/name"), ("prompts", "model"))
    chosen = with_flags(starting_settings(argv), Namespace(**{"model.model": "org/other"}))
    with pytest.raises(DataError, match=r"made with model\.model = 'org/name', not 'org/other'"):
        folder.save_settings(chosen, ("prompts", "model"))


def test_a_broken_run_is_named(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"sampling": {"k": 3}}')
    with pytest.raises(SettingsError, match=r"sampling\.k is no setting"):
        starting_settings(["label", "--run", str(tmp_path)])


def test_the_papers_settings_stand_over_a_models_and_a_runs(tmp_path: Path) -> None:
    assert starting_settings(["label", "q.jsonl", "--preset", "paper"]) == paper(preset("pocket"))
    RunFolder(tmp_path).save_settings(preset("pocket"), ("prompts", "model", "sampling"))
    settings = starting_settings(["label", "q.jsonl", "--run", str(tmp_path), "--preset", "paper"])
    assert settings == paper(preset("pocket"))
    with pytest.raises(DataError, match=r"was made with sampling\.temperature = 1\.0, not 0\.5"):
        RunFolder(tmp_path).save_settings(settings, ("sampling",))
