"""What a run will need: the size of a model, what a machine has and how fast it is, and what each stage takes of it.

Memory and disk in bytes, time in seconds, throughput in floating-point operations and bytes a second.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelSize:
    """A model as its configuration alone tells it; no weight is read.

    `cache_width` is the number of values that one token adds to the cache of one layer, keys and values together.
    `n_adapter` counts the parameters of the LoRA adapter that the settings describe. `n_bytes` is what is to be
    fetched, 0 for a model that is on this machine.
    """

    name: str
    n_parameters: int
    n_layers: int
    hidden: int
    vocabulary: int
    cache_width: int
    n_adapter: int
    n_bytes: int


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to work with: free memory of the device, free disk, and what a short burst measured.

    `flops` of a matrix product in the precision that models run in here, `bandwidth` of reading a large matrix once,
    `launch` the seconds that the smallest operation takes.
    """

    device: str
    memory: int
    disk: int
    flops: float
    bandwidth: float
    launch: float
    bytes_a_weight: int


@dataclass(frozen=True, slots=True)
class Need:
    """What one stage takes at its peak; `remedy` says what would make it fit, empty where it does."""

    stage: str
    memory: int
    seconds: float
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will need on this machine, stage by stage, and what that was reckoned from."""

    size: ModelSize
    machine: Machine
    n_questions: int
    needs: tuple[Need, ...]
    disk: int
    assumptions: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether every stage fits into memory, and all files onto the disk."""
        return self.disk <= self.machine.disk and not any(need.remedy for need in self.needs)


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a model works on a machine, in seconds, as a short burst or a recorded run has measured it.

    `loading` the libraries and the model; `sampled` a question, asked `n_samples` times and scored; `answered` a
    question, asked once; `preparing` an adapter to be tuned; `learnt` an example, in one step.
    """

    loading: float
    sampled: float
    n_samples: int
    answered: float
    preparing: float
    learnt: float
