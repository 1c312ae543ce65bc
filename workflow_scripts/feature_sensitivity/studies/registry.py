"""Every study by name."""

from collections.abc import Mapping

from feature_sensitivity.studies.convergence.report import convergence_answer, convergence_table, plot_convergence
from feature_sensitivity.studies.crossing.report import crossing_answer, crossing_table, plot_crossing
from feature_sensitivity.studies.definitions.report import definitions_answer, definitions_table, plot_definitions
from feature_sensitivity.studies.error_bounds.report import plot_theorem, theorem_answer, theorem_table
from feature_sensitivity.studies.last_layer_refit.report import plot_relinear, relinear_answer, relinear_table
from feature_sensitivity.studies.norms.report import norms_answer, norms_table, plot_norms
from feature_sensitivity.studies.study import Study

STUDIES: Mapping[str, Study] = {
    "definitions": Study(
        "Definitions of sensitivity",
        "How do the conclusions depend on the definition of sensitivity and on the normalization by weights?",
        definitions_table,
        definitions_answer,
        plot_definitions,
    ),
    "error_bounds": Study(
        "The corrected Theorem 3: estimates, not certificates",
        "What do the sensitivities of features say about the robust error, and does any attacked point contradict it?",
        theorem_table,
        theorem_answer,
        plot_theorem,
    ),
    "convergence": Study(
        "Convergence of the attack",
        "Is one run of the protocol's steps enough?",
        convergence_table,
        convergence_answer,
        plot_convergence,
    ),
    "last_layer_refit": Study(
        "A new linear layer",
        "Can re-arranging the last layer make the normal model robust?",
        relinear_table,
        relinear_answer,
        plot_relinear,
    ),
    "norms": Study(
        "The norm of the attack",
        "Is the robust dataset's failure a matter of the norm?",
        norms_table,
        norms_answer,
        plot_norms,
    ),
    "crossing": Study(
        "The crossing of normal and robust_dataset",
        "At which epsilon does robust_dataset become more sensitive than normal?",
        crossing_table,
        crossing_answer,
        plot_crossing,
    ),
}
