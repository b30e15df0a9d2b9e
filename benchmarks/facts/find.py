"""Write the table of facts of a finished comparison."""

from benchmarks.facts.combined_runs import find_gain
from benchmarks.facts.table import Roles, facts_table, find_facts
from benchmarks.methods.compare import final_runs
from benchmarks.methods.page import Page
from benchmarks.methods.runs import Runner
from tools.scenes.ceiling import ceiling


def write_facts(runner: Runner, page: Page) -> None:
    """Write ``facts.md`` beside the table of methods, and print it.

    Nothing is written where the plan has no facts, or where ``--only`` left out a method of them.
    """
    if not runner.plan.facts:
        return
    roles = Roles(**runner.plan.facts)
    methods = {method.name: method for method in page.methods}
    if not roles.methods() <= methods.keys():
        return
    runs = {}
    for name in (roles.sentence, *roles.combine):
        setting = page.choices[name].setting
        runs[name] = final_runs(methods[name], setting, page.splits, page.seeds)
    gains = {}
    for name in roles.combine:
        gains[name] = find_gain(runner, runs[name], runs[roles.sentence], page.splits, page.seeds)
    facts = find_facts(page, roles, runner.roots, runner.plan.dataset_config, gains)
    lines = [facts_table(facts), "", _ceilings(runner, page)]
    text = "\n".join(lines)
    path = runner.folder / "facts.md"
    path.write_text(f"{text}\n", encoding="utf-8")
    print(f"{text}\n{path}")


def _ceilings(runner: Runner, page: Page) -> str:
    """Return a line on what the annotators' disagreement leaves."""
    found = [ceiling(runner.roots[split]) for split in page.splits]
    mean_ap = sum(one.mean_ap for one in found) / len(found)
    first_guess = sum(one.first_guess for one in found) / len(found)
    return (
        f"Ceiling under the annotators' disagreement, mean of {len(found)} splits: "
        f"mAP {mean_ap:.1f}, first guess right {first_guess:.1f} %."
    )
