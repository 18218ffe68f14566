"""How far two companies agree: codes, name and legal form."""

from __future__ import annotations

from collections.abc import Mapping

from rapidfuzz.distance import OSA

from tercet_leads.identity.evidence import Evidence
from tercet_leads.identity.rules_basics import Agreement, crowd, one_off, shared

_SHOPS = frozenset({"shop", "factory", "farm", "partnership", "institution"})


def compare_codes(trace: Evidence, profile: Evidence, found: list[Agreement]) -> None:
    """Credit codes, the organisation codes inside them and inside old tax numbers, and old licence numbers."""
    mine, theirs = trace.get("organisations"), profile.get("organisations")
    if mine and theirs:
        found.append(("organisation_code", "exact" if shared(mine, theirs) else "conflicts"))
    else:
        hints, their_hints = trace.get("code_hints"), profile.get("code_hints")
        if (hints or mine) and (their_hints or theirs):
            inner = mine + tuple(hint[8:17] for hint in hints if len(hint) == 18)
            their_inner = theirs + tuple(hint[8:17] for hint in their_hints if len(hint) == 18)
            close = one_off(inner, their_inner) or one_off(hints, their_hints)
            found.append(("organisation_code", "one_off" if close else "differs"))
    mine, theirs = trace.get("licences"), profile.get("licences")
    if mine and theirs:
        found.append(
            ("licence", "exact" if shared(mine, theirs) else "one_off" if one_off(mine, theirs) else "differs")
        )


def compare_company(trace: Evidence, profile: Evidence, holders: Mapping[str, int], found: list[Agreement]) -> None:
    """Core, trade and city in one, since registration allows a core once per trade and city; branch and legal form."""
    mine, theirs = trace.get("cores"), profile.get("cores")
    if not mine or not theirs:
        return
    branches, their_branches = trace.get("branches"), profile.get("branches")
    if branches and their_branches and (branches != ("head",) or their_branches != ("head",)):
        if not shared(branches, their_branches):
            found.append(
                ("branch", "head_and_branch" if "head" in branches or "head" in their_branches else "other_branch")
            )
        else:
            found.append(("branch", "same"))
    if shared(mine, theirs):
        core = "same"
        found.append(("core_holders", crowd(holders.get(f"cc:{trace.get('core_spellings')[0]}", 1))))
    elif shared(trace.get("core_spellings"), profile.get("core_spellings")):
        core = "sounds_same"
    elif any(len(a) == len(b) and sorted(a) == sorted(b) for a in mine for b in theirs):
        core = "swapped"
    elif _core_alike(mine, theirs):
        core = "alike"
    else:
        found.append(("company_name", "differs"))
        return
    trades, their_trades = trace.get("trades"), profile.get("trades")
    trade = "trade_unknown"
    if trades and their_trades:
        trade = (
            "trade_same"
            if shared(trades, their_trades)
            else "trade_near"
            if _near_trade(trades, their_trades)
            else "trade_differs"
        )
    found.append(("company_name", f"{core}_{trade}_{_city(trace, profile)}"))
    forms, their_forms = trace.get("forms"), profile.get("forms")
    if forms and their_forms:
        small, their_small = not _SHOPS.isdisjoint(forms), not _SHOPS.isdisjoint(their_forms)
        if small != their_small:
            found.append(("legal_form", "differs"))
        elif small:
            found.append(("legal_form", "same" if shared(forms, their_forms) else "differs"))


def _core_alike(mine: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    for a in mine:
        for b in theirs:
            longest = max(len(a), len(b))
            if longest >= 3 and OSA.distance(a, b, score_cutoff=1) <= 1:
                return True
            if longest == 2 and len(a) == len(b) and (a[0] == b[0] or a[1] == b[1]):
                return True
            if min(len(a), len(b)) >= 2 and (a.startswith(b) or b.startswith(a)):
                return True
    return False


def _near_trade(mine: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    return any(a in b or b in a or OSA.distance(a, b, score_cutoff=1) <= 1 for a in mine for b in theirs)


def _city(trace: Evidence, profile: Evidence) -> str:
    mine = trace.get("company_cities") + trace.get("cities")
    theirs = profile.get("company_cities") + profile.get("cities")
    if mine and theirs:
        return "city_same" if shared(mine, theirs) else "city_differs"
    provinces, their_provinces = trace.get("provinces"), profile.get("provinces")
    if provinces and their_provinces and not shared(provinces, their_provinces):
        return "city_differs"
    return "city_unknown"
