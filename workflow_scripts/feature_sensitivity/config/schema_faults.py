"""What the schema finds wrong with a configuration, each fault in one sentence."""

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml  # type: ignore[import-untyped]
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

LARGEST_BITS = 10_000
"""Of a whole number that a message can spell; Python stops at 4,300 digits."""

LONGEST_SHOWN = 60
"""Characters of a value that a sentence shows."""

NAME = "a name of lowercase letters, digits and underscores that begins with a letter"

KINDS = {
    "null": "null",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys and values below it, as in config.yaml",
}


def _is_number(_: Any, value: Any) -> bool:
    """Return whether a value is a number to compute with: .nan and .inf of YAML are none."""
    return _is_integer(_, value) or (isinstance(value, float) and math.isfinite(value))


def _is_integer(_: Any, value: Any) -> bool:
    """Return whether a value is a whole number as Python has it: JSON Schema's 8.0 is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def _pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[ValidationError]:
    """Compare a text with a pattern; Python's $ would let a newline follow."""
    if isinstance(value, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


Validator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    validators={"pattern": _pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many({"number": _is_number, "integer": _is_integer}),
)


def schema_faults(config: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each fault: key, value, and what to write instead."""
    # Python spells no number of thousands of digits, so that a message about it would be an error of its own.
    return list(_endless_numbers(config)) or [
        sentence for error in Validator(schema).iter_errors(config) for sentence in _sentences(error)
    ]


def _endless_numbers(value: Any, key: str = "") -> Iterator[str]:
    """Yield one sentence for each whole number that no computer has as one."""
    if isinstance(value, int) and value.bit_length() > LARGEST_BITS:
        yield f"{key} is a number of {math.log10(abs(value)):.0f} digits; write a smaller one"
    entries = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, entry in entries:
        yield from _endless_numbers(entry, f"{key}.{name}" if key else str(name))


def _sentences(error: ValidationError) -> Iterator[str]:
    match error.validator:
        case "additionalProperties":
            yield from _unknown_keys(error)
        case "required":
            yield from _missing_keys(error)
        case "type" if "classes" in error.absolute_schema_path and "propertyNames" in error.absolute_schema_path:
            yield f'{_place(error)}{_shown(error.instance)} is no text; write it in quotes, "{error.instance}"'
        case "type" | "pattern" if "propertyNames" in error.absolute_schema_path:
            yield f"{_place(error)}{_shown(error.instance)} is no name; write {NAME}"
        case _:
            yield f"{_key(error) or 'the configuration'} is {_shown(error.instance)}; write {_advice(error)}"


def _shown(value: Any) -> str:
    """Return a value as YAML spells it, shortened where it is long."""
    text = (
        repr(value)
        if isinstance(value, str)
        else yaml.safe_dump(value, default_flow_style=True, width=math.inf).removesuffix("\n...\n").strip()
    )
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _unknown_keys(error: ValidationError) -> Iterator[str]:
    known = error.schema.get("properties", {}) if isinstance(error.schema, Mapping) else {}
    present: Any = error.instance
    for unknown in present.keys() - known.keys():
        near = difflib.get_close_matches(str(unknown), known, n=1)
        advice = f"write {near[0]}" if near else f"known here: {', '.join(known)}"
        yield f"{_place(error)}unknown key {unknown!r}; {advice}"


def _missing_keys(error: ValidationError) -> Iterator[str]:
    present: Any = error.instance
    required: Any = error.validator_value
    for missing in required:
        if missing not in present:
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
    if error.validator == "type" and (number := _number_meant(value, schema)):
        return number
    if error.validator in ("minItems", "minProperties"):
        return f"at least {rule}"
    if error.validator == "maxLength":
        return f"at most {rule} characters"
    if "description" in schema:
        is_text = error.validator == "type" and rule == "string" and isinstance(value, float | int)
        quoted = f", here {str(value)!r}" if is_text else ""
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
        case "uniqueItems":
            return "each only once"
        case "pattern" if "a-z0-9_" in rule:
            return NAME
        case _:
            return f"what matches {rule!r}"


def _number_meant(value: Any, schema: Mapping[str, Any]) -> str:
    """Return how to spell a number that was written as 8.0, or as a text such as 40 or 1e-3; empty if none was."""
    if {"integer", "number"}.isdisjoint([schema["type"]] if isinstance(schema["type"], str) else schema["type"]):
        return ""
    wanted = Validator(schema).is_valid
    if isinstance(value, float) and value.is_integer() and wanted(int(value)):
        return f"{int(value)}"
    if not isinstance(value, str) or len(value) > LONGEST_SHOWN:
        return ""
    try:
        number = float(value)
    except ValueError:
        return ""
    if number.is_integer() and abs(number) < 2**53 and wanted(int(number)):
        spelling = f"{int(number)}"
    elif math.isfinite(number) and wanted(number):
        # YAML 1.1 takes an exponent for one only after a point.
        spelling = value if isinstance(yaml.safe_load(value), float) else re.sub(r"(?i)^(\d+)(?=e)", r"\1.0", value)
    else:
        return ""
    return f"{spelling} without quotes, in a file: --configfile FILE keeps numbers, --config makes texts of nested ones"
