"""A service put together from its slices: what it serves, what it listens to, what runs by the clock. Nothing is
registered by hand.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from sqlalchemy import MetaData

from tercet.chassis.v1.operation_service_pb2 import Operation
from tercet_chassis.binding import Bindings
from tercet_chassis.consumers import Consumer, consumers_in
from tercet_chassis.contract import ContractBroken, methods_of, module_name, proto_package
from tercet_chassis.copies import built_in_consumers
from tercet_chassis.entity import Entity, metadata_of
from tercet_chassis.handlers import PROCESS, UNIT, Handlers, shape_of
from tercet_chassis.invariants import Check, invariants_in
from tercet_chassis.jobs import Job, jobs_in
from tercet_chassis.server import Bound
from tercet_chassis.standard import free_method

SERVICES = ("leads", "sales", "marketing", "service-desk", "gateway")
_PARTS = ("model", "service", "consumers", "jobs")


@dataclass
class Service:
    """One service by name and slices. Reads `model`, `service`, `consumers` and `jobs` of each slice, where they are.

    `hooks` run beside the gRPC server (the gateway's HTTP face). With `complete=False` RPCs without a handler answer
    UNIMPLEMENTED instead of refusing start-up: for tests that run only some slices.
    """

    name: str
    slices: Sequence[str]
    hooks: Sequence[Callable[..., Any]] = ()
    complete: bool = True
    entities: list[type[Entity]] = field(default_factory=list)
    consumers: list[Consumer] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    methods: dict[str, Bound] = field(default_factory=dict)

    @property
    def package(self) -> str:
        """Its proto package."""
        return proto_package(self.name)

    @property
    def module(self) -> str:
        """Its import package."""
        return module_name(self.name)

    @property
    def metadata(self) -> MetaData:
        """Its tables."""
        return metadata_of(self.module)

    def assemble(self) -> Service:
        """Imports all slices and binds contract and code; refuses whatever does not fit. Calling it again changes
        nothing.
        """
        if self.methods:
            return self
        # All that is made here stays; to look for what may go again and again took a third of a service's start.
        collected = gc.isenabled()
        gc.disable()
        try:
            self._assemble()
        finally:
            if collected:
                gc.enable()
        return self

    def _assemble(self) -> None:
        handlers: dict[str, Handlers] = {}
        for slice_name in self.slices:
            for part in _PARTS:
                module = _import(f"{self.module}.{slice_name}.{part}")
                if module is not None:
                    self._read(slice_name, part, module, handlers)
        self.consumers += built_in_consumers()
        self.bindings = Bindings(self.package)
        for entity in self.entities:
            self.bindings.bind(entity)
        self._bind_methods(handlers)

    def _read(self, slice_name: str, part: str, module: ModuleType, handlers: dict[str, Handlers]) -> None:
        if part == "model":
            self.entities += [
                value
                for value in vars(module).values()
                if isinstance(value, type)
                and issubclass(value, Entity)
                and "__tablename__" in value.__dict__
                and value.__module__ == module.__name__
            ]
        elif part == "service":
            for name, value in vars(module).items():
                if isinstance(value, type) and issubclass(value, Handlers) and value.__module__ == module.__name__:
                    handlers[name] = value()
            self.checks += invariants_in(module)
        elif part == "consumers":
            self.consumers += consumers_in(module, slice_name)
        else:
            self.jobs.update({job.name: job for job in jobs_in(module, slice_name)})

    def _bind_methods(self, handlers: dict[str, Handlers]) -> None:
        from tercet_chassis.served import CHASSIS_HANDLERS

        served = set()
        missing = []
        groups: list[tuple[str, Mapping[str, Handlers]]] = [
            (self.package, handlers),
            ("tercet.chassis.v1", CHASSIS_HANDLERS),
        ]
        for package, known in groups:
            for method in methods_of(package):
                owner = known.get(method.service.rsplit(".", 1)[1])
                served.add(type(owner))
                own = getattr(owner, method.name, None) if owner is not None else None
                if method.rule.operation and method.response is not Operation:
                    raise ContractBroken(
                        f"{method.full_name} is an operation; it must return tercet.chassis.v1.Operation"
                    )
                handler = own or free_method(method, package, self.bindings)
                if handler is None:
                    missing.append(method.full_name)
                    continue
                steps = getattr(owner, f"{method.name}InSteps", None)
                if steps is not None and (shape_of(handler), shape_of(steps)) != (UNIT, PROCESS):
                    raise ContractBroken(f"{method.full_name} must be a unit, and {method.name}InSteps a process")
                self.methods[method.path] = Bound(method, handler, shape_of(handler), steps)
        if missing and self.complete:
            raise ContractBroken(f"{self.name} has no handler for {', '.join(missing)}")
        stray = [name for name, owner in handlers.items() if type(owner) not in served]
        if stray and self.complete:
            raise ContractBroken(f"{self.name}: no proto service is named {', '.join(stray)}")


def _import(name: str) -> ModuleType | None:
    parent = name.rsplit(".", 1)[0]
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError as missing:
        raise ContractBroken(f"there is no slice {parent}") from missing
    return importlib.import_module(name) if found is not None else None
