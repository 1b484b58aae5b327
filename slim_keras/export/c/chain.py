"""A one-step model as a chain: its layers in order, each with its states."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras

from slim_keras.export.signature import NEXT, inputs_of, outputs_of, states_of
from slim_keras.export.streaming import OneStep
from slim_keras.layers import SlimLayer
from slim_keras.stacks import PlainStack

# The name of an output of a layer in a functional model: layer, call, place.
History = tuple[str, int, int]


class Link(NamedTuple):
    """A layer of the chain.

    Attributes:
        layer: A layer or a cell.
        states: The names of its states, as the inputs of the model have them.
    """

    layer: keras.layers.Layer
    states: tuple[str, ...] = ()


def links_of(model: keras.Model) -> list[Link]:
    """The layers of a one-step model.

    Args:
        model: A model of `streaming`, or another one with an `input`, an `output`, and
            an output `next_NAME` for each further input, made of layers and cells.

    Raises:
        ValueError: It is no such model, or no chain.
    """
    names = [port.name for port in inputs_of(model)]
    outputs = list(outputs_of(model))
    states = states_of(names, outputs)
    if (
        not states
        or set(names) != {"input", *states}
        or set(outputs) != {"output", *(NEXT + name for name in states)}
    ):
        raise ValueError(
            "`model` must be a model of one step, which "
            "`slim_keras.export.streaming` makes: its inputs are `input` and states, "
            "its outputs `output` and next_STATE of each. Received: inputs "
            f"{names} and outputs {outputs}"
        )
    links = list(_functional(model, states))
    given = [name for link in links for name in link.states]
    if sorted(given) != sorted(states):
        raise ValueError(
            "`model` must give each state to one cell. Received: the states "
            f"{states}, of which cells take {given}"
        )
    return links


def _functional(model: keras.Model, states: list[str]) -> Iterator[Link]:
    """The layers between input and output of a functional model."""
    config = model.get_config()
    inputs, outputs = config["input_layers"], config["output_layers"]
    if not states:
        inputs, outputs = {"input": inputs}, {"output": outputs}
    at = {_only(place): name for name, place in inputs.items()}
    made_of = {operation.name: operation for operation in model.operations}
    calls = [
        (made_of[layer["name"]], number, list(_histories(node)))
        for layer in config["layers"]
        for number, node in enumerate(layer["inbound_nodes"])
    ]
    current = next(place for place, name in at.items() if name == "input")
    end = _only(outputs["output"])
    while True:
        following = [call for call in calls if current in call[2]]
        if not following:
            break
        layer, number, places = following[0]
        given = tuple(at.get(place, "") for place in places if place != current)
        if len(following) > 1 or "" in given:
            raise ValueError(
                "`model` must be a chain: one layer after the other, from its input "
                f"to its output. Received: a branch at the layer {layer.name!r}"
            )
        made = _expanded(layer, given)
        place = 0
        if isinstance(layer, OneStep):  # whose outputs stand in the order of keys
            place = sorted(["output", *(NEXT + name for name in given)]).index("output")
        else:
            _check_states(outputs, layer, number, given)
        yield from made
        current = (layer.name, number, place)
        if current == end:
            return
    raise ValueError(
        "`model` must be a chain: one layer after the other, from its input to its "
        f"output. Received: a chain that ends at {current[0]!r}"
    )


def _expanded(layer: keras.layers.Layer, given: tuple[str, ...]) -> Iterator[Link]:
    """The layers in a layer, for those that hold others."""
    if isinstance(layer, OneStep):
        names = iter(layer.states)
        for inner in _inner(layer.model):
            count = len(inner.cell.state_size) if isinstance(inner, SlimLayer) else 0
            yield Link(inner, tuple(next(names) for _ in range(count)))
    elif given:
        yield Link(layer, given)
    elif not isinstance(layer, keras.layers.Layer):
        # With this operation `Normalization` begins; it changes nothing.
        if type(layer).__name__ != "ConvertToTensor":
            raise ValueError(
                "`model` must be made of layers. Received: the operation "
                f"{layer.name!r}"
            )
    else:
        yield from map(Link, _inner(layer))


def _inner(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    if isinstance(layer, keras.Sequential):
        for one in layer.layers:
            yield from _inner(one)
    elif isinstance(layer, keras.Model) and getattr(layer, "inputs", None):
        for link in _functional(layer, []):
            yield link.layer
    elif isinstance(layer, PlainStack):
        for product, recurrence in zip(layer.products, layer.recurrences, strict=True):
            yield product
            yield from filter(None, [recurrence.before, recurrence.recurrence])
            yield from filter(None, [recurrence.after])
    else:
        yield layer


def _check_states(outputs: dict, layer: Any, number: int, given: tuple[str, ...]):
    """Refuses states that do not go from step to step of one cell."""
    for place, name in enumerate(given, start=1):
        # The first output of a cell is its h, too.
        own = [(layer.name, number, place), (layer.name, number, 0)]
        if _only(outputs[NEXT + name]) not in own[: 2 if place == 1 else 1]:
            raise ValueError(
                f"`model` must put out as {NEXT + name!r} the state {name!r} after "
                f"the step of {layer.name!r}. Received: another tensor"
            )


def _histories(node: Any) -> Iterator[History]:
    """The tensors of a layer's call, in order."""
    if isinstance(node, dict):
        if node.get("class_name") == "__keras_tensor__":
            yield tuple(node["config"]["keras_history"])
            return
        node = list(node.values())
    if isinstance(node, list | tuple):
        for part in node:
            yield from _histories(part)


def _only(place: Any) -> History:
    """The one tensor of a model's inputs or outputs, which may stand in a list."""
    while not isinstance(place[0], str):
        place = place[0]
    return tuple(place)
