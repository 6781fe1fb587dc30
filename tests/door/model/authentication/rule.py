"""What a route requires of a principal."""

from __future__ import annotations

import re

from tests.door.model.authentication.principal import Principal, is_exact, look_up
from tests.door.model.authentication.specification import Condition, Equals, OneOf, Rule


def is_satisfied(rule: Rule, principal: Principal) -> bool:
    """All of `all`, one of `any`, and every condition; what is not required holds."""
    scopes, roles = principal.scopes, principal.roles
    return (
        scopes >= {*rule.all_scopes}
        and (not rule.any_scopes or bool(scopes & {*rule.any_scopes}))
        and (not rule.any_roles or bool(roles & {*rule.any_roles}))
        and all(
            holds(condition, *look_up(principal.claims, path)) for path, condition in rule.claims
        )
    )


def holds(condition: Condition, found: bool, value: object) -> bool:
    if not found:
        return False
    if isinstance(condition, Equals):
        return same(condition.value, value)
    if isinstance(condition, OneOf):
        return any(same(wanted, value) for wanted in condition.values)
    return isinstance(value, str) and re.fullmatch(condition.expression, value) is not None


def same(left: object, right: object) -> bool:
    """Equality of JSON values: booleans are no numbers, and members have no order."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right and is_exact(left) and is_exact(right)


def scope_told(rule: Rule) -> frozenset[str]:
    """RFC 6750 section 3: the scope that access would take, where the route names one."""
    return frozenset((*rule.all_scopes, *rule.any_scopes))
