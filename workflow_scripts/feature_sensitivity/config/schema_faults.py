"""What the schema finds wrong with a configuration, each fault in one sentence."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

RENAMED = {
    "sensitivity.surrogate_relu": "sensitivity.surrogate_steps",
    "sensitivity.precision": "sensitivity.target_relative_error",
    "studies.theorem": "studies.error_bounds",
    "studies.relinear": "studies.last_layer_refit",
}
"""Keys of earlier versions, and what they are called now."""

KINDS = {
    "null": "null",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys and values below it, as in config.yaml",
}


def schema_faults(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each fault: key, value, and what to write instead."""
    return [sentence for error in Draft202012Validator(schema).iter_errors(config) for sentence in _sentences(error)]


def _sentences(error: ValidationError) -> Iterator[str]:
    match error.validator:
        case "additionalProperties":
            yield from _unknown_keys(error)
        case "required":
            yield from _missing_keys(error)
        case _:
            value: Any = error.instance
            shown = f"{value!r}" if isinstance(value, str) else f"{value}"
            yield f"{_key(error) or 'the configuration'} is {shown}; write {_advice(error)}"


def _unknown_keys(error: ValidationError) -> Iterator[str]:
    known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
    present: Any = error.instance
    for unknown in present.keys() - known.keys():
        full = _key(error, unknown)
        if full in RENAMED:
            yield f"{full} is now {RENAMED[full]}; rename it"
            continue
        near = difflib.get_close_matches(str(unknown), known, n=1)
        advice = f"write {near[0]}" if near else f"known here: {', '.join(known)}"
        yield f"{_place(error)}unknown key {unknown!r}; {advice}"


def _missing_keys(error: ValidationError) -> Iterator[str]:
    present: Any = error.instance
    required: Any = error.validator_value
    # A key under its old name is reported as renamed, not as missing.
    renamed = {RENAMED.get(_key(error, name)) for name in present}
    for missing in required:
        if missing not in present and _key(error, missing) not in renamed:
            or_weights = ", or the path of its weights" if missing == "training" and "dataset" in present else ""
            yield f"{_place(error)}the key {missing!r} is missing; add it as in config.yaml{or_weights}"


def _key(error: ValidationError, *below: str) -> str:
    """Return the dotted key at which the error is, or of one below it."""
    return ".".join(str(part) for part in (*error.absolute_path, *below))


def _place(error: ValidationError) -> str:
    return f"{_key(error)}: " if error.absolute_path else ""


def _advice(error: ValidationError) -> str:
    """Return what to write instead of the value."""
    rule: Any = error.validator_value
    schema: Any = error.schema
    value = error.instance
    if error.validator == "enum":
        return "one of " + ", ".join("null" if choice is None else str(choice) for choice in rule)
    if "description" in schema:
        quoted = f", here {str(value)!r}" if error.validator == "type" and isinstance(value, float | int) else ""
        return schema["description"].rstrip(".").lower() + quoted
    match error.validator:
        case "type":
            return " or ".join(KINDS.get(kind, f"a {kind}") for kind in ([rule] if isinstance(rule, str) else rule))
        case "minimum":
            return f"{rule} or more"
        case "maximum":
            return f"{rule} or less"
        case "exclusiveMinimum":
            return f"a number above {rule}"
        case "exclusiveMaximum":
            return f"a number below {rule}"
        case "minLength":
            return "at least one character" + (", or null" if "null" in schema["type"] else "")
        case "minItems" | "minProperties":
            return f"at least {rule}"
        case "uniqueItems":
            return "each only once"
        case "pattern" if "a-z0-9_" in rule:
            return "a name of lowercase letters, digits and underscores that begins with a letter"
        case _:
            return f"what matches {rule!r}"
