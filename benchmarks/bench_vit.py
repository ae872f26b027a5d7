"""Speed and memory of a training step of `mssl.vit` against the same step in PyTorch.

The peer is written as one would write the model down: scores and softmax of shape (images,
patches, patches), gradients by autograd. Both sides draw their images the same way. PyTorch may use
all cores and ours uses one. As in a training run, steps follow one another in a process that does
nothing else: both sides ask for large arrays, and what one of them gives back to the system, or
keeps, would change the time of the other. Several such processes of each side are run in turn, by
the clock, so that a quiet machine is wanted. PyTorch is measured only where it is installed.
"""

import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from time import perf_counter

import numpy as np
import pytest
from measure import report
from threadpoolctl import ThreadpoolController

from mssl.vit import MAE, Contrastive, Parameters, PatchData

pytestmark = pytest.mark.bench

DATA = PatchData(196, 10, 98, 7, 0.5, 1.0, 0.5)
N_IMAGES = 64
ROUNDS, STEPS, WARM = 5, 40, 5
OBJECTIVES = {"MAE": MAE(), "contrastive": Contrastive(0.1, 1e-4)}
# Looking for the libraries takes longer than a step, so it is done once, as in a training run.
THREADS = ThreadpoolController()
objectives = pytest.mark.parametrize("name", OBJECTIVES)


def _state():
    rng = np.random.default_rng(0)
    P = DATA.n_patches
    return Parameters(
        0.3 * rng.normal(size=(P, DATA.n_clusters, DATA.n_areas)), 0.3 * rng.normal(size=(P, P))
    )


def _our_step(objective, at, images):
    with THREADS.limit(limits=1, user_api="blas"):
        return objective.loss_and_gradient(DATA, at, images)


def _torch_step(torch, objective, phi, upsilon, images):
    """Loss with `phi.grad` and `upsilon.grad` filled, plainly."""
    clusters = torch.tensor(images.clusters)
    strengths = torch.tensor(images.strengths, dtype=phi.dtype)
    areas = torch.tensor(np.array(DATA.areas))[clusters]
    one_hot = torch.nn.functional.one_hot(areas, DATA.n_areas).to(phi.dtype)
    X = one_hot * torch.gather(strengths, 1, areas)[:, :, None]

    def outputs(view):
        masked = X * torch.tensor(images.visible[view])[:, :, None]
        scores = torch.einsum("pbm,bqm->bpq", phi[:, clusters], masked) + upsilon
        return torch.softmax(scores, dim=-1) @ masked

    phi.grad = upsilon.grad = None
    F = outputs(0)
    if isinstance(objective, MAE):
        hidden = ~torch.tensor(images.visible[0])
        loss = 0.5 * (((F - X) ** 2).sum(-1) * hidden).sum() / len(images)
    else:
        with torch.no_grad():
            other = outputs(1).mean(1)
        same = clusters[:, None] == clusters
        logits = (F.mean(1) @ other.T) * same / objective.temperature
        loss = torch.nn.functional.cross_entropy(logits, torch.arange(len(images)))
        penalty = (phi**2).sum() + (upsilon**2).sum()
        loss = loss + 0.5 * objective.regularization * penalty
    loss.backward()
    return loss.detach()


def _seconds(name, precision):
    """Median seconds of a step of ours or (with a precision) of PyTorch, in this process."""
    objective, at, rng = OBJECTIVES[name], _state(), np.random.default_rng(1)
    torch, phi, upsilon = None, None, None
    if precision:
        torch = import_module("torch")
        start = (torch.tensor(a, dtype=getattr(torch, precision)) for a in (at.phi, at.upsilon))
        phi, upsilon = (a.requires_grad_() for a in start)
    times = np.empty(STEPS)
    for k in range(STEPS):
        start = perf_counter()
        images = DATA.draw(N_IMAGES, rng, views=objective.views)
        if precision:
            _torch_step(torch, objective, phi, upsilon, images)
        else:
            _our_step(objective, at, images)
        times[k] = perf_counter() - start
    return np.median(times[WARM:])


def _fresh(name, precision):
    """The same in a process that has done nothing else."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_seconds, name, precision).result()


@objectives
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_step_against_pytorch(benchmark, capsys, name, precision):
    torch = pytest.importorskip("torch")
    objective, at = OBJECTIVES[name], _state()
    dtype = getattr(torch, precision)
    phi, upsilon = (torch.tensor(a, dtype=dtype, requires_grad=True) for a in (at.phi, at.upsilon))
    images = DATA.draw(N_IMAGES, 1, views=2)
    loss, gradient = _our_step(objective, at, images)
    tolerance = 1e-10 if precision == "float64" else 1e-4
    assert float(_torch_step(torch, objective, phi, upsilon, images)) == pytest.approx(
        loss, rel=tolerance
    )
    for ours, theirs in ((gradient.phi, phi.grad), (gradient.upsilon, upsilon.grad)):
        assert np.abs(ours - theirs.numpy()).max() <= tolerance * np.abs(ours).max()

    benchmark.pedantic(lambda: _our_step(objective, at, images), rounds=10, warmup_rounds=1)
    times = [[_fresh(name, kind) for kind in ("", precision)] for _ in range(ROUNDS)]
    ours, theirs = np.median(times, axis=0)
    text = f"PyTorch step in {precision} / step, {name}, P=196, 64 images, K=10, by the clock"
    # Ours always works in double precision; a peer in single precision does half the work.
    report(benchmark, capsys, text, theirs / ours, 5 if precision == "float64" else 2, "at least")


@objectives
def test_memory(benchmark, capsys, name):
    objective, at = OBJECTIVES[name], _state()
    images = DATA.draw(N_IMAGES, 1, views=2)
    _our_step(objective, at, images)
    tracemalloc.start()
    _our_step(objective, at, images)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    benchmark.pedantic(lambda: _our_step(objective, at, images), rounds=5)
    text = f"peak memory of a step in megabytes, {name}, P=196, 64 images, K=10"
    report(benchmark, capsys, text, peak / 1e6, 200, "at most")
