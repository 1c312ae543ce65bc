"""Every study by name; a new one is a line here."""

from collections.abc import Mapping

from feature_sensitivity.studies.attack_strength import report as attack_strength
from feature_sensitivity.studies.convergence import report as convergence
from feature_sensitivity.studies.crossing import report as crossing
from feature_sensitivity.studies.definitions import report as definitions
from feature_sensitivity.studies.error_bounds import report as error_bounds
from feature_sensitivity.studies.last_layer_refit import report as last_layer_refit
from feature_sensitivity.studies.norms import report as norms
from feature_sensitivity.studies.study import Study

STUDIES: Mapping[str, Study] = {
    "definitions": definitions.STUDY,
    "error_bounds": error_bounds.STUDY,
    "convergence": convergence.STUDY,
    "attack_strength": attack_strength.STUDY,
    "last_layer_refit": last_layer_refit.STUDY,
    "norms": norms.STUDY,
    "crossing": crossing.STUDY,
}
