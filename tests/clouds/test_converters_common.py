"""scikit-learn's own checks of the converters.

The checks compare outputs as arrays. Clouds of different sizes have no array that
would not depend on the longest cloud of the batch, so what runs here keeps every bin
(`threshold=None`). That the default treats each sample on its own, and refuses blank
ones, is tested in `test_converters.py`.
"""

import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from skwass import HistogramToCloud, ImageToCloud

CONVERTERS = [
    ImageToCloud((1, -1), threshold=None),
    HistogramToCloud(threshold=None),
]
#: public checks that scikit-learn runs on its own estimators only, where they apply:
#: those of set_output and get_feature_names_out are for transformers that give columns
FURTHER_CHECKS = [
    estimator_checks.check_param_validation,
    estimator_checks.check_dataframe_column_names_consistency,
    estimator_checks.check_inplace_ensure_writeable,
    estimator_checks.check_readonly_memmap_input,
    estimator_checks.check_set_output_transform,
    estimator_checks.check_transformer_preserve_dtypes,
    estimator_checks.check_transformers_unfitted_stateless,
]

pytestmark = pytest.mark.filterwarnings("ignore:An array of a PointClouds")


@parametrize_with_checks(CONVERTERS)
def test_converters_keep_the_rules_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("check", FURTHER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("converter", CONVERTERS, ids=lambda c: type(c).__name__)
def test_converters_keep_the_rules_for_estimators_of_scikit_learn(converter, check):
    check(type(converter).__name__, converter)
