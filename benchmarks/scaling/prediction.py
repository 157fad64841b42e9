"""What a run takes: its steps, planned by the product's own planner, on the machines' slots."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.scaling.constants import Constants
from benchmarks.scaling.costs import Costs, bytes_of_images
from benchmarks.scaling.scenario import Scenario
from benchmarks.scaling.simulation import Schedule, Task, simulate
from data.rows import shards_of
from tuning.backbones.registry import BACKBONES
from tuning.runs.schema import SearchImages
from tuning.search import planning, sizing
from tuning.search.sizing import RefitWay

PARTS = (
    "start", "images", "probe", "trunk pass", "network", "doubted labels", "trials", "refit",
    "evaluation", "export",
)  # fmt: skip
"""Parts of a run, in order."""

KEPT_WITHIN = 1.05
"""How many times its budget a run may take that keeps it: none keeps it to the minute."""

_SENT = ("images to passes", "activations", "copies for trials", "tails", "images to refits")
_SHARE_GROWTH = 0.25  # of a backbone's share of the time, as in `tuning.run`


@dataclass(frozen=True)
class Plan:
    """What is trained of one backbone.

    Attributes:
        images: Images of the trials, and what is cached of them.
        depths: Fine-tuning depth of each trial.
        winner_depth: Depth of the best trial; without a run to look at, the deepest.
        refit_epochs: Number of epochs of the refit on all images, in parts where time is short.
        refit_way: Whether the refit's images pass through the trunk first, or are pixels.
    """

    images: SearchImages
    depths: tuple[int, ...]
    winner_depth: int
    refit_epochs: float
    refit_way: RefitWay


@dataclass(frozen=True)
class Prediction:
    """What a run takes.

    Attributes:
        scenario: Run and machines.
        plans: What is trained of each backbone.
        schedule: Its steps on the slots.
        disk: Bytes on the first node, or in the shared folder, by what lies there.
        sent: Bytes that pass between the first node and the others, by what passes.
    """

    scenario: Scenario
    plans: Mapping[str, Plan]
    schedule: Schedule
    disk: Mapping[str, float]
    sent: Mapping[str, float]

    @property
    def minutes(self) -> float:
        """Time of the whole run, with the export of all winners."""
        return self.schedule.seconds / 60

    @property
    def busy(self) -> float:
        """Share of the slots' time in which they work, 0..1."""
        work = sum(
            task.slots * task.seconds for task in self.schedule.tasks if task.pool == "slots"
        )
        return min(1.0, work / (self.scenario.slots * self.schedule.seconds))


def predict(
    constants: Constants, scenario: Scenario, plans: Mapping[str, Plan] | None = None
) -> Prediction:
    """Predict what a run takes.

    Args:
        constants: What was measured.
        scenario: Run and machines.
        plans: What is trained of each backbone; None to plan it as a run does.

    Raises:
        KeyError: The constants lack a backbone.

    Example:
        >>> from benchmarks.scaling.constants import kept
        >>> small = Scenario(images=1000, size=96, backbones=("googlenet",))
        >>> one, ten = (predict(kept(), replace(small, images=n)) for n in (1000, 10_000))
        >>> one.minutes < ten.minutes < 10 * one.minutes
        True
    """
    names = sorted(scenario.backbones, key=lambda name: BACKBONES[name].gmacs)
    costs = {name: Costs(constants, scenario, name) for name in names}
    tasks = _tasks_before(constants, scenario)
    left = math.inf if scenario.budget is None else 60 * scenario.budget
    left -= sum(task.seconds for task in tasks)
    shares = _shares(costs, scenario)
    plans = plans or {name: _plan(costs[name], left * shares[name]) for name in names}
    for name in names:
        _Steps(costs[name], plans[name], tasks).add()
    schedule = simulate(tasks, scenario.slots)
    disk, sent = _disk(costs, plans, scenario), _sent(costs, plans, scenario)
    return Prediction(scenario, plans, schedule, disk, sent)


