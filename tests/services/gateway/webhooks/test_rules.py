"""Signatures that the reference library accepts, a day of retries, and names of events."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from tercet_chassis.ids import new_id
from tercet_chassis.sealing import EncryptionKeyTooShort, Sealer, SecretSealedOtherwise
from tercet_gateway.webhooks.model import DEAD, PENDING, Webhook, WebhookDelivery
from tercet_gateway.webhooks.rules import (
    MOST_ATTEMPTS,
    SEALED_FOR,
    chosen,
    delay_after,
    event_name,
    is_hopeless,
    may_hear,
    new_secret,
    signature,
)

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def _headers(secret: str, body: bytes) -> dict[str, str]:
    now = int(time.time())
    return {"webhook-id": "e1", "webhook-timestamp": str(now), "webhook-signature": signature(secret, "e1", now, body)}


def test_reference_library_accepts_our_signature_and_no_other() -> None:
    secret, body = new_secret(), '{"名":"王芳"}'.encode()
    assert Verifier(secret).verify(body, _headers(secret, body)) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Verifier(new_secret()).verify(body, _headers(secret, body))
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(body + b" ", _headers(secret, body))


def test_twelve_retries_fill_a_day() -> None:
    for id in (uuid4() for _ in range(50)):
        delays = [delay_after(attempts, id) for attempts in range(1, MOST_ATTEMPTS)]
        assert len(delays) == 12
        assert delays == sorted(delays)  # type: ignore[type-var]
        assert timedelta(hours=21) < sum(filter(None, delays), timedelta()) < timedelta(hours=27)
        assert delay_after(MOST_ATTEMPTS, id) is None


def test_delivery_dies_after_its_last_attempt_and_can_be_revived() -> None:
    delivery = WebhookDelivery(webhook_id=new_id(), event_id=new_id(), state=PENDING, attempts=0)
    for _ in range(12):
        delivery.fail(NOW, 500, "answered 500")
        assert delivery.state == PENDING
        assert delivery.next_time is not None
    delivery.fail(NOW, 500, "answered 500")
    assert (delivery.state, delivery.next_time, delivery.attempts) == (DEAD, None, 13)
    delivery.revive(NOW)
    assert (delivery.state, delivery.attempts) == (PENDING, 0)


def test_two_secrets_sign_for_a_day_after_rotation() -> None:
    hook = Webhook(id=new_id(), secrets=[])
    sealer = Sealer({}, b"own", SEALED_FOR)
    first = hook.rotate_secret(NOW, sealer.seal)
    second = hook.rotate_secret(NOW, sealer.seal)
    assert hook.signing_secrets(NOW + timedelta(hours=23), sealer.open) == [second, first]
    assert hook.signing_secrets(NOW + timedelta(hours=25), sealer.open) == [second]


def test_five_days_without_success_are_hopeless() -> None:
    assert not is_hopeless(None, NOW)
    assert not is_hopeless(NOW - timedelta(days=5), NOW)
    assert is_hopeless(NOW - timedelta(days=5, seconds=1), NOW)


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("leads.lead.created", True),
        ("leads.*", True),
        ("*", True),
        ("*.*.created", True),
        ("leads.lead.updated", False),
        ("sales.*.*", False),
    ],
)
def test_patterns_choose_events(pattern: str, fits: bool) -> None:
    assert chosen([pattern], "leads.lead.created") is fits


def test_event_names_speak_as_permissions_do() -> None:
    assert event_name("tercet.servicedesk.ticket.opened.v1") == "service-desk.ticket.opened"
    assert event_name("tercet.leads.assignment_rule.created.v1") == "leads.assignment_rule.created"


def test_only_who_reads_all_of_a_kind_is_told() -> None:
    assert may_hear([("*.*.read", "all")], "leads.lead.created")
    assert not may_hear([("leads.lead.read", "unit")], "leads.lead.created")
    assert not may_hear([("leads.lead.update", "all")], "leads.lead.created")


OLD, NEW = "o" * 32, "n" * 32


def test_a_sealed_secret_opens_only_for_its_own_row_and_unchanged() -> None:
    sealer = Sealer({"k1": OLD}, b"own", SEALED_FOR)
    sealed = sealer.seal("whsec_x", "row")
    assert "whsec_x" not in sealed
    assert sealed != sealer.seal("whsec_x", "row")
    assert sealer.open(sealed, "row") == "whsec_x"
    turned = sealed[:-3] + ("A" if sealed[-3] != "A" else "B") + sealed[-2:]
    for text, row in ((sealed, "another"), (turned, "row")):
        with pytest.raises(SecretSealedOtherwise):
            sealer.open(text, row)


def test_a_new_key_seals_while_the_old_one_still_opens() -> None:
    hook = Webhook(id=new_id(), secrets=[])
    before, both = Sealer({"k1": OLD}, b"own", SEALED_FOR), Sealer({"k2": NEW, "k1": OLD}, b"own", SEALED_FOR)
    after = Sealer({"k2": NEW}, b"", SEALED_FOR)
    secret = hook.rotate_secret(NOW, before.seal)
    assert hook.signing_secrets(NOW, both.open) == [secret]
    with pytest.raises(SecretSealedOtherwise):
        hook.signing_secrets(NOW, after.open)
    hook.seal_anew(both.open, both.seal)
    assert both.is_current(hook.secrets[0]["sealed"])
    assert hook.signing_secrets(NOW, after.open) == [secret]


def test_keys_that_are_too_short_are_refused() -> None:
    with pytest.raises(EncryptionKeyTooShort):
        Sealer({"k1": "short"}, b"own", SEALED_FOR)
