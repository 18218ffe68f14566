"""How far two sets of values agree, feature by feature: the facts that evidence is weighed from."""

from __future__ import annotations

from collections.abc import Mapping

from rapidfuzz.distance import OSA

from tercet_leads.identity.evidence import Evidence
from tercet_leads.identity.rules_basics import Agreement, crowd, one_off, shared
from tercet_leads.identity.rules_company import compare_codes, compare_company


def compare(trace: Evidence, profile: Evidence, holders: Mapping[str, int]) -> list[Agreement]:
    """What a trace and a party's profile agree and disagree on; features that either side leaves empty say nothing.

    `holders` tells of the trace's keys how many parties hold each, so that a switchboard counts for less than a mobile.
    """
    found: list[Agreement] = []
    scope = trace.kind[0]
    _phones(trace, profile, holders, scope, found)
    _mailboxes(trace, profile, holders, scope, found)
    mine, theirs = trace.values, profile.values
    for feature in ("wechats", "openids"):
        if (a := mine.get(feature)) and (b := theirs.get(feature)):
            found.append((feature, "exact" if shared(a, b) else "differs"))
    if scope == "i":
        _resident(trace, profile, found)
        _person(trace, profile, holders, found)
        _employer(trace, profile, found)
    else:
        compare_codes(trace, profile, found)
        compare_company(trace, profile, holders, found)
        _person(trace, profile, holders, found)
    _place(trace, profile, found)
    return _household(found) if scope == "i" else found


_OTHER_PERSON = frozenset({("name", "differs"), ("name", "differs_in_family"), ("name", "one_of_two_off")})


def _household(found: list[Agreement]) -> list[Agreement]:
    """Under another full name a shared door, phone or mailbox speaks for a family or an office, not for one person."""
    if _OTHER_PERSON.isdisjoint(found):
        return found
    return [
        ("address", "household")
        if part[0] == "address" and part[1] in ("same_room", "same_building", "same_street")
        else (part[0], "under_other_name")
        if part[0] in ("mobile", "landline", "email") and part[1].startswith("exact")
        else part
        for part in found
    ]


def _phones(trace: Evidence, profile: Evidence, holders: Mapping[str, int], scope: str, found: list[Agreement]) -> None:
    mine, theirs = trace.get("mobiles"), profile.get("mobiles")
    if mine and theirs and (value := shared(mine, theirs)):
        found.append(("mobile", "exact_" + crowd(holders.get(f"{scope}m:{value}", 1))))
    elif (mine or trace.get("broken")) and (theirs or profile.get("broken")):
        all_mine, all_theirs = mine + trace.get("broken"), theirs + profile.get("broken")
        if one_off(all_mine, all_theirs):
            found.append(("mobile", "one_off"))
        elif mine and theirs:
            found.append(("mobile", "differs"))
    mine, theirs = trace.get("landlines"), profile.get("landlines")
    if mine and theirs and (value := shared(mine, theirs)):
        found.append(("landline", "exact_" + crowd(holders.get(f"{scope}l:{value}", 1))))
        return
    mine, theirs = trace.get("locals"), profile.get("locals")
    if mine and theirs:
        if value := shared(mine, theirs):
            found.append(("landline", "exact_" + crowd(holders.get(f"{scope}l:{value}", 1))))
        elif one_off(mine, theirs):
            found.append(("landline", "one_off"))
        else:
            found.append(("landline", "differs"))


def _mailboxes(
    trace: Evidence, profile: Evidence, holders: Mapping[str, int], scope: str, found: list[Agreement]
) -> None:
    mine, theirs = trace.get("emails"), profile.get("emails")
    if mine and theirs:
        if value := shared(mine, theirs):
            found.append(("email", "exact_" + crowd(holders.get(f"{scope}e:{value}", 1))))
        elif one_off(mine, theirs) or _same_local(mine, theirs):
            found.append(("email", "one_off"))
        else:
            found.append(("email", "differs"))
    elif mine and (mobiles := profile.get("mobiles")):
        _mobile_in_mailbox(mine, mobiles, found)
    elif theirs and (mobiles := trace.get("mobiles")):
        _mobile_in_mailbox(theirs, mobiles, found)
    mine, theirs = trace.get("roles"), profile.get("roles")
    if mine and theirs and (value := shared(mine, theirs)):
        found.append(("role_mailbox", "exact_" + crowd(holders.get(f"{scope}e:{value}", 1))))
    mine, theirs = trace.get("domains"), profile.get("domains")
    if mine and theirs:
        if value := shared(mine, theirs):
            found.append(("domain", "exact_" + crowd(holders.get(f"{scope}d:{value}", 1))))
        else:
            found.append(("domain", "differs"))


