"""How many GPUs a process may use, by what nvidia-smi lists. Needs no torch."""

import re

CHANGES_NO_RESULT = True


def n_visible_gpus(listing: str, chosen: str | None) -> int:
    """Return how many GPUs CUDA shows to a process.

    Args:
        listing: what ``nvidia-smi --list-gpus`` prints.
        chosen: ``CUDA_VISIBLE_DEVICES``; None where it is not set. As in CUDA, what follows an unknown entry counts as
            not there. Of GPUs in parts (MIG), CUDA shows one part alone to each process.
    """
    gpus, parts = (re.findall(rf"UUID: ({kind}-[^)\s]+)", listing) for kind in ("GPU", "MIG"))
    visible = set(gpus)
    if chosen is not None:
        visible = set()
        for entry in map(str.strip, chosen.split(",")):
            named = [gpus[int(entry)]] if entry.isdigit() and int(entry) < len(gpus) else []
            named += [uuid for uuid in (*gpus, *parts) if entry.startswith(uuid[:4]) and uuid.startswith(entry)]
            if not named:
                break
            visible.add(named[0])
    return min(len(visible), 1) if parts else len(visible)
