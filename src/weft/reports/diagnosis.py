"""What is wrong with a run, in words: every rule asked, the gravest answers first.

A rule is a function of the record that gives a finding or None; it never raises for what a run
folder may hold. Not here: the rules, and whether files are damaged (weft doctor).
"""

from __future__ import annotations

from collections import Counter

from weft.checkpoint import RunFolder
from weft.reports import course_findings, loss_findings, text_findings
from weft.reports.finding import SEVERITIES, Finding, figure, last_step
from weft.reports.record import RunRecord

RULES = (
    course_findings.nothing_logged,
    course_findings.ended_by_an_error,
    course_findings.interrupted,
    loss_findings.no_better_than_guessing,
    loss_findings.spike,
    loss_findings.over_fitting,
    loss_findings.another_text,
    text_findings.overlap,
    text_findings.no_better_than_frequencies,
    text_findings.unused_vocabulary,
    course_findings.saves_failed,
    course_findings.overhead,
    loss_findings.still_falling,
    text_findings.tiny_text,
    text_findings.duplicates,
    course_findings.slower,
    course_findings.forgotten,
    loss_findings.clipped,
)

# What makes another finding pointless: its cause, or the same thing said better.
INSTEAD = {
    "under-trained": {"over-fitting", "spike", "no-better-than-guessing", "another-text"},
    "no-better-than-frequencies": {"no-better-than-guessing"},
    "nothing-logged": {"not-finite", "failed"},
    "interrupted": {"nothing-logged"},
    "spike": {"no-better-than-guessing"},
    "clipped": {"no-better-than-guessing", "not-finite"},
}


def diagnose(record: RunRecord) -> list[Finding]:
    """All that is wrong with a run, errors first; nothing for a run that is as it should be.

    Reads at most the first 16 million ids of the run's own token shards besides the record.
    """
    found = [finding for rule in RULES if (finding := rule(record)) is not None]
    kinds = {finding.kind for finding in found}
    kept = [finding for finding in found if not INSTEAD.get(finding.kind, set()) & kinds]
    return sorted(kept, key=lambda finding: SEVERITIES.index(finding.severity))


def verdict(record: RunRecord, findings: list[Finding]) -> str:
    """The last line of a diagnosis: that nothing is wrong, with the figures, or what was found."""
    now = "; it is being trained now" if RunFolder(record.path).is_held() else ""
    counts = Counter(finding.severity for finding in findings)
    if counts["error"] + counts["warning"]:
        names = [f"{n} {name}{'s' if n > 1 else ''}" for name, n in counts.items()]
        return "found: " + ", ".join(names) + now
    steps = last_step(record)
    best, parts = record.best, [f"{steps:,} step{'' if steps == 1 else 's'}"]
    if best is not None:
        parts.append(f"best validation loss {figure(float(best['val_loss']))}")
        parts[-1] += f" at step {best['step']:,}"
    return f"nothing {'else ' if findings else ''}wrong: " + ", ".join(parts) + now
