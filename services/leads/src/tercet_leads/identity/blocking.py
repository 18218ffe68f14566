"""Keys under which a trace is found again: strong ones name a person or company, weak ones only bring candidates
together."""

from __future__ import annotations

from hashlib import blake2b

from tercet_leads.identity.evidence import Evidence

# A key held by more parties than this brings too many to compare and says too little: a name like 张伟, a common core.
CROWDED = 24


def _strong(scope: str) -> tuple[tuple[str, str], ...]:
    marks = {"mobiles": "m", "landlines": "l", "emails": "e", "roles": "e", "wechats": "w", "openids": "o"}
    marks |= {"residents": "r"} if scope == "i" else {}
    marks |= {"organisations": "u", "licences": "k"}
    return tuple((feature, f"{scope}{mark}:") for feature, mark in marks.items())


# Features whose values are keys by themselves, for persons and companies.
_STRONG = {scope: _strong(scope) for scope in ("i", "c")}


def strong_keys(evidence: Evidence) -> list[str]:
    """Keys that by themselves point at one party: phones, mailboxes, ids. Written «kind:value»."""
    return _keys(evidence)[0]


def weak_keys(evidence: Evidence) -> list[str]:
    """Keys that bring similar traces together: names with a city, part of a phone, an address, a domain."""
    return _keys(evidence)[1]


def all_keys(evidence: Evidence) -> list[str]:
    """Strong keys, then weak ones."""
    strong, weak = _keys(evidence)
    return strong + weak


def digest(key: str) -> int:
    """A key as the signed 64-bit number it is stored as."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big", signed=True)


def digests(evidence: Evidence) -> list[int]:
    """The digests of all keys, in their order."""
    if evidence.digests is None:
        evidence.digests = [digest(key) for key in all_keys(evidence)]
    return evidence.digests


def _keys(evidence: Evidence) -> tuple[list[str], list[str]]:
    if evidence.keys is None:
        weak = _person_keys(evidence) if evidence.kind == "individual" else _company_keys(evidence)
        evidence.keys = _strong_keys(evidence), weak
    return evidence.keys


def _strong_keys(evidence: Evidence) -> list[str]:
    found = evidence.values
    strong = _STRONG[evidence.kind[0]]
    return [prefix + value for feature, prefix in strong if feature in found for value in found[feature]]


def _person_keys(evidence: Evidence) -> list[str]:
    keys: list[str] = []
    spellings, cities = evidence.get("spellings"), evidence.get("cities")
    named = [
        local for email in evidence.get("emails") if len(local := email.partition("@")[0]) == 11 and local.isdigit()
    ]
    mobiles = (*evidence.get("mobiles"), *evidence.get("broken"), *named)
    for spelling in spellings:
        keys += [f"inc:{spelling}|{city}" for city in cities]
        keys += [f"inm:{spelling}|{mobile[:6]}" for mobile in mobiles]
        keys += [f"inm:{spelling}|{mobile[-4:]}" for mobile in mobiles]
        keys += [f"ink:{spelling}|{core}" for core in evidence.get("core_spellings")]
        keys.append(f"in:{spelling}")
    keys += [f"il:{local}" for local in evidence.get("locals")]
    keys += [f"ih:{hint[:6]}{hint[-4:]}" for hint in (*evidence.get("residents"), *evidence.get("resident_hints"))]
    for email in evidence.get("emails"):
        local = email.partition("@")[0]
        if len(local) >= 7:
            keys.append(f"iel:{local}")
        if len(local) == 11 and local.isdigit():
            keys.append(f"im:{local}")
    for place in evidence.get("places"):
        road, number, site, building, room = place.split("|")
        if room and (road or site):
            keys.append(f"ia:{road}{number if road else site}|{room}")
            if building:
                keys.append(f"ib:{site or number}|{building}|{room}")
        elif road and number and (site or building):
            keys.append(f"id:{road}{number}|{building}")
    return keys


def _company_keys(evidence: Evidence) -> list[str]:
    keys: list[str] = []
    cities = dict.fromkeys((*evidence.get("company_cities"), *evidence.get("cities")))
    trades = evidence.get("trades")
    for spelling in evidence.get("core_spellings"):
        keys += [f"ccc:{spelling}|{city}" for city in cities]
        keys += [f"cct:{spelling}|{trade}" for trade in trades]
        keys.append(f"cc:{spelling}")
    for core in evidence.get("cores"):
        # Halves survive one wrong, dropped or swapped character elsewhere in the core.
        for trade in trades:
            keys += [f"cft:{core[:2]}|{trade}", f"cet:{core[-2:]}|{trade}"]
            keys.append(f"cst:{''.join(sorted(core))}|{trade}")
            keys += [f"c1t:{core[0]}|{trade}|{city}" for city in cities] if len(core) == 2 else []
            keys += [f"c2t:{core[1]}|{trade}|{city}" for city in cities] if len(core) == 2 else []
    keys += [f"cl:{local}" for local in evidence.get("locals")]
    keys += [f"cd:{domain}" for domain in evidence.get("domains")]
    for hint in (
        *evidence.get("organisations"),
        *(hint[8:17] for hint in evidence.get("code_hints") if len(hint) == 18),
    ):
        keys += [f"ch:{hint[:5]}", f"cg:{hint[4:8]}"]
    mobiles = (*evidence.get("mobiles"), *evidence.get("broken"))
    for spelling in evidence.get("spellings"):
        keys += [f"cnm:{spelling}|{mobile[-4:]}" for mobile in mobiles]
        keys += [f"cnm:{spelling}|{mobile[:6]}" for mobile in mobiles]
        keys += [f"cnc:{spelling}|{city}" for city in cities]
    for place in evidence.get("places"):
        road, number, site, _building, room = place.split("|")
        if room and (road or site):
            keys.append(f"ca:{road}{number if road else site}|{room}")
    return keys
