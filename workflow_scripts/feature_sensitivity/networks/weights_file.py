"""Files of weights that were trained elsewhere, as common codes write them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.tensor_files import load_tensors

ENTRIES = ("state_dict", "model_state_dict", "model", "net", "network", "ema", "state_dict_ema", "model_ema", "params")
"""Under which of these training codes store a network's weights beside other things."""

ADVICE = "where the network was trained, write its weights alone: torch.save(network.state_dict(), path)"


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors in a file of weights by name; in a .pt or .pth file they may stand beside other things.

    Raises :class:`UserError` when the file cannot be read, holds objects that are no tensors, or none at all.
    """
    content: Any
    if path.suffix == ".safetensors":
        content = _read_safetensors(path)
    else:
        content = load_tensors(path, where=str(path), advice=ADVICE)
    for _ in ENTRIES:
        entry = next((e for e in ENTRIES if isinstance(content, Mapping) and isinstance(content.get(e), Mapping)), None)
        content = content[entry] if entry else content
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds a {type(content).__name__} in place of weights by name; {ADVICE}")
    tensors = {str(name): tensor for name, tensor in content.items() if isinstance(tensor, Tensor)}
    if not tensors:
        raise UserError(f"{path} holds no weights by name; {ADVICE}")
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise UserError(f"{path} is no file; correct the path")
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise UserError(
            f"{path} is a safetensors file, which needs the package safetensors; type python -m pip install safetensors"
        ) from error
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a whole safetensors file ({error}); write it again") from error
