"""What this machine has to run a model with: its device's free memory, and what a burst of under a second measures."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import torch

from uait.models.loading import choose_device
from uait.records.plans import Machine

_SIDE = {"cpu": 1024, "cuda": 8192, "mps": 2048}  # of the matrices multiplied
_N_READ = {"cpu": 2**25, "cuda": 2**30, "mps": 2**28}  # values read once for the bandwidth: more than any cache holds
_N_CALLS, _SECONDS = 200, 0.2


def measure(device_name: str, place: Path) -> Machine:
    """The device, free memory and disk at `place`, and how fast it multiplies, reads and is called right now."""
    device = choose_device(device_name)
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    side, n_read = _SIDE[device.type], _N_READ[device.type]
    matrix = torch.ones(side, side, dtype=dtype, device=device)
    flops = 2 * side**3 / _fastest(lambda: matrix @ matrix, device)
    long = torch.ones(n_read // side, side, dtype=dtype, device=device)
    bandwidth = long.nbytes / _fastest(lambda: long @ matrix[0], device)
    one = torch.ones(1, device=device)

    def called() -> None:
        for _ in range(_N_CALLS):
            one.add(one)

    launch = _fastest(called, device) / _N_CALLS
    disk = shutil.disk_usage(next(folder for folder in (place, *place.absolute().parents) if folder.is_dir())).free
    names = {"cpu": f"CPU, {torch.get_num_threads()} threads", "mps": "Apple GPU"}
    name = names.get(device.type) or torch.cuda.get_device_name(device)
    return Machine(name, _free_memory(device), disk, flops, bandwidth, launch, dtype.itemsize)


def _fastest(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of the fastest of some repetitions: what else the machine does makes others slower."""
    work()
    best, end = float("inf"), time.perf_counter() + _SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        work()
        if device.type != "cpu":
            torch.accelerator.synchronize()
        best = min(best, time.perf_counter() - start)
    return best


def _free_memory(device: torch.device) -> int:
    """Bytes: of a GPU what nobody uses; else what the system can give, or the container allows, whichever is less."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    system = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if (meminfo := Path("/proc/meminfo")).is_file():
        rows = (line.split() for line in meminfo.read_text().splitlines())
        system = next((1024 * int(row[1]) for row in rows if row[0] == "MemAvailable:"), system)
    limit = Path("/sys/fs/cgroup/memory.max")
    allowed = limit.read_text().strip() if limit.is_file() else "max"
    return system if allowed == "max" else min(system, int(allowed))
