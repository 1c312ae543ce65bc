"""Plan of the study of the crossing."""

from feature_sensitivity.config.models import NORMAL, ROBUST
from feature_sensitivity.config.units import number
from feature_sensitivity.reporting.protocol import sensitivity_sentence
from feature_sensitivity.studies.plan import StudyPlan, own_files, sensitivity_of

NAME = "crossing"

PLAN = StudyPlan(
    name=NAME,
    columns=("epsilon",),
    rows=lambda scope: [(number(epsilon),) for epsilon in scope.config["studies"][NAME]["epsilons"]],
    models=(NORMAL, ROBUST),
    attacks=lambda config: sensitivity_sentence(sensitivity_of(config)),
    variants=lambda config: {
        "own": own_files(config, epsilons=config["studies"][NAME]["epsilons"], accuracy=False),
    },
)
