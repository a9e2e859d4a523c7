"""An adapter's folder: whose it is, and the card: made from what, measured how, trusted from which confidence on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from uait import __version__
from uait.data.files import data_hash, read_json, write_json
from uait.data.json import from_json, to_json
from uait.models.language_model import LanguageModel
from uait.records import Adapter, DistilledSet, Origin, ThresholdChoice
from uait.records.errors import DataError, ModelError, TrainingError
from uait.settings import Settings, TuneSettings, to_dict

_TAUGHT = {
    "paper": "It learnt answer and number, which comes from how much the base model's own samples agree (SAR).",
    "hearing": "The base model answers; behind the percentile of its answer's probability the adapter says the number. "
    "It learnt how much the base model's own samples agree (SAR).",
    "told": "The base model answers; behind the percentile of its answer's probability the adapter says the number. "
    "It learnt which answers were right.",
}
_MERGING = {
    "paper": "`PeftModel.from_pretrained(base, folder).merge_and_unload()` makes one model of both.",
    "hearing": "It wakes only behind the answer, so it stays beside its base: merged, it would change the answers too.",
    "told": "It wakes only behind the answer, so it stays beside its base: merged, it would change the answers too.",
}
CARD, README, _RUN = "card.json", "README.md", "run.json"
_STARTED = "adapter to start from"


def read_card(path: Path | str) -> Adapter:
    """The adapter in the folder `path`, as its card describes it.

    Raises ModelError when there is no card, and DataError when it is broken.
    """
    file = Path(path) / CARD
    if not file.is_file():
        raise ModelError(f"The adapter folder {str(path)!r} has no {CARD}; name a folder where tuning finished.")
    data = read_json(file)
    fields = {key: value for key, value in data.items() if key != "package_version"} if isinstance(data, dict) else {}
    try:
        adapter = from_json(Adapter, {**fields, "path": str(path)})
        _check_threshold(adapter.threshold)
    except DataError as err:
        raise DataError(f"{file} is no adapter's card: {err} Restore it from a copy, or tune again.") from err
    return adapter


def save_threshold(adapter_path: Path | str, choice: ThresholdChoice, metrics: dict[str, Any] | None = None) -> Adapter:
    """The adapter with this choice as its threshold, and these metrics beside the old ones, on its card.

    A choice without a threshold leaves none: the default then stands, and the card says why.
    """
    adapter = read_card(adapter_path)
    adapter = replace(adapter, threshold=choice.value, chosen=choice, metrics={**adapter.metrics, **(metrics or {})})
    write_card(adapter, with_readme=(Path(adapter_path) / README).is_file())
    return adapter


def claim(
    settings: Settings, lm: LanguageModel, distilled: DistilledSet, out: Path, origin: Origin | None = None
) -> None:
    """Makes `out` the folder of this tuning. Raises TrainingError when it is that of another one."""
    if out.exists() and not out.is_dir():
        raise TrainingError(f"{out} is a file; tuning needs a folder of its own. Choose another name.")
    identity = {**_identity(settings, lm, distilled), _STARTED: origin and origin.sha256}
    if not (out / _RUN).exists():
        if (out / CARD).exists():
            raise TrainingError(f"{out} holds an adapter of unknown making; choose another folder, or delete it.")
        write_json(out / _RUN, identity)
    _compare(out, identity)


def publish(
    settings: Settings,
    tuned: LanguageModel,
    distilled: DistilledSet,
    metrics: dict[str, Any],
    out: Path,
    origin: Origin | None = None,
) -> None:
    """Puts the adapter, a model card and, last of all, the card into the adapter's folder."""
    made_with = replace(settings, model=replace(settings.model, model=tuned.model_id, adapter="none"))
    data = _identity(settings, tuned, distilled)["data_hash"]
    edges = None if tuned.hears is None else tuned.hears.edges
    adapter = Adapter(str(out), tuned.model_id, data, to_dict(made_with), metrics, level_edges=edges, origin=origin)
    tuned.save_adapter(out)
    write_card(adapter, with_readme=True)


def _identity(settings: Settings, lm: LanguageModel, distilled: DistilledSet) -> dict[str, Any]:
    """All that the adapter depends on, by name: a tuning goes on only when nothing of it has changed."""
    return {"data_hash": data_hash((distilled.train, distilled.dev)), **_made_with(settings, lm)}


