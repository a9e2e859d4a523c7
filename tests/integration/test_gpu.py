"""The whole path on a CUDA GPU, beside the CPU, which shows everywhere that the tests themselves work.

`python -m pytest -m gpu` runs what needs the GPU; without one it is skipped, with the reason.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests import throughput
from tests.fakes import FakeSimilarity
from uait.models.language_model import LanguageModel
from uait.models.loading import load_model
from uait.records import Label, Question
from uait.records.events import last_record
from uait.runs.folder import RunFolder
from uait.settings import DistilSettings, ModelSettings, SamplingSettings, Settings, TuneSettings
from uait.stages.ask import ask
from uait.stages.distil import distil
from uait.stages.engines import Engines, with_adapter
from uait.stages.label import label
from uait.stages.tune import tune

NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA GPU here")
CUDA = pytest.param("cuda", marks=[pytest.mark.gpu, NO_GPU])
QUESTIONS = [
    Question("france", "What is the capital of France?", ("Paris; 93.1%",)),
    Question("peru", "What is the capital of Peru?", ("Lima; 47.0%",)),
    Question("faust", "Who wrote Faust?", ("Schiller",)),
    Question("planet", "Which is the largest of all the planets in the solar system?", ("Saturn",)),
]


@pytest.fixture
def engines_on(taught_lm: LanguageModel, taught_folder: Path) -> Callable[[str], Engines]:
    settings = Settings(
        prompts=taught_lm.prompts,
        sampling=SamplingSettings(n_samples=3, temperature=1.0, max_new_tokens=20, batch_size=2),
        distil=DistilSettings(keep_right_from=None, keep_wrong_below=None, dev_fraction=0.0, held_out_fraction=0.0),
        tune=TuneSettings(rank=4, alpha=8, batch_size=4, micro_batch=2, max_steps=2),
    )

    def engines(device: str) -> Engines:
        chosen = replace(settings, model=ModelSettings(model=str(taught_folder), adapter="none", device=device))  # type: ignore[arg-type]
        return Engines(load_model(chosen), FakeSimilarity(), (), chosen, threshold=0.5)

    return engines


@pytest.mark.parametrize("device", ["cpu", CUDA])
def test_a_question_goes_the_whole_way(engines_on: Callable[[str], Engines], tmp_path: Path, device: str) -> None:
    engines, folder = engines_on(device), RunFolder(tmp_path)
    labels = last_record(label(engines, QUESTIONS, folder))
    assert [one.question.id for one in labels] == ["france", "peru", "faust", "planet"]
    last_record(distil(engines.settings, folder))
    adapter = last_record(tune(engines.settings, folder))
    tuned = with_adapter(engines, Path(adapter.path))
    assert next(iter(tuned.lm.adapter_weights().values())).device.type == device
    reply = last_record(ask(tuned, QUESTIONS[0].text, when_unsure="abstain"))
    assert reply.first.sample.token_ids


@pytest.mark.gpu
@NO_GPU
def test_cpu_and_gpu_agree_on_sar_in_32_bit(engines_on: Callable[[str], Engines], tmp_path: Path) -> None:
    def labels(device: str) -> list[Label]:
        engines = engines_on(device)
        engines.lm.model.float()
        return last_record(label(engines, QUESTIONS, RunFolder(tmp_path / device)))

    for here, there in zip(labels("cpu"), labels("cuda"), strict=True):
        assert there.samples == here.samples
        assert there.sar == pytest.approx(here.sar, abs=1e-3)


def test_throughput_is_measured_as_a_table() -> None:
    about, *table = throughput.main(["--tiny"])
    assert "billion parameters" in about
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    assert [row[:2] for row in rows[2:]] == [["label, K = 5", n] for n in "12"] + [["answer", n] for n in "12"]
    assert all(float(row[2]) > 0 and float(row[3]) > 0 and float(row[5]) > 0 for row in rows[2:])


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_a_7b_model_is_not_measured_on_a_cpu() -> None:
    with pytest.raises(SystemExit, match="PyTorch finds none here; --tiny"):
        list(throughput.main([]))
