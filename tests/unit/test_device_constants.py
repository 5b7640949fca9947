"""Constants on the device: made once, and not dropped while somebody still reads them."""

import pytest
import torch

from workers.device.constants import constant, holding


def counter():
    made = []

    @constant
    def number(value: int) -> torch.Tensor:
        made.append(value)
        return torch.tensor(value)

    return number, made


def test_a_constant_is_made_once():
    number, made = counter()
    assert number(3) is number(3)
    assert made == [3]


def test_what_is_asked_for_while_holding_is_held_new_or_known():
    number, _ = counter()
    known = number(1)
    with holding() as held:
        new = number(2)
        number(1)
    number(4)
    assert [id(one) for one in held] == [id(new), id(known)]


def test_an_error_while_holding_ends_the_holding():
    number, _ = counter()
    with pytest.raises(ZeroDivisionError), holding() as held:
        number(1 // 0)
    number(5)
    assert held == []