def with_workers(constants: Constants, scenario: Scenario) -> Scenario:
    """Choose the number of processes of a node with which a run is done first.

    Within a budget, which all of them use up, it is that with the longest refits that keeps it.

    Args:
        constants: What was measured.
        scenario: Run and machines.
    """

    def rank(predicted: Prediction) -> tuple[bool, float, float]:
        if scenario.budget is None:
            return False, 0.0, predicted.minutes
        is_late = predicted.minutes > KEPT_WITHIN * scenario.budget
        epochs = min(plan.refit_epochs for plan in predicted.plans.values())
        return is_late, -epochs, predicted.minutes

    numbers = [2**n for n in range(scenario.cores.bit_length()) if scenario.cores % 2**n == 0]
    choices = (predict(constants, replace(scenario, workers=number)) for number in numbers)
    return min(choices, key=rank).scenario


def _tasks_before(constants: Constants, scenario: Scenario) -> list[Task]:
    """What is done before any search: the processes start, images are hashed and decoded."""
    starting = constants.starting + (constants.ray_starting if scenario.slots > 1 else 0.0)
    size, cores = scenario.size, scenario.cores
    image = constants.hashing.seconds(size, cores) + constants.decoding.seconds(size, cores)
    writing = bytes_of_images(1, size) / constants.disk_write
    images = scenario.images * max(image, writing)
    first_node = scenario.slots_of_node
    return [
        Task("start", starting, slots=first_node),
        Task("images", images, after=(0,), slots=first_node),
    ]


def _shares(costs: Mapping[str, Costs], scenario: Scenario) -> dict[str, float]:
    """Each backbone's share of the time; with several slots shares overlap."""
    needs = {
        name: (BACKBONES[name].gmacs * of.backbone.weights) ** _SHARE_GROWTH
        for name, of in costs.items()
    }
    whole = sum(needs.values())
    return {name: min(1.0, scenario.slots * need / whole) for name, need in needs.items()}


def _plan(costs: Costs, seconds: float) -> Plan:
    """Plan a search as `tuning.search` does, from times that are predicted, not probed."""
    scenario, planned = costs.scenario, costs.planned()
    preset = scenario.preset
    left = seconds - costs.evaluation_seconds()
    found = sizing.choose(preset, planned, left)
    times = sizing.training_times(planned, found.images)
    trials = sum(planning.trial_seconds(preset, times, depth) for depth in found.depths)
    left -= sizing.pass_seconds(planned, found.images) + trials
    deepest, most = max(found.depths), preset.refit_epochs
    way = sizing.refit_way(planned, found.images, deepest, most, left)
    return Plan(found.images, found.depths, deepest, way.epochs(most, left), way)


