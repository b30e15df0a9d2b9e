"""Registry and seeds."""

import random

import numpy as np
import pytest
import torch

from core.errors import UserError
from core.registry import Registry
from core.seed import derive_seed, make_generator, random_state, set_random_state, set_seed


def test_a_taken_name_names_both_files():
    registry = Registry("THING")

    @registry.register()
    class Taken:
        pass

    with pytest.raises(KeyError, match=r"test_registry_seed\.py.*test_registry_seed\.py"):
        registry.register(type("Taken", (), {"__module__": __name__}))
    assert registry.get("Taken") is Taken


def test_an_unknown_name_suggests_the_nearest():
    registry = Registry("TRAINER.NAME")
    registry.register(type("IntCLIP", (), {}))
    with pytest.raises(UserError, match=r"TRAINER\.NAME is 'IntCLlP'.*Did you mean 'IntCLIP'"):
        registry.get("IntCLlP")


def _draw():
    return random.random(), float(np.random.rand()), float(torch.rand(1))


def test_seed_zero_seeds_all_and_state_restores():
    set_seed(0)
    first = _draw()
    state = random_state()
    second = _draw()
    set_seed(0)
    assert _draw() == first
    set_random_state(state)
    assert _draw() == second


def test_streams_differ_and_repeat():
    draws = [
        torch.rand(4, generator=make_generator(seed, stream))
        for seed in (0, 1)
        for stream in (0, 1)
    ]
    assert len({tuple(d.tolist()) for d in draws}) == 4
    assert torch.equal(draws[0], torch.rand(4, generator=make_generator(0, 0)))


def test_derived_seeds_are_the_same_with_every_numpy():
    assert derive_seed(0) == 7896617691693857887
    assert derive_seed(1, 0) == 3717377837946358015
    assert derive_seed(7, 3, 2) == 8034915097316094625
    assert make_generator(1, 0).initial_seed() == derive_seed(1, 0)
