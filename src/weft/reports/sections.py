"""The parts of a report, each from the record to HTML; empty where the run has nothing for it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from weft.reports.curves import extremes, points, smoothed
from weft.reports.facts import Facts
from weft.reports.finding import Finding
from weft.reports.page import section, table, text, value_text
from weft.reports.plot import COLOURS, Axis, Curve, plot
from weft.reports.reading import number
from weft.reports.record import RunRecord
from weft.reports.settings import Setting, settings
from weft.reports.ticks import clock, short, size
from weft.reports.vocabulary import UNUSED_SHOWN, TokenCounts, Vocabulary, visible

SAMPLES = 40
NOTES = 30
SPEED_SHOWN = 1.5  # times the highest smooth speed: a lone fast step is no news
SAMPLES_TOGETHER = 120_000  # characters of all samples of a page
BADGES = {"finished": "good", "stopped": "warn", "failed": "bad", "unfinished": "warn"}
LOOKS = {"error": "bad", "warning": "warn", "note": ""}  # of a finding, by its severity
TIMES = ("train", "evaluate", "sample", "save", "prepare", "measure")


def header(record: RunRecord, known: Facts) -> str:
    """Name, how it ended, what it is, and the figures that matter."""
    name = record.path.resolve().name or str(record.path)
    kind = record.model.get("arch") or record.family
    parts = [f"{kind} model"]
    if known.parameters:
        parts.append(f"{known.parameters:,} weights")
    parts.append(f"trained on {record.train.get('data', 'a text')}")
    parts += _machine(record)
    badge = f'<span class="badge {BADGES[known.ended]}">{known.ended}</span>'
    said = "" if known.ended == "finished" else f'<p class="lead">{text(known.why)}</p>\n'
    return (
        f"<h1>{text(name)}{badge}</h1>\n"
        f'<p class="lead">{text(", ".join(str(part) for part in parts))}</p>\n{said}'
        f'<ul class="figures">{"".join(_figures(known))}</ul>\n'
    )


def _machine(record: RunRecord) -> list[str]:
    """Where it was trained, as far as the last process wrote it down."""
    machine = record.last("begin").get("machine")
    machine = machine if isinstance(machine, dict) else {}
    threads = number(machine.get("threads"))
    said = [machine["processor"]] if isinstance(machine.get("processor"), str) else []
    return said + ([f"{threads:,} thread{'' if threads == 1 else 's'}"] if threads else [])


def _figures(known: Facts) -> list[str]:
    best = known.best_val_loss
    step = f"best, at step {known.best_step:,}" if known.best_step else "best"
    seconds, speed = known.seconds, known.tokens_per_second
    passes = f", {known.passes:.2g} passes" if (known.passes or 0) >= 0.01 else ""
    share = f", {100 * known.peak_fraction:.2g} % of peak" if known.peak_fraction else ""
    rows = [
        (best, f"{best:.4f}" if best else "", f"validation loss, {step}"),
        (known.bits_per_byte, f"{known.bits_per_byte or 0:.3f}", "bits per byte"),
        (known.train_loss, f"{known.train_loss or 0:.4f}", "training loss at the end"),
        (known.tokens, short(known.tokens or 0), f"tokens{passes}"),
        (seconds, clock(seconds or 0), f"in {known.step:,} step{'' if known.step == 1 else 's'}"),
        (speed, short(speed or 0), f"tokens per second{share}"),
    ]
    return [f"<li><b>{text(v)}</b><span>{text(s)}</span></li>" for known_, v, s in rows if known_]


def curves(record: RunRecord) -> str:
    """The losses large; below them, small, what else the log has."""
    raw = points(record.metrics, "step", "train_loss")
    if len(raw) < 2:
        return ""
    losses = [
        Curve("training, each step", extremes(raw), 0, "faint"),
        Curve("training, smoothed", smoothed(points(record.means, "step", "train_loss")), 0),
        Curve("validation", extremes(points(record.evaluations, "step", "val_loss")), 1, "dotted"),
    ]
    step = Axis("step", zero=raw[0][0] < raw[-1][0] / 4)
    large = plot("Loss", losses, step, Axis("nats per token", log=True), tall=True)
    norms = points(record.metrics, "step", "grad_norm")
    speeds = points(record.metrics, "seconds", "tokens_per_second")
    calm = smoothed(points(record.means, "seconds", "tokens_per_second"))
    rates = extremes(points(record.metrics, "step", "lr"))
    small = [
        plot("Learning rate", [Curve("rate", rates)], step, Axis(zero=True)),
        plot("Gradient norm", _with_mean(record, norms), step, Axis(log=True, zero=True)),
        plot(
            "Speed",
            [Curve("each step", extremes(speeds), 0, "faint"), Curve("tokens/s", calm)],
            Axis("time", "time", zero=step.zero),
            Axis("tokens per second", zero=True, top=SPEED_SHOWN * max(y for _, y in calm)),
        ),
    ]
    return section("Curves", large, f'<div class="plots">{"".join(small)}</div>\n')


def _with_mean(record: RunRecord, norms: Sequence[tuple[float, float]]) -> list[Curve]:
    calm = smoothed(points(record.means, "step", "grad_norm"))
    return [Curve("each step", extremes(norms), 0, "faint"), Curve("norm", calm)]


def advice(record: RunRecord, findings: Sequence[Finding]) -> str:
    """What the diagnosis found, in its order, and how to go on."""
    items = "".join(
        f'<li class="{LOOKS[f.severity]}"><b>{text(f.message)}</b>'
        f"<span>{text(f.advice)}</span></li>"
        for f in findings
    )
    items = items or '<li class="good"><b>Nothing seems wrong with this run</b></li>'
    listed = f'<ul class="findings">{items}</ul>\n' if record.metrics else ""
    folder = shlex.quote(str(record.path))
    prompt = ' "SOURCE"' if record.family == "encoder-decoder" else ""
    commands = [f"weft generate {folder}{prompt}"]
    if record.family != "ngram":
        more = "minutes" if record.train.get("minutes") else "steps"
        commands.append(f"weft train --resume --out {folder} --{more} MORE")
    said = "".join(f"<code>{text(command)}</code>" for command in commands)
    return section("What to try next", listed, f'<p class="commands">{said}</p>\n')


def notes(record: RunRecord) -> str:
    """Warnings, changed plans and interruptions, in the order in which they came."""
    kinds = ("warning", "replan", "failure", "stop")
    told = [event for event in record.events if event.get("kind") in kinds]
    rows = [
        [f"{event['step']:,}", text(clock(event["seconds"])), text(_said(event)[:500])]
        for event in told[-NOTES:]
    ]
    return section("On the way", table(rows, ("step", "time", ""), numbers="rr")) if rows else ""


def _said(event: dict[str, Any]) -> str:
    kind = event.get("kind")
    if kind == "replan":
        before, after = event.get("before"), event.get("after")
        steps = f"{before} steps are now {after}" if before and after else "planned anew"
        return f"{steps}: {event.get('why', '')}"
    if kind == "stop":
        return f"stopped by {event.get('signal', 'a signal')}"
    return str(event.get("message", kind))


def samples(record: RunRecord) -> str:
    """Texts of the model as it learnt; one at a time where there is a script."""
    told = [event for event in record.of_kind("sample") if isinstance(event.get("text"), str)]
    told = [event for event in told if event["text"].strip()]
    if not told:
        return ""
    chosen = evenly(told, SAMPLES)
    room = SAMPLES_TOGETHER // len(chosen)
    losses = {line["step"]: line["val_loss"] for line in record.evaluations}
    items = []
    for event in chosen:
        loss = losses.get(event["step"])
        said = f", validation loss {loss:.3f}" if loss is not None else ""
        items.append(
            f'<li data-step="{event["step"]:,}"><p class="where"><b>Step {event["step"]:,}</b>'
            f"{said}</p><pre>{text(event['text'][:room].strip(chr(10)))}</pre></li>"
        )
    return section("Samples over time", f'<ul class="samples">{"".join(items)}</ul>\n')


def evenly(items: Sequence[Any], count: int) -> list[Any]:
    """At most `count` of the items, evenly spread, the first and the last among them."""
    if len(items) <= count:
        return list(items)
    return [items[(len(items) - 1) * n // (count - 1)] for n in range(count)]


def resources(record: RunRecord, known: Facts) -> str:
    """Where the time went, and the memory: bars of their parts."""
    spent = _times(record)
    columns = []
    if any(value > 0 for _, value in spent):
        whole = sum(value for _, value in spent)
        last = " of the last process" if len(record.of_kind("begin")) > 1 else ""
        said = f"<h3>Where the time{last} went: {text(clock(whole))}</h3>"
        columns.append(f"<div>{said}{bar(spent, clock)}</div>")
    if known.memory_estimate or known.memory_peak:
        columns.append(f"<div>{_memory(known)}</div>")
    inside = f'<div class="columns">{"".join(columns)}</div>\n' if columns else ""
    return section("Time and memory", inside)


def _times(record: RunRecord) -> list[tuple[str, float]]:
    """Seconds by what they were spent on; `other` is what nobody counted of a run in one go."""
    end = record.last("end")
    times = end.get("times")
    times = times if isinstance(times, dict) else {}
    seconds = {name: float(number(times.get(name)) or 0) for name in (*TIMES, *times)}
    spent = list(seconds.items())[: COLOURS - 1]
    rest = end.get("seconds", 0) - sum(seconds for _, seconds in spent)
    if len(record.of_kind("begin")) == 1 and times and rest > 0:
        spent.append(("other", rest))
    return spent


def _memory(known: Facts) -> str:
    """The estimate as a bar of its parts, and below it, on the same scale, what was reached."""
    total, peak = sum(known.memory_estimate.values()), known.memory_peak
    said = [f"{size(total)} estimated"] if total else []
    said += [f"{size(peak)} at the peak"] if peak else []
    most = max(total, peak or 0)
    line = f'<div class="bar peak"><i style="width:{peak / most:.2%}"></i></div>' if peak else ""
    title = f"<h3>Memory: {text(', '.join(said))}</h3>"
    return title + (bar(list(known.memory_estimate.items()), size, most, line) if total else "")


def bar(parts: Sequence[tuple[str, float]], said: Any, most: float = 0.0, below: str = "") -> str:
    """Parts of a whole side by side, as wide as `whole / most`, and below what they are."""
    whole = sum(value for _, value in parts) or 1.0
    kept = [(i, name, value) for i, (name, value) in enumerate(parts) if value > 0]
    blocks = "".join(
        f'<i class="c{i % COLOURS}" style="flex:{value / whole:.5f}"></i>' for i, _, value in kept
    )
    items = "".join(
        f'<li><i class="c{i % COLOURS}"></i>{text(name)}'
        f"<span>{text(said(value))}, {value / whole:.0%}</span></li>"
        for i, name, value in kept
    )
    width = f"{min(1.0, whole / (most or whole)):.2%}"
    drawn = f'<div class="bar" style="width:{width}">{blocks}</div>{below}'
    return f'{drawn}<ul class="parts">{items}</ul>\n'


def configuration(record: RunRecord, known: Facts) -> str:
    """Who chose what, and why."""
    parts = settings(record)
    given = "You gave" if record.plan else "Not at the defaults"
    folded = [("follow from the others", parts.derived), ("at their defaults", parts.default)]
    return section(
        "Configuration",
        _settings(given, parts.given),
        _settings("Planned for this text, machine and time", parts.planned, reasons=True),
        _changes(record),
        *(
            f"<details><summary>{len(rest)} {said}</summary>{_settings('', rest)}</details>"
            for said, rest in folded
            if rest
        ),
        note=_expected(record, known),
    )


def _expected(record: RunRecord, known: Facts) -> str:
    """The promise of the plan beside what came of it."""
    plan = record.plan or {}
    band = plan.get("expected")
    band = band if isinstance(band, dict) else {}
    minutes, low, high = (
        number(v) for v in (plan.get("minutes"), band.get("low"), band.get("high"))
    )
    said = [f"Planned for {minutes:g} minutes."] if minutes is not None else []
    if low is not None and high is not None:
        reached = f"; reached {known.bits_per_byte:.2f}" if known.bits_per_byte else ""
        said.append(f"Expected {low:.2f} to {high:.2f} bits per byte{reached}.")
    return " ".join(said)


def _changes(record: RunRecord) -> str:
    rows = [
        [value_text(change.get(name)) for name in ("step", "option", "old", "new")]
        for change in record.changes[:100]
    ]
    head = ("step", "option", "before", "after")
    return f"<h3>Changed on the way</h3>{table(rows, head)}" if rows else ""


def _settings(title: str, listed: Sequence[Setting], reasons: bool = False) -> str:
    rows = [
        [text(each.name), value_text(each.value), *([text(each.reason)] if reasons else [])]
        for each in listed[:200]
    ]
    if not rows:
        return ""
    kind = "settings reasons" if reasons else "settings"
    return (f"<h3>{text(title)}</h3>" if title else "") + table(rows, kind=kind)


def tokens(record: RunRecord, vocabulary: Vocabulary | None) -> str:
    """The text, as far as the run tells; the tokenizer, and what it made of it."""
    about = _about(record)
    if vocabulary is None:
        return section("Text", f"<p>{text(about)}</p>\n") if about else ""
    kind = "One token per character" if vocabulary.kind == "char" else "Byte-level BPE"
    said = f"{kind}, {vocabulary.size:,} tokens"
    counts = vocabulary.train
    if counts is not None:
        said += (
            f"; {counts.bytes_per_token:.2f} bytes and {counts.characters_per_token:.2f} "
            f"characters per token in the training text of {counts.tokens:,} tokens"
            f"{_sampled(counts)}"
        )
    columns = [_frequent(vocabulary), _rare(vocabulary)]
    return section(
        "Text and tokenizer",
        f"<p>{text(about)}</p>\n" if about else "",
        f'<p class="lead">{text(said)}.</p>\n',
        f'<div class="columns">{"".join(f"<div>{c}</div>" for c in columns if c)}</div>\n',
    )


def _about(record: RunRecord) -> str:
    """The text in words: its size and kind, what was skipped, what is there twice."""
    plan = (record.plan or {}).get("text")
    known = {**(plan if isinstance(plan, dict) else {}), **record.last("data")}
    count = number(known.get("bytes"))
    overlap, skipped = number(known.get("overlap")), known.get("skipped")
    documents = number(known.get("documents"))
    said = [f"{size(count)} of text"] if count is not None else []
    if documents is not None and documents > 1:
        said.append(f"in {documents:,} documents")
    if isinstance(plan, dict) and isinstance(plan.get("kind"), str):
        said.append(f"taken for {plan['kind']}")
    for name, counts in (("skipped", skipped), ("duplicates", known.get("duplicates"))):
        listed = counts.items() if isinstance(counts, dict) else ()
        parts = [f"{n:,} {why}" for why, each in listed if (n := number(each))]
        said += [f"{name}: {', '.join(parts[:10])}"] if parts else []
    if overlap is not None:
        said.append(f"{overlap:.1%} of the validation text's 20-grams are in the training text too")
    return f"{'; '.join(said)}." if said else ""


def _sampled(counts: TokenCounts) -> str:
    if counts.counted == counts.tokens:
        return ""
    return f" (from {counts.counted:,} of them, evenly spread)"


def _frequent(vocabulary: Vocabulary) -> str:
    listed = vocabulary.most_frequent()
    if not listed:
        return ""
    top = listed[0][1]
    rows = [
        [
            f'<span class="token">{text(visible(token))}</span>',
            f'<i class="share" style="width:{100 * share / top:.1f}%"></i>',
            f"{share:.2%}",
        ]
        for token, share in listed
    ]
    return "<h3>Most frequent</h3>" + table(rows, kind="frequent", numbers="llr")


def _rare(vocabulary: Vocabulary) -> str:
    parts = []
    longest, rarest = vocabulary.longest(), vocabulary.rarest()
    if longest and len(longest[0]) > 1 and vocabulary.kind == "bpe":
        parts.append("<h3>Longest in use</h3>" + _token_list(longest))
    if rarest:
        parts.append("<h3>Rarest in use</h3>" + _token_list(rarest))
    if vocabulary.train is not None:
        unused = vocabulary.unused()
        share = f"{len(unused):,} of {vocabulary.size:,}" if unused else "none"
        parts.append(f"<h3>Not in the training text: {share}</h3>")
        more = len(unused) - UNUSED_SHOWN
        parts.append(_token_list(unused[:UNUSED_SHOWN], f"and {more:,} more" if more > 0 else ""))
    return "".join(parts)


def _token_list(listed: Sequence[bytes], more: str = "") -> str:
    items = "".join(f"<li>{text(visible(token[:60]))}</li>" for token in listed)
    rest = f'<p class="note">{more}</p>' if more else ""
    return f'<ul class="tokens">{items}</ul>{rest}' if items else ""
