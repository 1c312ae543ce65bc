import threading

import pytest
import torch
from torch import Tensor

from feature_sensitivity.runtime.cpu_workers import every_core

CPU = torch.device("cpu")


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_rows_come_back_in_their_order_from_threads_of_their_own(two_threads, n: int):
    seen: dict[str, int] = {}

    def work(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        seen[threading.current_thread().name] = torch.get_num_threads()
        return x + y, x * y

    x, y = torch.arange(n), torch.arange(n) + 10
    with every_core(CPU) as share:
        total, product = share(work, x, y)
    assert torch.equal(total, x + y)
    assert torch.equal(product, x * y)
    assert threading.current_thread().name not in seen
    assert set(seen.values()) == {1}
    assert torch.get_num_threads() == 2


def test_work_that_is_not_row_wise_stays_whole(two_threads):
    with every_core(CPU, row_wise=False) as share:
        (total,) = share(lambda x: (x.sum().expand(len(x)),), torch.arange(4))
    assert total.tolist() == [6] * 4


def test_an_error_on_a_core_is_not_lost(two_threads):
    def work(x: Tensor) -> tuple[Tensor]:
        raise ValueError(f"{len(x)} rows")

    with every_core(CPU) as share, pytest.raises(ValueError, match="rows"):
        share(work, torch.arange(4))
