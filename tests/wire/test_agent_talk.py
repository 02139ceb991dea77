"""What `agent run` says in a terminal while its servers come and go."""

import io

from agent.talk import Talk
from schema.orders import BackendCard, Card

FORGE = BackendCard(
    kind="webui", kinds=("txt2img",), url="http://127.0.0.1:7860", release="forge f2.0.1", models=("toy", "toy-xl"),
    upscalers=("4x-sharp",),
)  # fmt: skip
AWAY = BackendCard(
    kind="webui", kinds=("txt2img",), url="http://127.0.0.1:7860", state="disconnected", trouble="connection refused"
)


def card(*backends: BackendCard) -> Card:
    return Card(node="n1", name="forge-pc", instance="i", version="1", backends=backends)


def test_each_change_is_told_once_and_in_words():
    out = io.StringIO()
    talk = Talk(out)

    for heard in (AWAY, AWAY, FORGE, FORGE, AWAY):
        talk.hear(card(heard))

    assert out.getvalue().splitlines() == [
        "webui at http://127.0.0.1:7860 is disconnected: connection refused",
        "webui at http://127.0.0.1:7860 (forge f2.0.1) is ready: 2 models, 1 upscaler.",
        "webui at http://127.0.0.1:7860 is disconnected: connection refused",
    ]


def test_a_servers_words_do_not_move_the_cursor():
    out = io.StringIO()

    Talk(out).hear(card(BackendCard(kind="webui", kinds=(), state="starting", trouble="busy\x1b[2J\r")))

    assert out.getvalue() == "webui is starting: busy [2J \n"
