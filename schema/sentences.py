"""Every event as a sentence: what a person reads who steps through the log."""

from schema import events as e
from schema.events import Event
from schema.plans import Scalar


def sentence(event: Event) -> str:
    """One line, in the past tense, with ids as they are. Free text of people and backends stands in it unchanged."""
    for told in (_of_stage, _of_job, _of_run, _of_picture, _of_node, _of_queue, _of_learning, _of_models, _of_house):
        if (words := told(event)) is not None:
            return words
    return type(event).__name__


def subject(event: Event) -> str:
    """The id of what it is about first; empty: of the whole."""
    kind, _, name = e.stream_of(event).partition(":")
    return name if kind != "sys" else ""


def _of_stage(event: Event) -> str | None:
    match event:
        case e.StageAssigned():
            again = f", attempt {event.attempt}" if event.attempt > 1 else ""
            backend = f" ({event.backend})" if event.backend else ""
            return f"{event.job}: {event.stage} was given to {event.node}{backend}{again}{_why(event.why)}"
        case e.StageFinished():
            pictures = f" with {_many(len(event.images), 'picture')}" if event.images else ""
            suspect = f"; it may be broken: {event.suspect}" if event.suspect else ""
            return f"{event.job}: {event.stage} was finished on {event.node}{pictures}{suspect}"
        case e.StageFailed():
            again = f"; again in {event.again_in:.0f} s" if event.again_in is not None else "; not again unasked"
            return f"{event.job}: {event.stage} failed on {event.node} ({event.trouble}){_why(event.reason)}{again}"
        case e.StageLost():
            return f"{event.job}: {event.stage} was lost on {event.node}{_why(event.reason)}"
        case e.StageCancelled():
            return f"{event.job}: {event.node} let go of {event.stage}"
        case e.StageSkipped():
            return f"{event.job}: {event.stage} was skipped{_why(event.reason)}"
        case e.ArtifactStored():
            size = f"{event.file.width}x{event.file.height}"
            return f"picture {event.image} was stored: {event.stage} of {event.job}, {size}"
        case e.LateResultRefused():
            return f"{event.job}: a late result of {event.stage} from {event.node} was refused ({event.reason})"
    return None


def _of_job(event: Event) -> str | None:
    match event:
        case e.JobSubmitted():
            return f"job {event.job} was queued: {event.spec.name}"
        case e.JobHeld():
            return f"job {event.job} was held"
        case e.JobReleased():
            return f"job {event.job} was released"
        case e.JobMoved():
            return f"job {event.job} {'made room for others' if event.aside else 'was moved'}"
        case e.JobPriorityChanged():
            return f"job {event.job} has priority {event.now}, it had {event.was}"
        case e.JobEdited():
            return f"job {event.job} was changed: {', '.join(_edited(event)) or 'nothing that can be seen'}"
        case e.JobCancelled():
            return f"job {event.job} was cancelled; it was {event.was}{_why(event.reason)}"
        case e.JobReopened():
            return f"job {event.job} waits again ({event.reason}); it was {event.was}"
        case e.JobDispatched():
            return f"job {event.job} has its words and goes to {event.backend or 'whoever can'}"
        case e.JobFinished():
            return f"job {event.job} was finished, {event.seconds:.0f} s after it began"
        case e.JobFailed():
            return f"job {event.job} failed ({event.trouble}){_why(event.reason)}"
        case e.JobParked():
            return f"job {event.job} needs attention ({event.trouble}){_why(event.reason)}"
    return None


def _edited(event: e.JobEdited) -> list[str]:
    names = ("prompt", "negative", "seed", "overlay", "written", "stages", "backend")
    return [name for name in names if getattr(event.was, name, None) != getattr(event.now, name, None)]


def _of_run(event: Event) -> str | None:
    match event:
        case e.RunSubmitted():
            return f"run {event.run} was submitted: {event.spec.name}, {_many(event.spec.jobs, 'job')}"
        case e.RunPaused():
            return f"run {event.run} was paused"
        case e.RunResumed():
            return f"run {event.run} goes on"
        case e.RunReopened():
            return f"run {event.run} was reopened"
        case e.RunFinished():
            counts = (("finished", event.finished), ("failed", event.failed), ("cancelled", event.cancelled))
            ends = ", ".join(f"{number} {word}" for word, number in counts if number)
            return f"run {event.run} has ended: {ends or 'no job'}"
        case e.RunRated():
            return f"run {event.run} was rated as a whole: {_stars(event.stars, event.was)}"
        case e.FilmStarted():
            return f"the film of run {event.run} was begun"
        case e.FilmFinished():
            return f"the film of run {event.run} was made: {_many(event.frames, 'frame')}, {event.seconds:.1f} s"
        case e.FilmFailed():
            return f"the film of run {event.run} was given up{_why(event.reason)}"
        case e.PicturesImported():
            return f"pictures came in as run {event.run}: {event.spec.name}"
    return None


