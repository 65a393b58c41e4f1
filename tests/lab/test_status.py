"""`make status`: a line for each endpoint, and a failure where one does not answer."""

from tests.support.commands import assert_failed
from tests.support.contract import ENDPOINTS, VERSION
from tests.support.lab import stopped


def test_it_prints_the_address_of_each_endpoint_and_each_answers(lab):
    *lines, first_step, proof = lab.must_make("status").splitlines()
    assert dict(line.split(" ") for line in lines) == {name: lab.url(name) for name in ENDPOINTS}
    assert first_step.startswith(f"Jaeger {VERSION} ")
    assert proof.startswith("lab: one request went through all 3 modes, and Jaeger has its trace:")
    assert {name: lab.status(name) for name in ENDPOINTS} == dict.fromkeys(ENDPOINTS, 200)


def test_it_fails_where_an_endpoint_does_not_answer(lab):
    with stopped(lab, "car-programmatic.socket"):
        status = lab.make("status")
    assert_failed(status, "car-programmatic does not answer at")
