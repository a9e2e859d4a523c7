"""What labelling, tuning and answering will take, before anything is fetched or loaded.

In: settings, how many questions. Out: a Plan, from the model's configuration and a short measurement of this machine.
"""

from uait.method.footprint import plan as reckoned
from uait.models.language_model import LanguageModel
from uait.models.machine import measure
from uait.models.size import bytes_to_fetch, cache_width, empty_model
from uait.records.plans import ModelSize, Plan
from uait.settings import Settings, TuneSettings, cache_folder
from uait.tuning.targets import lora_targets


def plan(settings: Settings, n: int, n_measured: int = 0, n_sweep: int = 0) -> Plan:
    """What `n` questions to label and tune on take here, and one answer after that.

    With `n_measured` also the evaluation of so many questions, with `n_sweep` so many tunings more. Raises ModelError
    when the model's configuration can't be had, TrainingError when no adapter fits the model.
    """
    size = size_of(settings)
    return reckoned(size, measure(settings.model.device, cache_folder()), settings, n, n_measured, n_sweep)


def size_of(settings: Settings) -> ModelSize:
    """The model's size, and that of the adapter which these settings would tune."""
    lm = empty_model(settings)
    config = lm.model.config.get_text_config()
    return ModelSize(
        settings.model.model, lm.weights.n_parameters, config.num_hidden_layers, config.hidden_size,
        config.vocab_size, cache_width(lm), _n_adapter(lm, settings.tune), bytes_to_fetch(lm),
    )  # fmt: skip


def _n_adapter(lm: LanguageModel, tune: TuneSettings) -> int:
    """Two matrices beside each target of m x n: r (m + n) parameters. Source: LoRA, Hu et al. 2021."""
    return sum(tune.rank * sum(lm.model.get_submodule(name).weight.shape) for name in lora_targets(lm, tune))
