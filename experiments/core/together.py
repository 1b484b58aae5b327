"""Several trainings as one JAX program, for GPUs that one training leaves idle.

The step of a small recurrent model takes a GPU about as long for ten models as for
one. Here Keras' own steps run under `jax.vmap`, with the models along a first axis, and
an epoch is one `lax.scan` over them. The models may differ in variables of Keras:
initial weights, random seeds, a constant learning rate. Each model is trained as it
would be alone, up to rounding, which grows from step to step.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from experiments.core import checkpoint, data, training
from experiments.core.checkpoint import History
from experiments.core.experiment import Training


@dataclass(eq=False)
class Member:
    """One of the trainings. It goes on from the checkpoint in its folder.

    Raises:
        UserError: The checkpoint is damaged.
    """

    run: Training  # the training, on `Arrays`
    folder: Path  # where checkpoint, best weights and history are kept
    history: History = field(init=False)  # an entry for each finished epoch
    # Where the training diverged, if it did.
    reason: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.model.optimizer.build(self.model.trainable_variables)
        last = self.folder / training.LAST
        self.history = checkpoint.load(self.model, last) if last.exists() else []

    @property
    def model(self) -> Any:
        """The compiled model."""
        return self.run.model


def fit(members: Sequence[Member]) -> Iterator[Member]:
    """Trains to the last epoch.

    Args:
        members: Trainings on the same data that differ in variables of their models
            only, and in schedules of the learning rate: schedules train in turns.

    Yields:
        A member after each of its epochs, when it diverges, and at once if its
        checkpoint has the last epoch.
    """
    alike: dict[str, list[Member]] = {}
    for member in members:
        if len(member.history) == member.run.config.epochs:
            yield member  # killed before the row was written
        else:
            alike.setdefault(_fixed(member.model.optimizer), []).append(member)
    if not alike:
        return
    one = members[0].run
    parts = {k: (jnp.array(x), jnp.array(y)) for k, (x, y) in one.data.parts.items()}
    for group in alike.values():
        programs = _Programs(group[0].run)
        for epoch in range(one.config.epochs):
            # After an interruption some are an epoch ahead, and wait.
            turn = [m for m in group if not m.reason and len(m.history) == epoch]
            if turn:
                yield from _epoch(programs, turn, parts)


def _fixed(optimizer: Any) -> str:
    """The settings of an optimizer that are constants of a program."""
    config = {**optimizer.get_config(), "name": None}
    if not isinstance(config["learning_rate"], dict):
        config["learning_rate"] = None
    return json.dumps(config, sort_keys=True)


def _epoch(
    programs: "_Programs",
    members: Sequence[Member],
    parts: Mapping[str, tuple[jax.Array, jax.Array]],
) -> Iterator[Member]:
    """Trains members for an epoch.

    Args:
        members: All of them after the same epoch.
    """
    epoch = len(members[0].history)
    models = [member.model for member in members]
    count = len(members[0].run.data.train[0])
    orders = [data.order(count, member.run.config.seed, epoch) for member in members]
    logs = programs.train(models, orders)
    figures = {
        f"{name}_{figure}": values
        for name, part in parts.items()
        for figure, values in programs.evaluate(models, part).items()
    }
    for number, member in enumerate(members):
        try:
            shown = _finite(logs, figures, number, epoch + 1)
        except training.DivergedError as error:
            member.reason = str(error)
        else:
            # The seconds of all members together say nothing about one.
            entry = {"epoch": epoch + 1, **shown, "seconds": None}
            training.keep(
                member.run.experiment,
                member.model,
                member.history,
                entry,
                member.folder,
            )
        yield member


def _finite(
    logs: Mapping[str, np.ndarray],
    figures: Mapping[str, np.ndarray],
    number: int,
    epoch: int,
) -> dict[str, float]:
    """The figures of a member after an epoch.

    Args:
        logs: The figures of the steps, `(steps, members)` each.
        figures: The figures of the evaluations, `(members,)` each.
        number: The member.
        epoch: The epoch, counted from 1.

    Raises:
        DivergedError: A figure is not finite.
    """
    shown: dict[str, float] = {}
    count = len(logs["loss"])
    for step in range(count):
        shown = {k: float(logs[k][step, number]) for k in training.TRAINED if k in logs}
        training.check_finite(shown, training.after(step + 1, epoch))
    shown |= {name: float(values[number]) for name, values in figures.items()}
    training.check_finite(shown, training.after(count, epoch))
    return shown


class _Programs:
    """An epoch of training and an evaluation, for any number of models like one.

    Args:
        run: The training of one such model, whose methods are compiled.
    """

    def __init__(self, run: Training):
        model, (x, y), batch_size = run.model, run.data.train, run.config.batch_size
        # Keras makes the metrics when it first evaluates, and draws seeds.
        states = [np.array(v.value) for v in model.non_trainable_variables]
        model.evaluate(x[:1], y[:1], verbose=0)
        model.reset_metrics()
        for variable, value in zip(model.non_trainable_variables, states, strict=True):
            variable.assign(value)
        self._metrics = [jnp.array(v.value) for v in model.metrics_variables]
        self._examples = (jnp.array(x), jnp.array(y))

        def train(state: Any, examples: Any, orders: jax.Array) -> Any:
            step = jax.vmap(model.train_step)
            return _scan(step, state, examples, orders.T, batch_size)

        def test(state: Any, examples: Any) -> Any:
            step = jax.vmap(model.test_step, in_axes=(0, None))
            every = jnp.arange(len(examples[0]))
            return _scan(step, state, examples, every, run.data.evaluation_batch)

        self._train = jax.jit(train, donate_argnums=0)
        self._test = jax.jit(test)

    def train(
        self, models: Sequence[Any], orders: Sequence[np.ndarray]
    ) -> dict[str, np.ndarray]:
        """Trains models for an epoch.

        Args:
            orders: The order of the examples, for each of them.

        Returns:
            The logs, `(steps, models)` each.
        """
        groups = [_variables(m, optimizer=True) for m in models]
        state = (*_stacked(groups), self._all_metrics(len(models)))
        logs, state = self._train(state, self._examples, jnp.array(orders))
        _assign(groups, state[:-1])
        return jax.device_get(logs)

    def evaluate(
        self, models: Sequence[Any], part: tuple[jax.Array, jax.Array]
    ) -> dict[str, np.ndarray]:
        """The figures of models on some examples, `(models,)` each."""
        groups = [_variables(m, optimizer=False) for m in models]
        state = (*_stacked(groups), self._all_metrics(len(models)))
        logs, state = self._test(state, part)
        # Seeds are drawn here, too.
        _assign([group[1:] for group in groups], state[1:-1])
        return {name: steps[-1] for name, steps in jax.device_get(logs).items()}

    def _all_metrics(self, count: int) -> list[jax.Array]:
        return [jnp.stack([v] * count) for v in self._metrics]


def _variables(model: Any, *, optimizer: bool) -> list[list[Any]]:
    """The variables of a model, in the order of the state of Keras' steps."""
    found = [model.trainable_variables, model.non_trainable_variables]
    return [*found, model.optimizer.variables] if optimizer else found


