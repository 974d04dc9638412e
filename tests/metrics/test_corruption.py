"""The mean corruption error: by hand, in every form, and bad forms."""

import numpy as np
import pytest

from skwass.metrics import mean_corruption_error

ERRORS = {"fog": [0.1, 0.2, 0.6], "snow": [0.4, 0.5, 0.9]}
BASELINE = {"fog": [0.2, 0.4, 0.6], "snow": [0.5, 0.5, 0.8]}


def as_table(errors):
    return [list(found) for found in errors.values()]


def test__plain_mean__is_of_severities_and_then_of_kinds():
    assert mean_corruption_error(ERRORS) == pytest.approx((0.3 + 0.6) / 2)
    ragged = {"fog": [0.1, 0.2, 0.6], "snow": 0.4}
    assert mean_corruption_error(ragged) == pytest.approx((0.3 + 0.4) / 2)


def test__baseline__divides_sums_of_each_kind():
    expected = (0.9 / 1.2 + 1.8 / 1.8) / 2
    assert mean_corruption_error(ERRORS, BASELINE) == pytest.approx(expected)
    # a mean of ratios over severities would be another
    ratios = np.divide(as_table(ERRORS), as_table(BASELINE)).mean()
    assert expected != pytest.approx(ratios)


def test__baseline__against_itself_is_one():
    assert mean_corruption_error(ERRORS, ERRORS) == pytest.approx(1)
    assert mean_corruption_error({"fog": 0.0}, {"fog": 0.5}) == 0


def test__every_form__is_read():
    expected = mean_corruption_error(ERRORS, BASELINE)
    by_severity = [
        {kind: dict(zip((1, 3, 5), found, strict=True)) for kind, found in each.items()}
        for each in (ERRORS, BASELINE)
    ]
    assert mean_corruption_error(*by_severity) == pytest.approx(expected)
    assert mean_corruption_error(by_severity[0], BASELINE) == pytest.approx(expected)
    turned = dict(reversed(BASELINE.items()))
    assert mean_corruption_error(ERRORS, turned) == pytest.approx(expected)
    tables = as_table(ERRORS), np.array(as_table(BASELINE), dtype=np.float32)
    found = mean_corruption_error(*tables)
    assert type(found) is float
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("errors", "message"),
    [
        ({}, "errors must hold one kind of corruption or more"),
        (np.zeros((0, 5)), "errors must hold one kind of corruption or more"),
        ([0.1, 0.2], r"errors must be of shape \(n_kinds, n_severities\).*\(2,\)"),
        ({"fog": []}, r"errors\['fog'\] must hold one error rate for each severity"),
        ({"fog": [[0.1]]}, r"errors\['fog'\] must hold one error rate.*\(1, 1\)"),
        ({"fog": [0.1, np.nan]}, r"errors\['fog'\].*between 0 and 1.*got nan"),
        ({"fog": [0.1, -0.5]}, r"errors\['fog'\].*between 0 and 1.*got -0.5"),
        ([[0.5], [35.5]], r"errors\[1\].*not percentages; got 35.5"),
        ({"fog": ["much"]}, r"errors\['fog'\] must hold error rates; got \['much'\]"),
    ],
)
def test__bad_errors__are_refused(errors, message):
    with pytest.raises(ValueError, match=message):
        mean_corruption_error(errors)


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ({"fog": [0.1] * 3}, r"same kinds; the baseline lacks \['snow'\]"),
        ({**BASELINE, "rain": [0.1] * 3}, r"same kinds.*has \['rain'\] besides"),
        ({**BASELINE, "snow": [0.1]}, "as many severities; got 3 and 1 at kind 'snow'"),
        ({**BASELINE, "fog": [0.0] * 3}, "positive somewhere.*'fog' is all zero"),
        ({**BASELINE, "fog": [2.0] * 3}, r"baseline_errors\['fog'\].*between 0 and 1"),
    ],
)
def test__bad_baseline__is_refused(baseline, message):
    with pytest.raises(ValueError, match=message):
        mean_corruption_error(ERRORS, baseline)


def test__severities_of_the_baseline__must_be_the_same():
    with pytest.raises(ValueError, match=r"severities of 'fog'.*lacks \[2\].*has \[3"):
        mean_corruption_error({"fog": {1: 0.1, 2: 0.2}}, {"fog": {1: 0.1, 3: 0.2}})
    with pytest.raises(ValueError, match="as many kinds; got 2 and 3"):
        mean_corruption_error([[0.1], [0.2]], [[0.1], [0.2], [0.3]])


def test__mapping_beside_an_array__is_refused():
    with pytest.raises(TypeError, match="both be mappings or both be arrays; got dict"):
        mean_corruption_error(ERRORS, as_table(BASELINE))
