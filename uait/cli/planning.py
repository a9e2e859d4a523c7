"""A plan as the command line and the reproduction's report say it. Record in, lines out."""

from uait.cli.terminal import table
from uait.records.plans import Plan


def plan_lines(plan: Plan) -> list[str]:
    """The model, this machine, what each stage takes of it, and what that was reckoned from."""
    size, machine = plan.size, plan.machine
    fetched = f"{gigabytes(size.n_bytes)} to fetch" if size.n_bytes else "on this machine"
    rows = [("stage", "memory", "time", "fits")]
    rows += [
        (need.stage, gigabytes(need.memory), duration(need.seconds), f"with {need.remedy}" if need.remedy else "yes")
        for need in plan.needs
    ]
    disk = "" if plan.disk <= machine.disk else f"; free {gigabytes(plan.disk - machine.disk)} first"
    return [
        f"model       {size.name}: {count(size.n_parameters)} parameters in {size.n_layers} layers, {fetched}; "
        f"its adapter {count(size.n_adapter)}",
        f"machine     {machine.device}: {gigabytes(machine.memory)} of memory free, measured "
        f"{machine.flops / 1e12:.2f} TFLOP/s and {machine.bandwidth / 1e9:.0f} GB/s",
        f"questions   {plan.n_questions} to label and tune on",
        "",
        *table(rows),
        "",
        f"disk        {gigabytes(plan.disk)} of {gigabytes(machine.disk)} free{disk}",
        *(f"assumed     {assumption}" for assumption in plan.assumptions),
    ]


def gigabytes(n: int) -> str:
    """So many bytes, in gigabytes of 10^9."""
    return f"{n / 1e9:.1f} GB"


def count(n: int) -> str:
    """A number of parameters, in millions or billions."""
    return f"{n / 1e9:.2f} billion" if n >= 1e9 else f"{n / 1e6:.2f} million"


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.1f} s"