def _made_with(settings: Settings, lm: LanguageModel) -> dict[str, Any]:
    made = to_dict(settings.tune).items()
    tune = {f"tune.{name}": value for name, value in made if name != "micro_batch"}  # it changes memory, not the result
    return {"base_model_id": lm.model_id, "prompts.question": lm.prompts.question, **tune}


def _compare(out: Path, identity: dict[str, Any]) -> None:
    # a setting that came later was at its default
    saved = {**{f"tune.{name}": value for name, value in to_dict(TuneSettings()).items()}, **read_json(out / _RUN)}
    for name, value in identity.items():
        if saved.get(name) != value:
            what = "other examples: their data_hash" if name == "data_hash" else f"another {name}: it"
            raise TrainingError(
                f"{out} holds a tuning with {what} is {saved.get(name)!r:.80}, not {value!r:.80}. "
                "Use the same again, or choose another folder."
            )


def write_card(adapter: Adapter, *, with_readme: bool = False) -> None:
    """Writes the card into the adapter's folder, with the package's version; the path itself stays out of it.

    `with_readme` puts the same beside it in words, of an adapter that `publish` made.
    """
    if with_readme:
        (Path(adapter.path) / README).write_text(_model_card(adapter), encoding="utf-8")
    card = {name: value for name, value in to_json(adapter).items() if name != "path"}
    write_json(Path(adapter.path) / CARD, {**card, "package_version": __version__})


def _check_threshold(threshold: float | None) -> None:
    if threshold is not None and not 0.0 <= threshold <= 1.0:
        raise DataError(f"The threshold is {threshold}; it must lie between 0 and 1.")


def _trusted(adapter: Adapter) -> str:
    chosen = adapter.chosen
    if chosen is None:
        return "No threshold was chosen." if adapter.threshold is None else f"Trusted from {adapter.threshold:.1%} on."
    if chosen.value is None:
        return f"No threshold was chosen: {chosen.reason}."
    return f"Trusted from {chosen.value:.1%} on, chosen by {chosen.n} answers ({chosen.source})."


def _started(adapter: Adapter) -> str:
    """A line of the model card; nothing where the adapter began afresh."""
    origin = adapter.origin
    if origin is None:
        return ""
    return f"""
- Started from {origin.adapter} (SHA-256 of its weights {origin.sha256[:12]}, of the data it had learnt from
  {origin.data_hash[:12]}): what it knew before is in its weights, too."""


def _model_card(adapter: Adapter) -> str:
    tune, metrics = adapter.settings["tune"], adapter.metrics
    on_dev = "" if metrics["eval_loss"] is None else f", {metrics['eval_loss']:.3f} on {metrics['n_dev']} unseen ones"
    recipe = tune.get("recipe", "paper")
    answers = " The answers stayed as the base model's." if tune.get("answers") == "base" else ""
    return f"""---
base_model: {adapter.base_model_id}
library_name: peft
pipeline_tag: text-generation
---

# UaIT adapter for {adapter.base_model_id}

A LoRA adapter made by Uncertainty-aware Instruction Tuning: with it the model answers a question and says how sure it
is, as in `Paris; 93.1%`. {_TAUGHT[recipe]}

- Examples: {metrics["n_train"]} to learn from (SHA-256 of the data {adapter.data_hash[:12]}).{_started(adapter)}
- LoRA: rank {tune["rank"]}, alpha {tune["alpha"]}, dropout {tune["dropout"]}, layers: {tune["targets"]}.
- Tuning: {metrics["n_steps"]} steps of {tune["batch_size"]} examples, peak learning rate {tune["learning_rate"]},
  seed {tune["seed"]}; loss in the last epoch {metrics["train_loss"]:.3f}{on_dev}.
- Recipe: {recipe}.{answers}
- {_trusted(adapter)}
- Limits: it is sure or unsure as its base model is, about questions like those it was tuned on.

To ask it: `python -m uait ask --model {adapter.base_model_id} --adapter FOLDER`, with the folder that holds this file
or the hub's name of it. {_MERGING[recipe]}
`hf upload USER/NAME FOLDER` puts it on the hub as it stands, under your own account.

`card.json` holds all settings and measurements.
"""
