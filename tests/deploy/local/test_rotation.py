"""New keys come in without a moment in which one pod refuses what another signed or sealed."""

from __future__ import annotations

import base64
import json
from itertools import pairwise, product
from pathlib import Path
from uuid import uuid4

import pytest

from tercet_backup.keys import missing_keys, prints_of
from tercet_chassis.errors import TokenInvalid
from tercet_chassis.principal import Principal
from tercet_chassis.sealing import Sealer, SecretSealedOtherwise
from tercet_chassis.tokens import Signer, Verifier
from tercet_local.errors import LocalError
from tercet_local.folder import write_private
from tercet_local.kubernetes import Placement, manifests
from tercet_local.provisioning import SERVICES
from tercet_local.rotation import Step, Values, rotate, rotated

SOMEBODY = Principal.system("leads", uuid4())


class Pod:
    """A pod that was started with the Secret as it was then."""

    def __init__(self, values: Values, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name, text in values.items():
            if name == "jwks.json" or name.endswith(".private.jwk"):
                write_private(folder / name, text)
        self.signers = {service: Signer(service, folder) for service in SERVICES}
        self.verifier = Verifier(folder)
        self.keys = dict(pair.split("=", 1) for pair in values["encryption-keys"].split(","))
        self.sealer = Sealer(self.keys, b"", "webhooks")

    def takes(self, other: Pod) -> bool:
        """Whether it takes what the other signs and seals."""
        for signer in other.signers.values():
            self.verifier.principal(signer.token(SOMEBODY))
        return self.sealer.open(other.sealer.seal("密", "row"), "row") == "密"


@pytest.fixture
def first(tmp_path: Path) -> Values:
    made = manifests(Placement("tercet", "crm", "tercet-secrets"), "db:5432", "", 1, tmp_path / "keys")
    values: Values = made[0]["stringData"]
    return values


def test_pods_of_both_sides_of_a_step_take_what_the_others_sign_and_seal(first: Values, tmp_path: Path) -> None:
    states = [first]
    for step in (*Step, *Step):
        states.append(rotated(states[-1], step))
    pods = [Pod(values, tmp_path / str(number)) for number, values in enumerate(states)]
    for before, after in pairwise(pods):
        assert all(one.takes(other) for one, other in product((before, after), repeat=2))
    # Links that customers hold and pages that callers turn are made of this.
    assert all(pod.signers["leads"].secret == pods[0].signers["leads"].secret for pod in pods)
    assert json.loads(states[-1]["jwks.json"])["keys"][0]["kid"] == "leads-3"
    assert len(json.loads(states[-1]["jwks.json"])["keys"]) == len(SERVICES)
    assert {name for name, text in states[-1].items() if text} == first.keys()
    for number, pod in enumerate(pods):
        backup = prints_of(pod.folder, pod.keys, "salt")
        for service in ("gateway", "leads"):
            assert not missing_keys(backup, service, pods[-1].folder, pods[-1].keys), number


def test_after_the_last_step_what_the_old_key_signs_is_refused_and_what_it_sealed_opens(
    first: Values, tmp_path: Path
) -> None:
    last = first
    for step in Step:
        last = rotated(last, step)
    old, new = Pod(first, tmp_path / "old"), Pod(last, tmp_path / "new")
    with pytest.raises(TokenInvalid):
        new.verifier.principal(old.signers["leads"].token(SOMEBODY))
    with pytest.raises(TokenInvalid):
        old.verifier.principal(new.signers["leads"].token(SOMEBODY))
    assert new.sealer.open(old.sealer.seal("密", "row"), "row") == "密"
    with pytest.raises(SecretSealedOtherwise):
        old.sealer.open(new.sealer.seal("密", "row"), "row")


def test_a_step_out_of_turn_is_refused_and_changes_nothing(first: Values, tmp_path: Path) -> None:
    file = tmp_path / "secret.json"
    data = {name: base64.b64encode(text.encode()).decode() for name, text in first.items()}
    live = {"kind": "Secret", "metadata": {"name": "tercet-secrets", "resourceVersion": "7"}, "data": data}
    for document in ({"kind": "List", "items": [{"stringData": first}]}, live):
        file.write_text(json.dumps(document))
        for wrong in (Step.SIGN, Step.RETIRE):
            with pytest.raises(LocalError, match="next step for these keys is `announce`"):
                rotate(file, wrong)
        assert json.loads(file.read_text()) == document
        for step in Step:
            rotate(file, step)
            with pytest.raises(LocalError, match="next step"):
                rotate(file, step)
    assert json.loads(file.read_text())["metadata"] == {"name": "tercet-secrets"}
    file.write_text("{}")
    with pytest.raises(LocalError, match="holds no keys"):
        rotate(file, Step.ANNOUNCE)
