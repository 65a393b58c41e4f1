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


def counted(**counters: int) -> dict:
    """Return an answer of Prometheus with counters, each named service__collector."""
    result = []
    for name, count in counters.items():
        service, _, collector = name.partition("__")
        labels = {"service_name": service, "collector_instance_id": collector}
        result.append({"metric": labels, "value": [1795501968.0, str(count)]})
    return {"data": {"result": result}}


def test_a_service_is_counted_if_a_counter_of_it_is_new_or_higher():
    earlier = counted(higher__a=1, same__a=2, restarted__a=3, forgotten__a=5, forgotten__b=1)
    answer = counted(
        higher__a=2, same__a=2, restarted__a=3, restarted__b=1, new__a=1, zero__a=0, forgotten__b=1
    )
    assert counted_services(answer, earlier) == ["higher", "new", "restarted"]
