"""Write the table of facts of a finished comparison."""

from dataclasses import MISSING, fields

from benchmarks.facts.combined_runs import find_gain
from benchmarks.facts.table import Roles, facts_table, find_facts
from benchmarks.methods.compare import final_runs
from benchmarks.methods.page import Page
from benchmarks.methods.plan import Plan
from benchmarks.methods.runs import Runner
from core.errors import UserError, not_accepted
from tools.scenes.ceiling import ceiling


def read_roles(plan: Plan) -> Roles | None:
    """Return which methods of a whole plan show the facts; None where the plan has no facts.

    Raises:
        UserError: a role is unknown or missing, or its method is not in the plan.
    """
    if not plan.facts:
        return None
    known = {field.name: field.default is MISSING for field in fields(Roles)}
    for role in plan.facts:
        if role not in known:
            raise UserError(not_accepted("key of 'facts' in the plan", role, known))
    missing = [role for role, is_needed in known.items() if is_needed and role not in plan.facts]
    if missing:
        raise UserError(f"'facts' in the plan needs {', '.join(missing)}")
    roles = Roles(**plan.facts)
    names = [method.name for method in plan.methods]
    for name in sorted(roles.methods()):
        if name not in names:
            raise UserError(not_accepted("method of 'facts' in the plan", name, names))
    return roles


def write_facts(runner: Runner, page: Page, roles: Roles) -> None:
    """Write ``facts.md`` beside the table of methods, and print it.

    Nothing is written where ``--only`` left out a method of the facts.
    """
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
