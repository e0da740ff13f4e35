"""A benchmark command around a benchmark of one number."""

from typer.testing import CliRunner

from gradveil.cli import bench as command


def one_number(monkeypatch, name, cell):
    """Calls the command `name` with a benchmark that measures 1.5; `plans` are the plans it was given."""
    plans, ends = [], []

    def measured(plan, samples, progress):
        plans.append(plan)
        progress(0, 1)
        samples.add(cell, 1.5)
        for failure in ends:
            raise failure

    def invoke(*arguments, failure=None):
        ends[:] = [failure] if failure else []
        return CliRunner().invoke(command.bench, [name, *map(str, arguments)])

    monkeypatch.setattr(f"gradveil.bench.{name}.run_{name}", measured)
    invoke.plans = plans
    return invoke