def _of_picture(event: Event) -> str | None:
    match event:
        case e.ImageRated():
            return f"picture {event.image} was rated: {_stars(event.stars, event.was)}"
        case e.ImageTagged():
            tags = [f"+{tag}" for tag in event.added] + [f"-{tag}" for tag in event.removed]
            return f"picture {event.image} was tagged: {' '.join(tags)}"
        case e.ImagesCompared() | e.ComparisonTakenBack():
            words = "as good as" if event.tie else "better than"
            back = "; taken back" if isinstance(event, e.ComparisonTakenBack) else ""
            return f"picture {event.better} was found {words} {event.worse}{back}"
        case e.ImageTrashed():
            return f"picture {event.image} went to the trash"
        case e.ImageRestored():
            return f"picture {event.image} came back from the trash"
        case e.PictureImported():
            return f"picture {event.image} came in: {event.name}, of {event.program or 'an unknown program'}"
        case e.ImagePosted():
            return f"picture {event.image} was posted to {event.gallery}"
        case e.FavouriteSynced():
            return f"picture {event.image} is {'' if event.favourite else 'no '}favourite in {event.gallery} too"
        case e.PicturesDeleted():
            return f"{_many(len(event.images), 'picture')} deleted for good ({event.bytes} bytes): {event.reason}"
        case e.FileDamaged():
            return f"file {event.file[:12]} is damaged: {event.fault}"
        case e.FileMended():
            return f"file {event.file[:12]} is whole again, from {event.source}"
    return None


def _of_node(event: Event) -> str | None:
    match event:
        case e.NodeJoined():
            return f"node {event.name} ({event.node}) joined with {', '.join(event.backends) or 'no backend'}"
        case e.NodeLost():
            return f"node {event.node} was lost{_why(event.reason)}"
        case e.NodeDrained():
            return f"node {event.node} gets nothing new"
        case e.NodeResumed():
            return f"node {event.node} gets work again"
        case e.NodeForgotten():
            return f"node {event.node} was forgotten"
        case e.NodePaired():
            return f"node {event.name} ({event.node}) was paired at {event.address}"
        case e.NodePairFailed():
            return f"{event.name or event.address} could not be paired{_why(event.reason)}"
        case e.NodeUnpaired():
            return f"node {event.node} was unpaired"
        case e.NodeAddressed():
            return f"node {event.node} is at {event.address} now"
        case e.NodeRefused():
            return f"node {event.node} is given nothing ({event.standing}){_why(event.reason)}"
        case e.NodeProbeStarted():
            return f"node {event.node} was asked for a small picture"
        case e.NodeProbed():
            return f"node {event.node} {'proved itself' if event.ok else 'did not prove itself'}{_why(event.reason)}"
        case e.NodeBarred():
            what = "nothing" if event.model is None else f"no more of {event.model or 'what needs no model'}"
            return f"node {event.node} gets {what} for {event.seconds:.0f} s{_why(event.reason)}"
        case e.LanePinned():
            return f"interactive work goes to {event.now or 'whichever node is done first'}"
    return None


def _of_queue(event: Event) -> str | None:
    match event:
        case e.QueuePaused():
            return "the queue was paused"
        case e.QueueResumed():
            return "the queue goes on"
        case e.QueueModeChanged():
            return f"the lanes share the nodes as `{event.now}`, it was `{event.was}`"
        case e.CommandUndone():
            return f"taken back: {event.text or event.undone}"
        case e.CommandRedone():
            return f"done again: {event.text or event.redone}"
    return None


def _of_learning(event: Event) -> str | None:
    match event:
        case e.LearningModeChanged():
            return f"learning is {event.now}, it was {event.was}"
        case e.InsightShown():
            return f"an insight was shown: {event.claim.text}"
        case e.InsightWithdrawn():
            return f"an insight was taken back: {event.claim.text}"
        case e.InsightDismissed():
            return f"an insight was {'wanted again' if event.again else 'dismissed'}: {event.claim.text}"
        case e.AdviceAdopted():
            return f"new runs of {event.pack} take over: {_settings(event.now.settings) or 'nothing of settings'}"
        case e.PresetSuggested():
            return f"a preset was suggested for {event.suggestion.pack}: {_settings(event.suggestion.settings)}"
        case e.SuggestionDropped():
            return f"a suggestion for {event.suggestion.pack} was dropped"
        case e.RecordsImported():
            return f"{_many(len(event.records), 'record')} came in from {event.source}"
        case e.RecordsForgotten():
            return f"{_many(event.records, 'record')} of {event.source} forgotten"
        case e.FeedbackSwitched():
            return f"looks at pictures {'count' if event.now else 'do not count'} where words are drawn"
        case e.WeightsAdjusted():
            return f"{event.kind} {event.name} is drawn otherwise: {_settings(dict(event.now)) or 'as written'}"
        case e.WeightsReset():
            return f"{event.kind} {event.name} is drawn as written again"
    return None


def _of_models(event: Event) -> str | None:
    match event:
        case e.ModelTagged():
            tags = [f"+{tag}" for tag in event.added] + [f"-{tag}" for tag in event.removed]
            return f"model {event.name or event.model} was tagged: {' '.join(tags)}"
        case e.ModelRated():
            return f"model {event.name or event.model} was rated: {_stars(event.stars, event.was)}"
        case e.ModelFavoured():
            return f"model {event.name or event.model} is {'' if event.now else 'no '}favourite"
    return None


def _of_house(event: Event) -> str | None:
    match event:
        case e.DaemonStarted():
            return f"the daemon started: version {event.version} on {event.host}"
        case e.DaemonStopped():
            return f"the daemon stopped: {event.reason}"
        case e.NothingChanged():
            return f"nothing changed: {event.command}"
        case e.LogLossAccepted():
            return f"the loss of {_many(event.lost, 'event')} behind {event.after} was accepted"
        case e.AccessGranted():
            return f"{event.access.name} may ask over TCP: {event.access.scope}"
        case e.AccessRevoked():
            return f"{event.name} may no longer ask over TCP"
    return None


def _why(reason: str) -> str:
    return f": {' '.join(reason.split())}" if reason else ""


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _stars(now: int, was: int) -> str:
    told = f"{now} of 5 stars" if now else "the rating was taken back"
    return f"{told}, it had {was}" if was and was != now else told


def _settings(settings: dict[str, Scalar] | dict[str, float]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())
