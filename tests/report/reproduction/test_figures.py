"""Every reported figure is answered by an audit of its suite, and says where it was read."""

import math

import pytest

from gradveil.audit.plan import choices
from gradveil.audit.toml import load_suite
from gradveil.report.reproduction import load_papers
from gradveil.report.reproduction.compare import root_psnr

PAPERS = load_papers("seeds")
FIGURES = [figure for paper in PAPERS for figure in paper.figures]
SUITE = load_suite("seeds")
PLAIN = {"defense", "attack", "train_steps"}


def test_three_papers_with_sources():
    assert [paper.title.partition(" et al.")[0] for paper in PAPERS] == ["Balunovic", "Fan", "Ren"]
    assert all(paper.source and paper.differs and paper.figures for paper in PAPERS)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.what)
def test_an_audit_of_the_suite_answers_it(figure):
    config = SUITE[figure.run]
    fitting = [one for one in choices(config) if one.name == figure.match["defense"]]
    for name in figure.match.keys() - PLAIN:
        fitting = [one for one in fitting if one.knobs[name.removeprefix("knobs.")] == figure.match[name]]
    assert len(fitting) == 1
    assert figure.match.get("train_steps", config.train_steps[0]) in config.train_steps
    assert (figure.quantity == "accuracy") == ("attack" not in figure.match)
    assert figure.match.get("attack", config.attacks[0]) in config.attacks


def test_a_figure_over_several_states_of_training_names_one():
    for figure in FIGURES:
        assert len(SUITE[figure.run].train_steps) == 1 or "train_steps" in figure.match


def test_the_root_variant_is_that_of_the_published_code():
    assert root_psnr(1.0) == pytest.approx(24.07, abs=0.01)  # black against white
    reported_rmse, reported_psnr = 140.87, 26.64  # LeNet, MNIST, with a lock; table 6
    assert root_psnr((reported_rmse / 255) ** 2) == pytest.approx(reported_psnr, abs=0.01)
    assert 20 * math.log10(255 / reported_rmse) == pytest.approx(5.2, abs=0.1)
