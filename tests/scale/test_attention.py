"""Which attention runs where, and what becomes of padding-free batches."""

from collections.abc import Iterator

import pytest

from ketune.devices import device
from ketune.devices.device import require_device, usable_attention, with_usable_attention
from ketune.params import Params
from ketune.runtime import StageError
from tests.training.conftest import changed, full

__all__ = ["full"]


class Machine:
    """A CUDA machine that is not there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.patch = monkeypatch

    def has(self, capability: tuple[int, int], *modules: str) -> None:
        device._say.cache_clear()
        self.patch.setattr("torch.cuda.is_available", lambda: True)
        self.patch.setattr("torch.cuda.get_device_capability", lambda: capability)
        self.patch.setattr("torch.cuda.get_device_name", lambda: "a GPU")
        self.patch.setattr(device, "find_spec", lambda name: name in modules or None)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    yield Machine(monkeypatch)
    device._say.cache_clear()


def test_flash_attention_3_on_hopper_2_elsewhere(full: Params, machine: Machine) -> None:
    both = ("flash_attn", "flash_attn_interface")
    for capability, modules, expected in (
        ((9, 0), both, "flash_attention_3"),
        ((9, 0), ("flash_attn",), "flash_attention_2"),
        ((8, 0), both, "flash_attention_2"),
        ((12, 0), both, "flash_attention_2"),
        ((12, 0), (), "sdpa"),
        ((7, 5), both, "sdpa"),
    ):
        machine.has(capability, *modules)
        assert usable_attention(full) == expected


def test_the_fallback_is_said_once_and_turns_padding_free_off(
    full: Params, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.has((9, 0))
    for _ in range(2):
        params = with_usable_attention(changed(full, padding_free=True))
        assert (params.attn_impl, params.padding_free) == ("sdpa", False)
    assert capsys.readouterr().out == (
        "attention: sdpa in the place of flash_attn, as flash-attn is not installed (`make gpu` "
        "installs it)\npadding_free is off: it needs flash attention, not sdpa\n"
    )


def test_padding_free_stays_where_it_works(full: Params, machine: Machine) -> None:
    machine.has((9, 0), "flash_attn")
    params = changed(full, padding_free=True, template="qwen3_vl")
    assert with_usable_attention(params).padding_free
    assert not with_usable_attention(changed(params, template="mistral_2512")).padding_free


def test_on_the_cpu_there_is_no_flash_attention(
    full: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    device._say.cache_clear()
    assert usable_attention(changed(full, use_cpu=True)) == "sdpa"
    assert "needs a CUDA GPU" in capsys.readouterr().out
    assert usable_attention(changed(full, use_cpu=True, attn_impl="eager")) == "eager"


def test_a_version_asked_for_by_name_must_be_there(full: Params, machine: Machine) -> None:
    machine.has((8, 0), "flash_attn")
    require_device(changed(full, attn_impl="flash_attention_2"))
    with pytest.raises(StageError, match=r"flash_attn_interface, which is not installed"):
        require_device(changed(full, attn_impl="flash_attention_3"))
    machine.has((8, 0))
    require_device(full)  # flash_attn takes what is there
