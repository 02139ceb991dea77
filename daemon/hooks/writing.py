"""The whole news from what was found: looked up when its turn has come, with a sentence for people."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, NoReturn

from daemon.hooks.finding import Found
from schema.errors import Refused
from schema.hooks import JobNews, News, RunNews
from schema.ids import JobId, RunId, Seq
from schema.pages import JobRecord, RunRecord, iso


class LookUps(NamedTuple):
    """Where the past is known. Each raises Refused for what nobody knows."""

    run: Callable[[RunId], Awaitable[RunRecord]]
    job: Callable[[JobId], Awaitable[JobRecord]]
    results_reached: Callable[[int], Awaitable[None]]
    """Returns when the results folders hold everything up to this seq."""


async def nobody(_: object) -> NoReturn:
    """While the log can only be read, nothing is told that one would have to look up."""
    raise Refused("the log is not followed now.")


class Writer:
    def __init__(self, host: str, look_up: LookUps) -> None:
        self._host, self._look_up = host, look_up

    async def news(self, found: Found, hook: str) -> News | None:
        """None where what it is about is not known any more."""
        if found.id.startswith("test-"):
            return self._news(found, hook, f"This is a test of the hook {hook}: nothing has happened.")
        try:
            match found.on:
                case "run-finished":
                    await self._look_up.results_reached(found.seq)
                    run = run_news(await self._look_up.run(RunId(found.subject)))
                    return self._news(found, hook, run_words(run), run=run)
                case "attention":
                    job = await self._job(found)
                    return self._news(found, hook, f"{job.name} needs attention: {ended(job.reason)}", job=job)
                case "queue-empty":
                    return self._news(found, hook, "The queue is empty: nothing runs and nothing waits to run.")
                case "trouble":
                    return self._news(found, hook, found.text)
        except Refused:
            return None

    async def _job(self, found: Found) -> JobNews:
        record = await self._look_up.job(JobId(found.subject))
        return JobNews(job=record.id, run=record.run, name=record.spec.name, reason=found.text)

    def _news(
        self, found: Found, hook: str, text: str, *, run: RunNews | None = None, job: JobNews | None = None
    ) -> News:
        return News(
            id=found.id, on=found.on, at=iso(found.at), seq=Seq(found.seq), hook=hook, host=self._host, text=text,
            test=found.id.startswith("test-"), run=run, job=job,
        )  # fmt: skip


def run_news(record: RunRecord) -> RunNews:
    row = record.row
    return RunNews(
        run=row.id, name=row.name, jobs=row.jobs, finished=row.finished, failed=row.failed, cancelled=row.cancelled,
        attention=row.attention, folder=row.folder,
    )  # fmt: skip


def run_words(run: RunNews) -> str:
    """`lighthouse has finished: 7 of 8 jobs, 1 failed.`"""
    others = [f"{count} {word}" for count, word in ((run.failed, "failed"), (run.cancelled, "cancelled")) if count]
    return f"{run.name} has finished: {', '.join([f'{run.finished} of {run.jobs} jobs', *others])}."


def ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
