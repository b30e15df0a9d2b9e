"""Classes of a training step: without unseen ones, and no more than the limit."""

import logging

from torch import nn

from engine.class_draw import ClassDraw


class WithTexts(nn.Module):
    def only_classes(self, classes):
        raise AssertionError("not called")


def test_all_classes_are_taken_where_nothing_limits_them():
    for limit in (0, 5, 9):
        assert ClassDraw(WithTexts(), 5, (), limit, seed=1).takes_all


def test_unseen_classes_are_left_out_without_a_draw():
    draw = ClassDraw(WithTexts(), 5, (1, 3), 0, seed=1)
    assert not draw.takes_all
    assert draw(0).tolist() == draw(7).tolist() == [0, 2, 4]


def test_the_draw_of_a_step_depends_on_seed_and_step_alone():
    steps = [ClassDraw(WithTexts(), 9, (2,), 3, seed=1)(step).tolist() for step in range(8)]
    again = ClassDraw(WithTexts(), 9, (2,), 3, seed=1)
    assert [again(step).tolist() for step in reversed(range(8))] == steps[::-1]
    assert len(set(map(tuple, steps))) > 1
    for classes in steps:
        assert len(classes) == 3 and classes == sorted(set(classes)) and 2 not in classes


def test_a_network_without_texts_says_that_it_ignores_the_limit(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("intclip"), "propagate", True)
    assert ClassDraw(nn.Linear(1, 1), 5, (), 0, seed=1).takes_all and not caplog.text
    assert ClassDraw(nn.Linear(1, 1), 5, (), 2, seed=1).takes_all
    assert "TRAIN.NUM_CLASSES is ignored: Linear takes all classes" in caplog.text