@dataclass
class _Steps:
    """Adds the steps of one backbone's search to the tasks of a run."""

    costs: Costs
    plan: Plan
    tasks: list[Task]

    def add(self) -> None:
        costs, plan = self.costs, self.plan
        planned, images, preset = costs.planned(), plan.images, costs.scenario.preset
        probed = len(planned.steps)
        if costs.scenario.budget is not None:
            probed = min(probed, max(plan.depths) + 2)
        probe = self._add("probe", costs.probe_seconds(probed), (1,))
        fetched = self._add_sending(self._add_passes(probe))
        doubted = self._add("doubted labels", images.train * costs.constants.folds, fetched)
        times = sizing.training_times(planned, images)
        trials: list[int] = []
        for depth in plan.depths:
            seconds = costs.constants.trial + planning.trial_seconds(preset, times, depth)
            trials += self._add("trials", seconds, fetched)
        refit = self._add_refit(trials)
        evaluated = self._add("evaluation", costs.evaluation_seconds(), (*refit, *doubted))
        self._add("export", costs.constants.exporting, evaluated)

    def _add(
        self, part: str, seconds: float, after: Sequence[int], slots: int = 1
    ) -> tuple[int, ...]:
        if self.costs.scenario.slots > 1:
            seconds += self.costs.constants.ray_step
        self.tasks.append(Task(part, seconds, tuple(after), slots))
        return (len(self.tasks) - 1,)

    def _add_passes(self, after: Sequence[int]) -> tuple[int, ...]:
        """A shard a task; a process makes the model before its first one."""
        images, bytes_of = self.plan.images, self.costs.row_bytes
        added: list[int] = []
        for count, most_views in ((images.train, max(1, *images.views)), (images.val, 1)):
            views = [min(images.cached(depth), most_views) for depth in range(len(images.views))]
            written = sum(bytes_of(depth) * number for depth, number in enumerate(views))
            added += self._add_shards("trunk pass", count, most_views, written, after)
        return tuple(added)

    def _add_shards(
        self, part: str, count: int, views: int, written: float, after: Sequence[int]
    ) -> list[int]:
        costs = self.costs
        added: list[int] = []
        shards = shards_of(count) if costs.scenario.slots > 1 else [slice(0, count)]
        for number, rows in enumerate(shards):
            size = rows.stop - rows.start
            making = costs.backbone.evaluation if 1 < costs.scenario.slots > number else 0.0
            seconds = costs.shard_seconds(views * size, written * size)
            added += self._add(part, making + seconds, after)
        return added

    def _add_sending(self, after: Sequence[int]) -> tuple[int, ...]:
        """The activations go to the nodes that run trials, one backbone after the other."""
        seconds = self.costs.sending_seconds(_copies(self.costs, self.plan))
        if not seconds:
            return tuple(after)
        self.tasks.append(Task("network", seconds, tuple(after), pool="link"))
        return (len(self.tasks) - 1,)

    def _add_refit(self, after: Sequence[int]) -> tuple[int, ...]:
        """All images on one slot, or on all GPUs of a node."""
        costs, plan = self.costs, self.plan
        way, planned = plan.refit_way, costs.planned()
        if not plan.refit_epochs:
            return tuple(after)
        if way.pass_seconds:
            count = planned.train - plan.images.train
            written = way.views * costs.row_bytes(plan.winner_depth)
            after = self._add_shards("refit", count, way.views, written, after)
        gpus, gpu = max(1, costs.scenario.gpus), costs.constants.gpu
        share = gpu.serial + (1 - gpu.serial) / gpus if gpu and costs.scenario.gpus else 1.0
        seconds = way.time.start + plan.refit_epochs * share * way.time.epoch
        return self._add("refit", seconds, after, slots=gpus)


def _copies(costs: Costs, plan: Plan) -> float:
    """Bytes of activations that go to nodes for trials: to each the cuts that its trials read."""
    nodes, trials = costs.scenario.nodes, Counter(plan.depths)
    trials[0] = len(plan.depths)  # all warm up a head on pooled features
    return sum(min(nodes, n) * costs.cache_bytes(depth, plan.images) for depth, n in trials.items())


def _cache(costs: Costs, plan: Plan) -> float:
    """Bytes of a backbone's activations that are kept."""
    return sum(costs.cache_bytes(depth, plan.images) for depth in range(max(plan.depths) + 1))


def _disk(
    costs: Mapping[str, Costs], plans: Mapping[str, Plan], scenario: Scenario
) -> dict[str, float]:
    cache = sum(_cache(costs[name], plan) for name, plan in plans.items())
    return {
        "image store": bytes_of_images(scenario.images, scenario.size),
        "trunk cache": min(cache, 1e9 * scenario.cache_gb),
        "weights": sum(of.model_bytes() for of in costs.values()),
        "run folder": sum(
            of.model_bytes() + of.tail_bytes(plans[name].winner_depth) for name, of in costs.items()
        ),
    }


def _sent(
    costs: Mapping[str, Costs], plans: Mapping[str, Plan], scenario: Scenario
) -> dict[str, float]:
    away = 0.0 if scenario.shared else 1 - 1 / scenario.nodes
    size, sent = scenario.size, dict.fromkeys(_SENT, 0.0)
    for name, of in costs.items():
        plan = plans[name]
        searched = plan.images.train + plan.images.val
        sent["images to passes"] += away * bytes_of_images(searched, size)
        sent["activations"] += away * _cache(of, plan)
        sent["copies for trials"] += away * _copies(of, plan)
        sent["tails"] += away * sum(of.tail_bytes(d) for d in (*plan.depths, plan.winner_depth))
        if plan.images.train < scenario.counts.train:
            sent["images to refits"] += away * bytes_of_images(scenario.images, size)
    return sent
