"""`regard table --only` prints what was asked for, and no more."""

import pytest

from regard.experiments.tables.results import ClaimRow, TableResults, TableRow
from regard.experiments.tables.run import _asked

ARMS = ("plain", "noise", "aib")
CLAIMS = (("noise", "plain"), ("aib", "plain"), ("aib", "noise"), ("aib", ""))


def results() -> TableResults:
    rows = tuple(TableRow(arm=arm, seeds=(0,), missing=(), cells={}) for arm in ARMS)
    facts = {"by": "nll", "value": 0.0, "verdict": "not settled"}
    claims = tuple(ClaimRow(better=better, than=than, **facts) for better, than in CLAIMS)
    return TableResults(title="t", reference="plain", seeds=(0,), columns=(), rows=rows, claims=claims)


@pytest.mark.parametrize(
    ("only", "rows", "claims"),
    [
        ((), ARMS, CLAIMS),
        (("aib",), ("aib",), (("aib", ""),)),
        (("aib", "noise"), ("noise", "aib"), (("aib", "noise"), ("aib", ""))),
        (("plain", "noise"), ("plain", "noise"), (("noise", "plain"),)),
    ],
)
def test_other_arms_and_claims_about_them_are_left_out(only, rows, claims) -> None:
    asked = _asked(results(), only)
    assert tuple(row.arm for row in asked.rows) == rows
    assert tuple((claim.better, claim.than) for claim in asked.claims) == claims
