"""All the routes, one file per noun. A route that is not listed here does not exist."""

from daemon.api.route import Route
from daemon.api.routes import (
    asking,
    daemon,
    feedback,
    foreign,
    gallery,
    images,
    jobs,
    learning,
    library,
    log,
    models,
    nodes,
    pairing,
    prompting,
    queue,
    resources,
    runs,
    sheets,
)

ALL: tuple[Route, ...] = (
    *daemon.ROUTES,
    *runs.ROUTES,
    *jobs.ROUTES,
    *images.ROUTES,
    *queue.ROUTES,
    *pairing.ROUTES,
    *nodes.ROUTES,
    *resources.ROUTES,
    *models.ROUTES,
    *log.ROUTES,
    *library.ROUTES,
    *prompting.ROUTES,
    *feedback.ROUTES,
    *learning.ROUTES,
    *asking.ROUTES,
    *foreign.ROUTES,
    *gallery.ROUTES,
    *sheets.ROUTES,
)