def _stacked(groups: Sequence[list[list[Any]]]) -> list[list[jax.Array]]:
    """The values of variables, with the models along a new first axis."""
    return jax.tree.map(lambda *vs: jnp.stack([v.value for v in vs]), *groups)


def _assign(groups: Sequence[list[list[Any]]], state: Any) -> None:
    """Puts stacked values back into the variables."""
    values = jax.tree.leaves(jax.device_get(state))
    for number, variables in enumerate(groups):
        pairs = zip(jax.tree.leaves(variables), values, strict=True)
        for variable, value in pairs:
            variable.assign(value[number])


def _scan(
    step: Callable[[Any, Any], Any],
    state: Any,
    examples: tuple[jax.Array, jax.Array],
    chosen: jax.Array,
    size: int,
) -> Any:
    """Steps through batches; the last one takes what is left.

    Args:
        step: From a state and a batch to logs and a state.
        examples: Inputs and labels.
        chosen: Which of them come one after another, `(examples,)` or
            `(examples, models)`.
        size: Examples in a batch.

    Returns:
        The logs of all steps, and the last state.
    """

    def one(state: Any, chosen: jax.Array) -> Any:
        logs, state = step(state, tuple(part[chosen.T] for part in examples))
        return state, logs

    whole = len(chosen) // size
    batches = chosen[: whole * size].reshape(whole, size, *chosen.shape[1:])
    state, logs = lax.scan(one, state, batches)
    if whole * size < len(chosen):
        state, last = one(state, chosen[whole * size :])
        logs = jax.tree.map(lambda a, b: jnp.concatenate([a, b[None]]), logs, last)
    return logs, state
