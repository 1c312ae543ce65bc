"""Files of weights that were trained elsewhere, as common codes write them."""

import logging
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.tensor_files import is_plain, load_tensors

ENTRIES = (
    *("state_dict", "model_state_dict", "model", "net", "network", "params"),
    *("ema", "state_dict_ema", "model_ema", "params_ema", "ema_state_dict"),
)
"""Under which of these training codes store a network's weights beside other things, averages of them last."""

EXTRA_STATE = "_extra_state"
"""How PyTorch ends the names of what modules store beside tensors."""

Keys = tuple[str, ...]
Tensors = OrderedDict[str, Any]

logger = logging.getLogger(__name__)

ADVICE = "where the network was trained, write its weights alone: torch.save(network.state_dict(), path)"


def read_tensors(path: Path, key: str | None = None) -> Mapping[str, Any]:
    """Return the tensors in a file of weights by name; in a .pt or .pth file they may stand beside other things.

    Where it holds several sets, as an average of the weights beside the last ones, it is the first under one of
    ``ENTRIES``, and the log says which; ``key`` names another: the keys that lead to it, or what its names begin with,
    with dots between. Extra states of modules are kept among the tensors, and versions of modules beside them.

    Raises :class:`UserError` when the file cannot be read, holds objects that are no tensors, no weights at all or not
    those of the key, or several sets without a known one.
    """
    if path.suffix == ".safetensors":
        content: Any = _read_safetensors(path)
    else:
        content = load_tensors(path, where=str(path), advice=ADVICE)
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds a {type(content).__name__} in place of weights by name; {ADVICE}")
    sets = dict(_sets(content))
    if not sets:
        raise UserError(f"{path} holds no weights by name; {ADVICE}")
    found = sets if key is None else _named_by(key, sets)
    if not found:
        raise UserError(f"{path} has no weights under the key {key!r}; its sets of weights are {_listed(sets)}")
    chosen = _chosen(found)
    if chosen is None:
        raise UserError(f"{path} holds several sets of weights, {_listed(found)}; name one by weights_key")
    others = {keys: tensors for keys, tensors in found.items() if keys != chosen and _as_large(tensors, found[chosen])}
    if others:
        logger.warning(
            "%s holds several sets of weights: that under %s is taken, not %s, which weights_key names",
            path,
            _listed([chosen]),
            _listed(others),
        )
    for name, value in found[chosen].items():
        if not is_plain(value):
            raise UserError(
                f"{path} holds an object of another class in {name}, which is not read; let get_extra_state return "
                "tensors and values of Python's own types"
            )
    return found[chosen]


def _sets(content: Mapping[Any, Any], *above: str) -> Iterator[tuple[Keys, Tensors]]:
    """Yield the sets of tensors by name in a file, with the keys that lead to them."""
    for key, value in content.items():
        if isinstance(value, Mapping) and isinstance(key, str) and not key.endswith(EXTRA_STATE):
            yield from _sets(value, *above, key)
    tensors: Tensors = OrderedDict(
        (str(name), value)
        for name, value in content.items()
        if isinstance(value, Tensor) or str(name).endswith(EXTRA_STATE)
    )
    if tensors:
        metadata = getattr(content, "_metadata", None)
        known = metadata.items() if isinstance(metadata, Mapping) else ()
        versions = {module: entry for module, entry in known if isinstance(module, str) and isinstance(entry, dict)}
        tensors._metadata = versions  # type: ignore[attr-defined]
        yield above, tensors


def _named_by(key: str, sets: Mapping[Keys, Tensors]) -> dict[Keys, Tensors]:
    """Return the sets that a key leads to, or the part of each whose names begin with it."""
    below = {keys: tensors for keys, tensors in sets.items() if f"{'.'.join(keys)}.".startswith(f"{key}.")}
    return below or {
        keys: part
        for keys, tensors in sets.items()
        if (part := _beginning_with(f"{key}.".removeprefix(f"{'.'.join(keys)}."), tensors))
    }


def _beginning_with(prefix: str, tensors: Tensors) -> Tensors:
    part = OrderedDict((name, tensor) for name, tensor in tensors.items() if name.startswith(prefix))
    part._metadata = tensors._metadata  # type: ignore[attr-defined]
    return part


def _chosen(sets: Mapping[Keys, Tensors]) -> Keys | None:
    """Return the keys of the first set under a known entry, else of the largest; None where several are as large."""
    known = [keys for keys in sets if keys and keys[-1] in ENTRIES]
    if known:
        ranks = {keys: [ENTRIES.index(key) if key in ENTRIES else len(ENTRIES) for key in keys] for keys in known}
        first = min(ranks.values())
        best = [keys for keys in known if ranks[keys] == first]
        return best[0] if len(best) == 1 else None
    largest = max(sets, key=lambda keys: len(sets[keys]))
    rivals = [keys for keys in sets if keys != largest and _as_large(sets[keys], sets[largest])]
    return None if rivals else largest


def _as_large(tensors: Tensors, others: Tensors) -> bool:
    """Return whether a set could hold the same network as another: averages may lack its buffers."""
    return 2 * len(tensors) > len(others)


def _listed(sets: Iterable[Keys]) -> str:
    return ", ".join(repr(".".join(keys)) if keys else "the one at the top" for keys in sets)


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
