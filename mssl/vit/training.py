"""Gradient descent from zero, seeded and resumable, with a history."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from ..exceptions import ConvergenceError
from ..validation import as_generator, positive, positive_integer, require_writable, true_or_false
from .checks import of_kind, step_set
from .data import PatchData
from .history import History, Readout
from .model import Attention, Parameters
from .objectives import Objective

__all__ = ["DivergenceError", "TrainingHistory", "train"]

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class TrainingHistory(History):
    r"""The course of a training run.

    Attributes
    ----------
    steps : ndarray of int, shape (n_times,)
        Gradient steps taken at each recorded moment.
    upsilon_own, upsilon_global : ndarray of shape (n_times,)
        Mean :math:`\Upsilon_{p \to q}` of local patches p with other patches q of their own area,
        and with patches q of the global area.
    batch_losses : ndarray of shape (n_steps,)
        Loss of each training batch, before its step.
    snapshots : dict of int to Parameters
        The states that were asked for, by step.
    parameters : Parameters
        The last state; after a divergence, the last one at which the loss was finite.
    """

    steps: Array
    upsilon_own: Array
    upsilon_global: Array
    batch_losses: Array
    snapshots: dict[int, Parameters]
    parameters: Parameters


class DivergenceError(ConvergenceError):
    """The loss ceased to be finite; the message says after which step.

    Attributes
    ----------
    history : TrainingHistory
        The run up to its last good state, which is ``history.parameters``.
    """

    def __init__(self, message: str, history: TrainingHistory):
        super().__init__(message)
        self.history = history


def train(
    data: PatchData,
    objective: Objective,
    steps: int,
    learning_rate: float,
    batch_size: int,
    rng,
    *,
    freeze_positions: bool = False,
    record_every: int | None = None,
    evaluation_batches: int = 8,
    snapshots: Iterable[int] = (),
    checkpoint: str | os.PathLike | None = None,
    checkpoint_every: int = 100,
    progress: bool = False,
) -> TrainingHistory:
    r"""Train the one-layer transformer from W = 0 by stochastic gradient descent.

    .. math:: (\Phi, \Upsilon)_{s+1} = (\Phi, \Upsilon)_s - \eta\, \nabla L_{B_s},
              \qquad t_s = \eta\, s

    Parameters
    ----------
    data : PatchData
        The images.
    objective : Objective
        :class:`MAE`, :class:`Contrastive` or :class:`Combined`.
    steps : int
        Number of gradient steps.
    learning_rate : float
        :math:`\eta > 0`.
    batch_size : int
        Fresh images in each step.
    rng : numpy.random.Generator or int
        Source of randomness, or its seed.
    freeze_positions : bool, default=False
        Keep :math:`\Upsilon` at 0, as the mean field does.
    record_every : int, optional
        Steps between records; by default a hundredth of `steps`, or 1. The first and the last
        state are always recorded.
    evaluation_batches : int, default=8
        Batches on which loss and attention are recorded: drawn once, the same at every record, and
        never trained on.
    snapshots : iterable of int
        Steps whose parameters are kept.
    checkpoint : path, optional
        File to which the state is written now and then, and from which an interrupted run
        continues, also to more steps than before. The result is bitwise that of an uninterrupted
        run with the same arguments. What the file does not hold is refused: a record or a
        snapshot of a step before its own that was not asked for then.
    checkpoint_every : int, default=100
        Steps between writes.
    progress : bool, default=False
        Show a progress bar on standard error.

    Returns
    -------
    TrainingHistory

    Raises
    ------
    ValueError
        For arguments out of range, or a checkpoint of another run or without a record or a
        snapshot that is asked for.
    DivergenceError
        When the loss or its gradient is not finite. Its `history` ends with the last good state,
        and the checkpoint, if there is one, holds that state too.

    Notes
    -----
    Recorded attention is averaged over queries that are masked while their own area has a visible
    patch, for every objective alike. Linear algebra runs on one thread: the products are too small
    to gain from more, and the result then does not depend on their number.

    Examples
    --------
    >>> from mssl.vit import MAE, PatchData, train
    >>> data = PatchData(20, 2, 8, 4, 0.5, 1.0, 0.5)
    >>> history = train(data, MAE(), steps=50, learning_rate=2.0, batch_size=16, rng=0)
    >>> bool(history.loss[-1] < history.loss[0])
    True
    """
    of_kind(data, PatchData, "data", "a PatchData")
    of_kind(objective, Objective, "objective", "an objective such as MAE() or Contrastive(0.1)")
    steps = positive_integer(steps, "steps")
    rate = positive(learning_rate, "learning_rate")
    batch_size = objective.check_batch(batch_size)
    freeze_positions = true_or_false(freeze_positions, "freeze_positions")
    progress = true_or_false(progress, "progress")
    plan = _plan_of(steps, record_every, snapshots)
    evaluation_batches = positive_integer(evaluation_batches, "evaluation_batches")
    checkpoint_every = positive_integer(checkpoint_every, "checkpoint_every")
    if checkpoint is not None:
        of_kind(checkpoint, str | os.PathLike, "checkpoint", "the path of a file")
    evaluation, training = as_generator(rng).spawn(2)

    run = _Run(data, objective, rate, batch_size, training, freeze_positions)
    store = None
    if checkpoint is not None:
        store = _Checkpoint(Path(checkpoint), run.identity(evaluation_batches))
        store.load_into(run, plan)
        store.check_writable()
    watch = _Watch(data, objective, evaluation, evaluation_batches, batch_size)

    bar = tqdm(total=steps, initial=run.step, desc="training", disable=not progress, leave=False)
    with np.errstate(all="ignore"), threadpool_limits(limits=1, user_api="blas"), bar:
        while True:
            try:
                loss, gradient = run.evaluate()
                if plan.records(run.step) and run.step not in run.records:
                    run.records[run.step] = watch(run.parameters)
            except FloatingPointError:
                failed = run.step
                run.step_back()
                if store:
                    store.save(run)
                raise DivergenceError(
                    f"the loss was not finite after step {failed} with learning_rate = "
                    f"{rate:g}; lower the learning rate (the last good state is kept).",
                    run.history(plan),
                ) from None
            if run.step in plan.snapshots:
                run.snapshots[run.step] = run.parameters
            if store and (run.step % checkpoint_every == 0 or run.step == steps):
                store.save(run)
            if run.step == steps:
                return run.history(plan)
            run.descend(loss, gradient)
            bar.update()


@dataclass(frozen=True)
class _Plan:
    """How long a run is to be, and what is to be kept of it."""

    steps: int
    record_every: int
    snapshots: frozenset[int]

    def records(self, step: int) -> bool:
        """Whether the state after so many steps is to be recorded."""
        return step % self.record_every == 0 or step == self.steps

    def check_past(self, run: _Run, origin: str) -> None:
        """Refuse to continue a run when something asked for was passed by and not kept."""
        lost = sorted(s for s in self.snapshots if s < run.step and s not in run.snapshots)
        if lost:
            raise ValueError(
                f"{origin} is at step {run.step} and holds no snapshot of step {lost[0]}; leave "
                "that one out, or name another file to start anew."
            )

        def first_gap(every: int) -> int | None:
            return next((s for s in range(0, run.step, every) if s not in run.records), None)

        gap = first_gap(self.record_every)
        if gap is not None:
            fits = (k for k in range(1, run.step) if first_gap(k) is None)
            raise ValueError(
                f"{origin} is at step {run.step} and holds no record of step {gap}, which is due "
                f"with record_every = {self.record_every}; take record_every = "
                f"{next(fits, run.step)} or a multiple of it, or name another file to start anew."
            )


def _plan_of(steps: int, record_every: int | None, snapshots: Iterable[int]) -> _Plan:
    """The plan of checked arguments, or ValueError."""
    if record_every is None:
        record_every = max(1, steps // 100)
    record_every = positive_integer(record_every, "record_every")
    chosen = step_set(snapshots, "snapshots")
    if chosen and max(chosen) > steps:
        raise ValueError(f"snapshots must not lie beyond step {steps}, got {max(chosen)}.")
    return _Plan(steps, record_every, chosen)


class _Run:
    """The state of a run: parameters, generator, and what was recorded."""

    def __init__(self, data, objective, rate, batch_size, generator, frozen):
        self.data, self.objective, self.rate = data, objective, rate
        self.batch_size, self.generator, self.frozen = batch_size, generator, frozen
        self.step = 0
        self.parameters = self.previous = Parameters.zeros(data)
        self.previous_state = self.state = generator.bit_generator.state
        self.losses: list[float] = []
        self.records: dict[int, Array] = {}
        self.snapshots: dict[int, Parameters] = {}

    def identity(self, evaluation_batches: int) -> str:
        """What must agree for a checkpoint to belong to this run."""
        parts = (
            repr(self.data),
            repr(self.objective),
            repr(self.rate),
            repr((self.batch_size, self.frozen, evaluation_batches)),
            json.dumps(self.generator.bit_generator.state, default=_plain),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def evaluate(self) -> tuple[float, Parameters]:
        """Loss and gradient on the next batch; FloatingPointError when they are not finite."""
        self.state = self.generator.bit_generator.state
        batch = self.data.batch(self.batch_size, self.generator, views=self.objective.views)
        loss, gradient = self.objective.slope(self.parameters, batch, positions=not self.frozen)
        if not (np.isfinite(loss) and gradient.is_finite()):
            raise FloatingPointError
        return loss, gradient

    def descend(self, loss: float, gradient: Parameters) -> None:
        """Take one step, remembering the state before it."""
        self.previous, self.previous_state = self.parameters, self.state
        self.parameters = Parameters(
            self.parameters.phi - self.rate * gradient.phi,
            self.parameters.upsilon - self.rate * gradient.upsilon,
        )
        self.losses.append(loss)
        self.step += 1

    def step_back(self) -> None:
        """Return to the last state whose loss was finite, if the run has come further."""
        if self.parameters is not self.previous:
            self.losses.pop()
            self.step -= 1
        self.parameters, self.state = self.previous, self.previous_state

    def history(self, plan: _Plan) -> TrainingHistory:
        """What was asked for, as a result; a checkpoint may have brought more."""
        kept = sorted(s for s in self.records if s <= self.step and plan.records(s))
        steps = np.array(kept, dtype=int)
        rows = np.array([self.records[s] for s in steps]).reshape(len(steps), _Watch.width)
        return TrainingHistory(
            times=steps * self.rate,
            loss=rows[:, 0],
            local_patches=Readout(*rows[:, 1:8].T),
            global_patches=Readout(*rows[:, 8:15].T),
            steps=steps,
            upsilon_own=rows[:, 15],
            upsilon_global=rows[:, 16],
            batch_losses=np.array(self.losses),
            snapshots={s: self.snapshots[s] for s in sorted(plan.snapshots & set(self.snapshots))},
            parameters=self.parameters,
        )


class _Watch:
    """Reads loss, correlations and attention off a state, always on the same images."""

    width = 17

    def __init__(self, data, objective, rng, batches, batch_size):
        self.objective = objective
        self.batches = [data.batch(batch_size, rng, views=objective.views) for _ in range(batches)]
        self.scored = [batch.scored() for batch in self.batches]
        self.areas = areas = data.areas
        self.n_local = data.n_local
        self.is_local = areas.T > 0
        # How often, over clusters, two patches share a local area; and local meets global.
        same = (areas[:, :, None] == areas[:, None, :]) & (areas > 0)[:, :, None]
        same[:, np.arange(data.n_patches), np.arange(data.n_patches)] = False
        self.same_area = same.sum(axis=0)
        self.local_to_global = (areas > 0).T.astype(float) @ (areas == 0)

    def __call__(self, parameters: Parameters) -> Array:
        losses, attention = [], {True: np.zeros(5), False: np.zeros(5)}
        for batch, scored in zip(self.batches, self.scored, strict=True):
            seen = self.objective.look(parameters, batch)
            losses.append(self.objective.loss_of(parameters, seen))
            for local, total in attention.items():
                total += _attention_sums(seen, scored, local)
        loss = np.mean(losses)
        if not np.isfinite(loss):
            raise FloatingPointError
        row: list[float] = [float(loss)]
        for local, (*total, count) in attention.items():
            row += self._correlations(parameters.phi, local)
            row += [x / count if count else np.nan for x in total]
        for pairs in (self.same_area, self.local_to_global):
            total = pairs.sum()
            row.append(np.vdot(pairs, parameters.upsilon) / total if total else np.nan)
        return np.array(row)

    def _correlations(self, phi: Array, local: bool) -> list[float]:
        """Mean Phi of local or of global patches to own, global and other features."""
        own = np.take_along_axis(phi, self.areas.T[:, :, None], axis=2)[:, :, 0]
        chosen = self.is_local == local
        others = phi[:, :, 1:].sum(axis=2) - (own if local else 0.0)
        n_other = self.n_local - local
        return [
            own[chosen].mean(),
            phi[:, :, 0][chosen].mean(),
            others[chosen].mean() / n_other if n_other else np.nan,
        ]


def _attention_sums(seen: Attention, scored: Array, local: bool) -> Array:
    """Sums of attention on own, global, other local areas and masked patches; their number."""
    own, shares = seen.images.areas, seen.shares
    b, p = np.nonzero(scored & ((own > 0) == local))
    on_own = shares[own[b, p], b, p]
    rest = shares[1:-1].sum(axis=0)[b, p] - (on_own if local else 0.0)
    sums = [a.sum() for a in (on_own, shares[0, b, p], rest, shares[-1, b, p])]
    return np.array([*sums, len(p)])


class _Checkpoint:
    """One file that holds a run; it is replaced as a whole or not at all."""

    def __init__(self, path: Path, identity: str):
        self.path, self.identity = path, identity

    def save(self, run: _Run) -> None:
        """Write the run as it stands before its next batch is drawn."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        steps = sorted(run.records)
        content: dict[str, Any] = {
            "identity": self.identity,
            "step": run.step,
            "generator": json.dumps(run.state, default=_plain),
            "losses": np.array(run.losses[: run.step], dtype=float),
            "record_steps": np.array(steps, dtype=int),
            "records": np.array([run.records[s] for s in steps], dtype=float),
            "snapshot_steps": np.array(sorted(run.snapshots), dtype=int),
            "phi": run.parameters.phi,
            "upsilon": run.parameters.upsilon,
        }
        for s, kept in run.snapshots.items():
            content[f"phi_{s}"], content[f"upsilon_{s}"] = kept.phi, kept.upsilon
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        try:
            with temporary.open("wb") as file:
                np.savez(file, **content)
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)

    def check_writable(self) -> None:
        """Refuse a place where nothing can be written, before there is anything to lose."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            require_writable(self.path.parent)
        except OSError as error:
            raise ValueError(
                f"checkpoint {self.path} cannot be written: {error.strerror}; name another file."
            ) from None

    def load_into(self, run: _Run, plan: _Plan) -> None:
        """Put a run where the file left it; without a file, leave it at its start."""
        if self.path.is_dir():
            raise ValueError(f"checkpoint {self.path} is a folder; name a file in it.")
        if not self.path.exists():
            return
        try:
            with self.path.open("rb") as opened, np.load(opened) as file:
                content = {name: file[name] for name in file.files}
            identity = str(content["identity"])
        except PermissionError as error:  # may well be a good file, not to be deleted
            raise ValueError(f"checkpoint {self.path} cannot be read: {error.strerror}.") from None
        except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
            raise ValueError(
                f"checkpoint {self.path} cannot be read; delete it to start anew."
            ) from None
        if identity != self.identity:
            raise ValueError(
                f"checkpoint {self.path} belongs to a run with other arguments or another seed; "
                "delete it, or name another file."
            )
        if content["step"] > plan.steps:
            raise ValueError(
                f"checkpoint {self.path} is at step {int(content['step'])}, beyond steps = "
                f"{plan.steps}."
            )
        run.step = int(content["step"])
        run.parameters = run.previous = Parameters(content["phi"], content["upsilon"])
        run.state = run.previous_state = json.loads(str(content["generator"]), object_hook=_restore)
        run.generator.bit_generator.state = run.state
        run.losses = content["losses"].tolist()
        run.records = dict(zip(content["record_steps"].tolist(), content["records"], strict=True))
        run.snapshots = {
            s: Parameters(content[f"phi_{s}"], content[f"upsilon_{s}"])
            for s in content["snapshot_steps"].tolist()
        }
        plan.check_past(run, f"checkpoint {self.path}")


def _plain(value):
    """Arrays inside a generator's state, which JSON does not know."""
    if isinstance(value, np.ndarray):
        return {"__array__": value.tolist(), "dtype": value.dtype.str}
    return value.item()


def _restore(entry: dict):
    """Undo :func:`_plain`."""
    if "__array__" in entry:
        return np.array(entry["__array__"], dtype=entry["dtype"])
    return entry
