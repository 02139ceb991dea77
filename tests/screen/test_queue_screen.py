"""The queue, as a person with a keyboard meets it."""


async def test_the_queue_shows_what_runs_waits_and_was(show):
    async with show() as eyes:
        await eyes.sees("kn00gt7a.1", "running", "held", "done", "131 jobs")
        print(eyes.text())
