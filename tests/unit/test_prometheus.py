"""What is read from the answers of Prometheus."""

from prometheus import counted_services, exemplar_trace_ids


def test_the_traces_of_all_series_are_found_once():
    first, second = "1" * 32, "2" * 32
    answer = {
        "data": [
            {"exemplars": [{"labels": {"trace_id": second}}, {"labels": {"trace_id": first}}]},
            {"exemplars": [{"labels": {"trace_id": first}}, {"labels": {}}]},
        ]
    }
    assert exemplar_trace_ids(answer) == [first, second]
    assert exemplar_trace_ids({"data": []}) == []


def counted(**services: int) -> dict:
    """Return an answer of Prometheus with a counter for each service."""
    result = [
        {"metric": {"service_name": name}, "value": [1795501968.0, str(count)]}
        for name, count in services.items()
    ]
    return {"data": {"result": result}}


def test_a_service_is_counted_if_its_counter_is_new_or_changed():
    earlier = counted(higher=1, same=2, began_anew=3)
    answer = counted(higher=2, same=2, began_anew=1, new=1, still_zero=0)
    assert counted_services(answer, earlier) == ["higher", "began_anew", "new"]
