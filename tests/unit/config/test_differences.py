from feature_sensitivity.config.differences import differences


def test_only_what_differs_is_left():
    base = {"a": 1, "b": {"c": 2, "d": [3]}, "e": {"f": None}}
    changed = {"a": 1, "b": {"c": 2, "d": [3, 4]}, "e": {"f": None}, "g": {"h": 5}}
    assert differences(changed, base) == {"b": {"d": [3, 4]}, "g": {"h": 5}}
    assert differences(base, base) == {}


def test_a_section_may_take_the_place_of_a_value():
    assert differences({"a": {"b": 1}}, {"a": None}) == {"a": {"b": 1}}
