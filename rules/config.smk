"""The configuration of this run: loaded, checked, and what follows from it."""

import copy
import sys

import yaml
from snakemake.common.configfile import load_configfile
from snakemake.utils import update_config

from feature_sensitivity.config.check import faults
from feature_sensitivity.config.differences import differences
from feature_sensitivity.config.models import is_imported
from feature_sensitivity.config.models import model_of
from feature_sensitivity.config.models import replicate_names
from feature_sensitivity.config.models import used_datasets
from feature_sensitivity.config.protocols import with_protocols
from feature_sensitivity.config.units import sections_with_unit
from feature_sensitivity.studies.registry import PLANS
from feature_sensitivity.studies.registry import STUDIES


def stop_at_config_faults():
    """End with every fault of the configuration, before any job."""
    schema = yaml.safe_load((HOME / "rules/config.schema.yaml").read_text())
    stop_at(faults(config, schema))


def stop_at(found):
    """End with these faults, if there are any."""
    found = list(found)
    if found:
        sys.exit(
            "The configuration has faults; nothing was started:\n"
            + "\n".join(f"  - {fault}" for fault in found)
        )


# A module reads no configfile: what the outer workflow gives comes on top of the protocol, as with --configfile.
protocol_config = load_configfile(str(HOME / "config.yaml"))
whole_config = copy.deepcopy(protocol_config)
update_config(whole_config, config)
config.update(whole_config)
# So a config on top can leave models out.
if isinstance(config["models"], dict):
    config["models"] = {
        model: entry for model, entry in config["models"].items() if entry is not None
    }

# What follows relies on a configuration without faults.
stop_at_config_faults()
CHANGED = differences(config, protocol_config)
config.update(with_protocols(config))
config.update(sections_with_unit(config))

# The seed of everything random but the training of further replicates.
SEED = config["seeds"][0]
EPSILONS = config["epsilons"]
N_SHARDS = config["sensitivity"]["shards"]
# Those for which the run has what they need.
POSSIBLE_STUDIES = [study for study in STUDIES if not list(PLANS[study].lacks(config))]

MODELS = list(config["models"])
REPLICATES = replicate_names(config["models"], config["seeds"])
IMPORTED = [
    replicate
    for replicate in REPLICATES
    if is_imported(config["models"][model_of(replicate)])
]
TRAINED = [replicate for replicate in REPLICATES if replicate not in IMPORTED]

EVALUATION_DATA = config["evaluation_dataset"]
TRAINING_DATA = [config["models"][model_of(model)]["dataset"] for model in TRAINED]
ADVERSARIAL = [
    replicate
    for replicate in TRAINED
    if config["models"][model_of(replicate)]["training"] == "adversarial"
]
CONSTRUCTED = [
    dataset
    for dataset in used_datasets(config)
    if config["datasets"][dataset]["source"] == "construction"
]
FETCHED = [dataset for dataset in used_datasets(config) if dataset not in CONSTRUCTED]


def changed_in_protocol():
    """Return what the configuration of this run changes in config.yaml, as YAML, besides where files lie."""
    changed = {
        key: value
        for key, value in CHANGED.items()
        if key not in ("pathvars", "interpretation")
    }
    datasets = {
        name: {key: value for key, value in entry.items() if key != "path"}
        for name, entry in changed.pop("datasets", {}).items()
        if entry.keys() - {"path"}
    }
    if datasets:
        changed["datasets"] = datasets
    return yaml.safe_dump(changed, sort_keys=False, default_flow_style=None, width=100)
