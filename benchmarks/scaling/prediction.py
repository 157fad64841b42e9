"""What a run takes: its steps, planned by the product's own planner, on the machines' slots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.scaling.constants import Constants
from benchmarks.scaling.costs import Costs, bytes_of_images
from benchmarks.scaling.scenario import Counts, Scenario
from benchmarks.scaling.simulation import Schedule, Task, simulate
from tuning.backbones.registry import BACKBONES
from tuning.search import planning

PARTS = (
    "start", "images", "probe", "trunk pass", "network", "trials", "refit", "training on all",
    "doubted labels", "evaluation", "export",
)  # fmt: skip
"""Parts of a run, in order."""

_LEAST_ROWS, _MOST_SHARDS = 1024, 64
_SHARE_GROWTH = 0.25  # of a backbone's share of the time, as in `tuning.run`
_SMALLEST_SAMPLE = 1000


@dataclass(frozen=True)
class Plan:
    """What is trained of one backbone.

    Attributes:
        depths: Fine-tuning depth of each trial.
        winner_depth: Depth of the best trial; without a run to look at, the deepest.
        refit_epochs: Number of epochs of the refit.
        cached: Depths whose cuts are cached; others train from pixels.
    """

    depths: tuple[int, ...]
    winner_depth: int
    refit_epochs: int
    cached: tuple[int, ...]


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
        return work / (self.scenario.slots * self.schedule.seconds)

    @property
    def is_thorough(self) -> bool:
        """Whether every backbone is tried at all depths of the preset, from cached activations."""
        return all(
            max(plan.depths) == min(len(self.scenario.preset.trials) - 1, deepest)
            and {*plan.depths} <= {*plan.cached, deepest}
            for name, plan in self.plans.items()
            for deepest in (BACKBONES[name].max_depth,)
        )


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


def with_sample(constants: Constants, scenario: Scenario) -> Scenario:
    """Choose the largest sample for a run with a budget, halving all images.

    Of those that end in time it is the largest on which every backbone is tried at all depths, from
    a cache; where there is none, the largest that ends in time, or the smallest.

    Args:
        constants: What was measured.
        scenario: Run and machines, with a budget.
    """
    samples = [scenario.images]
    while samples[-1] // 2 >= _SMALLEST_SAMPLE:
        samples.append(samples[-1] // 2)
    tried = [predict(constants, replace(scenario, sample=sample)) for sample in samples]
    in_time = [one for one in tried if one.minutes <= (scenario.budget or math.inf)]
    best = next((one for one in in_time if one.is_thorough), None)
    return (best or next(iter(in_time), tried[-1])).scenario


def with_workers(constants: Constants, scenario: Scenario) -> Scenario:
    """Choose the number of processes of a node with which a run is done first.

    Args:
        constants: What was measured.
        scenario: Run and machines.
    """
    numbers = [2**n for n in range(scenario.cores.bit_length()) if scenario.cores % 2**n == 0]
    choices = [replace(scenario, workers=number) for number in numbers]
    return min(choices, key=lambda choice: predict(constants, choice).minutes)


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
    """Plan a study as `tuning.search` does, from times that are predicted, not probed."""
    scenario, images = costs.scenario, Counts.of(costs.scenario.searched)
    preset = scenario.preset
    possible = range(min(len(preset.trials), len(costs.backbone.depths)))
    cached = costs.kept_depths(possible, images)
    times = [costs.training_time(depth, images, depth in cached) for depth in possible]
    left = seconds - costs.evaluation_seconds(images)
    left -= costs.pass_seconds(2 * images.train + images.val) / scenario.slots
    depths = planning.plan_depths(preset, times, left)
    deepest = max(depths)
    left -= sum(planning.trial_seconds(preset, times, depth) for depth in depths)
    epochs = preset.refit_epochs
    if math.isfinite(left):
        epochs = planning.refit_epochs(preset, times[deepest], left)
    return Plan(depths, deepest, epochs, tuple(d for d in cached if d <= deepest))


@dataclass
class _Steps:
    """Adds the steps of one backbone's search to the tasks of a run."""

    costs: Costs
    plan: Plan
    tasks: list[Task]

    def add(self) -> None:
        costs, plan, scenario = self.costs, self.plan, self.costs.scenario
        images, preset = Counts.of(scenario.searched), scenario.preset
        possible = min(len(preset.trials), len(costs.backbone.depths))
        times = [costs.training_time(d, images, d in plan.cached) for d in range(possible)]
        probed = possible if scenario.budget is None else min(possible, max(plan.depths) + 2)
        probe = self._add("probe", costs.probe_seconds(probed), (1,))
        passed = self._add_passes(images, probe)
        fetched = self._add_sending(images, passed)
        besides = costs.constants.trial
        trials: list[int] = []
        for depth in plan.depths:
            seconds = besides + planning.trial_seconds(preset, times, depth)
            trials += self._add("trials", seconds, fetched)
        refit = planning.training_seconds(times[plan.winner_depth], plan.refit_epochs)
        last = self._add("refit", refit if plan.refit_epochs else 0.0, trials)
        if scenario.searched < scenario.images:
            last = self._add_training_on_all(last)
        doubted = self._add("doubted labels", images.train * costs.constants.folds, fetched)
        everything = Counts.of(scenario.images)
        seconds = costs.evaluation_seconds(everything)
        evaluated = self._add("evaluation", seconds, (last[0], doubted[0]))
        self._add("export", costs.constants.exporting, evaluated)

    def _add(
        self, part: str, seconds: float, after: Sequence[int], slots: int = 1
    ) -> tuple[int, ...]:
        if self.costs.scenario.slots > 1:
            seconds += self.costs.constants.ray_step
        self.tasks.append(Task(part, seconds, tuple(after), slots))
        return (len(self.tasks) - 1,)

    def _add_passes(self, images: Counts, after: Sequence[int]) -> tuple[int, ...]:
        """A shard a task; a process makes the model before its first one."""
        costs = self.costs
        added: list[int] = []
        for count, views in ((images.train, 2), (images.val, 1)):
            shards = min(max(count // _LEAST_ROWS, 1), _MOST_SHARDS)
            for _ in range(shards):
                is_first = 1 < costs.scenario.slots > len(added)
                making = costs.backbone.evaluation if is_first else 0.0
                seconds = costs.shard_seconds(count // shards, views, self.plan.cached)
                added += self._add("trunk pass", making + seconds, after)
        return tuple(added)

    def _add_sending(self, images: Counts, after: Sequence[int]) -> tuple[int, ...]:
        """The activations go to the nodes that run trials, one backbone after the other."""
        seconds = self.costs.sending_seconds(_copies(self.costs, self.plan, images))
        if not seconds:
            return tuple(after)
        self.tasks.append(Task("network", seconds, tuple(after), pool="link"))
        return (len(self.tasks) - 1,)

    def _add_training_on_all(self, after: Sequence[int]) -> tuple[int, ...]:
        """From pixels, on one slot, or on all GPUs of a node."""
        costs, plan, scenario = self.costs, self.plan, self.costs.scenario
        time = costs.training_time(plan.winner_depth, Counts.of(scenario.images), is_cached=False)
        gpus, gpu = max(1, scenario.gpus), costs.constants.gpu
        share = gpu.serial + (1 - gpu.serial) / gpus if gpu and scenario.gpus else 1.0
        seconds = time.start + scenario.final_epochs * share * time.epoch
        return self._add("training on all", seconds, after, slots=gpus)


def _copies(costs: Costs, plan: Plan, images: Counts) -> float:
    """Bytes of activations that go to other nodes for trials: each gets what its trials read."""
    nodes = min(costs.scenario.nodes, len(plan.depths))
    return nodes * sum(costs.cache_bytes(depth, images) for depth in plan.cached)


def _disk(
    costs: Mapping[str, Costs], plans: Mapping[str, Plan], scenario: Scenario
) -> dict[str, float]:
    images = Counts.of(scenario.searched)
    cache = sum(
        costs[name].cache_bytes(depth, images) for name in plans for depth in plans[name].cached
    )
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
    images, size = Counts.of(scenario.searched), scenario.size
    away = 0.0 if scenario.shared else 1 - 1 / scenario.nodes
    sent = dict.fromkeys(("images to passes", "activations", "copies for trials", "tails"), 0.0)
    sent["images to train on all"] = 0.0
    for name, of in costs.items():
        plan = plans[name]
        sent["images to passes"] += away * bytes_of_images(images.train + images.val, size)
        sent["activations"] += away * sum(of.cache_bytes(d, images) for d in plan.cached)
        sent["copies for trials"] += away * _copies(of, plan, images)
        sent["tails"] += away * sum(of.tail_bytes(d) for d in (*plan.depths, plan.winner_depth))
        if scenario.searched < scenario.images:
            sent["images to train on all"] += away * bytes_of_images(scenario.images, size)
    return sent