def _same_local(mine: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    locals_ = {value.partition("@")[0] for value in theirs}
    return any(len(local := value.partition("@")[0]) >= 7 and local in locals_ for value in mine)


def _mobile_in_mailbox(emails: tuple[str, ...], mobiles: tuple[str, ...], found: list[Agreement]) -> None:
    numbers = tuple(local for value in emails if len(local := value.partition("@")[0]) == 11 and local.isdigit())
    if shared(numbers, mobiles):
        found.append(("email", "names_mobile"))
    elif numbers and one_off(numbers, mobiles):
        found.append(("email", "names_mobile_one_off"))


def _resident(trace: Evidence, profile: Evidence, found: list[Agreement]) -> None:
    mine, theirs = trace.get("residents"), profile.get("residents")
    if mine and theirs:
        found.append(("resident_id", "exact" if shared(mine, theirs) else "conflicts"))
        return
    all_mine, all_theirs = mine + trace.get("resident_hints"), theirs + profile.get("resident_hints")
    if all_mine and all_theirs:
        fits = any(fits_mask(a, b) for a in all_mine for b in all_theirs)
        found.append(("resident_id", "fits" if fits else "differs"))


def fits_mask(a: str, b: str) -> bool:
    """Whether two identifiers may be the same: masked places fit anything, else one character may be mistyped."""
    if "*" not in a and "*" not in b:
        return OSA.distance(a, b, score_cutoff=1) <= 1
    masked, other = (a, b) if "*" in a else (b, a)
    head, tail = masked.split("*", 1)[0], masked.rsplit("*", 1)[1]
    return other.startswith(head) and other.endswith(tail)


def _person(trace: Evidence, profile: Evidence, holders: Mapping[str, int], found: list[Agreement]) -> None:
    mine, theirs = trace.get("names"), profile.get("names")
    if mine and theirs and shared(mine, theirs):
        count = holders.get(f"in:{spelling[0]}", 1) if (spelling := trace.get("spellings")) else 1
        found.append(("name", "exact_" + crowd(count) if trace.kind == "individual" else "exact"))
        return
    spelled_mine, spelled_theirs = trace.get("spellings"), profile.get("spellings")
    if spelled_mine and spelled_theirs:
        if shared(spelled_mine, spelled_theirs):
            found.append(("name", "sounds_same"))
        elif mine and theirs and (alike := _look_alike(mine, theirs)):
            found.append(("name", alike))
        elif one_off(spelled_mine, spelled_theirs):
            found.append(("name", "spelling_one_off"))
        elif trace.kind == "individual" and shared(trace.get("families"), profile.get("families")):
            found.append(("name", "differs_in_family"))
        else:
            found.append(("name", "differs"))
        return
    nicks, their_nicks = trace.get("nicknames"), profile.get("nicknames")
    if nicks and theirs:
        found.append(("name", "nickname_fits" if _nick_fits(nicks, theirs) else "nickname_differs"))
        return
    if their_nicks and mine:
        found.append(("name", "nickname_fits" if _nick_fits(their_nicks, mine) else "nickname_differs"))
        return
    families, their_families = trace.get("families"), profile.get("families")
    if families and their_families:
        found.append(("name", "family_same" if shared(families, their_families) else "family_differs"))
    elif nicks and their_nicks:
        found.append(("name", "nickname_same" if shared(nicks, their_nicks) else "nickname_differs"))


def _look_alike(mine: tuple[str, ...], theirs: tuple[str, ...]) -> str:
    """One character of a name is other, swapped or left out. In a name of two that is often another person."""
    for a in mine:
        for b in theirs:
            if len(a) != len(b):
                short, long = (a, b) if len(a) < len(b) else (b, a)
                if len(long) - len(short) == 1 and short[0] == long[0] and short[1:] in (long[1:-1], long[2:]):
                    return "one_left_out"
            elif OSA.distance(a, b, score_cutoff=1) <= 1:
                if len(a) == 2:
                    return "one_of_two_off" if a[0] == b[0] else ""
                return "one_of_three_off"
    return ""


def _nick_fits(nicks: tuple[str, ...], names: tuple[str, ...]) -> bool:
    return any(character in nick for nick in nicks for name in names for character in name)


def _employer(trace: Evidence, profile: Evidence, found: list[Agreement]) -> None:
    mine, theirs = trace.get("cores"), profile.get("cores")
    if mine and theirs:
        if shared(mine, theirs) or shared(trace.get("core_spellings"), profile.get("core_spellings")):
            found.append(("employer", "exact"))
        else:
            found.append(("employer", "similar" if one_off(mine, theirs) else "differs"))


def _place(trace: Evidence, profile: Evidence, found: list[Agreement]) -> None:
    mine, theirs = trace.get("places"), profile.get("places")
    if mine and theirs:
        best = max(place_agreement(a, b) for a in mine for b in theirs)
        found.append(("address", _PLACES[best]))
        if best >= 2:
            return
    cities, their_cities = trace.get("cities"), profile.get("cities")
    if trace.kind == "individual" and cities and their_cities:
        found.append(("city", "same" if shared(cities, their_cities) else "differs"))


_PLACES = ("differs", "same_street_other_door", "same_street", "same_building", "same_room")


def place_agreement(a: str, b: str) -> int:
    """Index into the steps from another street to the same room; what one side leaves out does not count against it."""
    road, number, site, building, room = a.split("|")
    road_b, number_b, site_b, building_b, room_b = b.split("|")
    if road and road_b:
        street = (road == road_b or OSA.distance(road, road_b, score_cutoff=1) <= 1) and (
            not number or not number_b or number == number_b
        )
    else:
        street = bool(site) and site == site_b
    if not street:
        return (
            4 if room and room == room_b and site and site == site_b and (not building or building == building_b) else 0
        )
    if site and site_b and site != site_b and OSA.distance(site, site_b, score_cutoff=1) > 1:
        return 1
    if room and room_b:
        if room != room_b:
            return 1
        return 4 if not building or not building_b or building == building_b else 1
    if building and building_b:
        return 3 if building == building_b else 1
    return 2
