"""The fleet on the command line: pairing step by step, nodes in words, pins, forecasts, rehearsals as children."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `cli_world`

from cli_world import RUN, Asked, FakeDaemon, page, stablenew

from schema.errors import Exit

STUDIO = {
    "node": "q2zk7f5m3dbtxw4ahrj6ycnpvs", "name": "studio", "state": "busy", "link": "lan", "address": "10.0.0.1:7801",
    "gpus": [{"name": "RTX 3090", "vram_gb": 24.0}, {"name": "RTX 3090", "vram_gb": 24.0}], "vram_gb": 48.0,
    "vram_used_gb": 19.2, "gpu_percent": 97.0, "celsius": 71.0, "watts": 312.0, "ram_gb": 62.0, "ram_used_gb": 25.0,
    "speed": 1.42, "models": 12, "resident": ["toy-xl"], "backends": ["webui", "llm"], "version": "0.2.0",
    "running": "k3mpw7ab.1", "paces": ["txt2img sdxl 1.0 MP x 30: 12.4 s (10.9 to 14.2)"], "done": 412, "failed": 3,
    "barred": ["toy-broken: it failed 3 times, until 14:05"], "servers": [],
}  # fmt: skip
HERE = {"node": "local", "name": "here", "state": "ready", "link": "loopback", "backends": ["sketch"],
        "why_idle": "nothing waits"}  # fmt: skip
LAPTOP = {"node": "aaaabbbbccccddddeeeeffff22", "name": "laptop", "state": "new", "link": "lan",
          "address": "10.0.0.9:7801", "version": "0.2.0"}  # fmt: skip
GONE = {**HERE, "node": "oldnode", "state": "lost", "why_idle": "", "trouble": "not heard of for 2 h"}
PAIRED = {"node": LAPTOP["node"], "name": "laptop", "address": "10.0.0.9:7801", "paired": True, "ready": True,
          "reason": "512 x 512 with toy-xl"}  # fmt: skip


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeDaemon]:
    daemon = FakeDaemon(tmp_path)
    daemon.answers["/v1/nodes"] = (200, page(LAPTOP, STUDIO, HERE))
    yield daemon
    daemon.close()


def test_the_list_tells_who_where_what_and_why_strangers_last(fake: FakeDaemon) -> None:
    head, *lines = stablenew(fake.home, "node", "list", COLUMNS="200").out.splitlines()
    assert head.split() == ["NAME", "STATE", "ADDRESS", "GPU", "VRAM", "LOAD", "SPEED", "BACKENDS", "DOES"]
    assert lines[0].split("  ")[0] == "studio" and "2 x RTX 3090" in lines[0] and "19.2/48.0 GB" in lines[0]
    assert "97%" in lines[0] and "1.4x" in lines[0] and lines[0].endswith("k3mpw7ab.1")
    assert "this daemon's own" in lines[1] and lines[1].endswith("nothing waits")
    assert lines[2].startswith("laptop") and lines[2].endswith("waits to be paired: node pair laptop CODE")


def test_columns_that_say_nothing_are_left_out(fake: FakeDaemon) -> None:
    fake.answers["/v1/nodes"] = (200, page(HERE))
    assert stablenew(fake.home, "node", "list").out.split()[:5] == ["NAME", "STATE", "ADDRESS", "BACKENDS", "DOES"]


def test_two_of_one_name_are_told_apart(fake: FakeDaemon) -> None:
    fake.answers["/v1/nodes"] = (200, page(HERE, GONE))
    told = stablenew(fake.home, "node", "list").out
    assert "here (local)" in told and "here (oldnode)" in told
    assert '"local"' in stablenew(fake.home, "node", "show", "here", "--json").out  # the connected one is meant


def test_a_node_is_shown_whole(fake: FakeDaemon) -> None:
    told = stablenew(fake.home, "node", "show", "studio").out
    for words in (
        "97%, 71 °C, 312 W", "25.0/62.0 GB", "toy-xl", "412 done, 3 failed", "RTX 3090 24 GB, RTX 3090 24 GB", "0.2.0",
        "measured:\n  txt2img sdxl 1.0 MP x 30: 12.4 s", "toy-broken: it failed", "10.0.0.1:7801",
        "85 pictures (28 final), 28.3 an hour by the clock; 164 stages, p50 41s, p95 3m 10s; worked 1h 22m of 3h 00m",
    ):  # fmt: skip
        assert words in told, words
    claimed = stablenew(fake.home, "node", "show", "10.0.0.9:7801").out
    assert "as it claims" in claimed and "done" not in claimed and "24 h" not in claimed


def test_a_node_that_did_nothing_of_late_tells_no_rate(fake: FakeDaemon) -> None:
    shown = json.loads(stablenew(fake.home, "node", "show", "studio", "--json").out)
    fake.answers[f"/v1/nodes/{shown['node']}/day"] = (200, {**shown["day"], "stages": 0, "per_hour": None})
    assert "last 24 h" not in stablenew(fake.home, "node", "show", "studio").out


def test_pairing_is_told_step_by_step(fake: FakeDaemon) -> None:
    begun = time.monotonic()

    def answer(asked: Asked) -> tuple[int, object]:
        """The new node is proving while the pairing is under way."""
        if asked.path == "/v1/nodes/pair":
            time.sleep(0.8)
            return 200, PAIRED
        if asked.path == "/v1/nodes" and len([one for one in fake.asked if one.path == "/v1/nodes"]) > 1:
            return 200, page({**LAPTOP, "state": "proving"}, STUDIO, HERE)
        return whole(asked)

    whole, fake.answer = fake.answer, answer  # type: ignore[method-assign]
    told = stablenew(fake.home, "node", "pair", "laptop", "4829-1307")
    assert told.code == Exit.DONE and time.monotonic() - begun < 30
    first, second, last = told.err.splitlines()
    assert first == f"laptop is paired: its key is {LAPTOP['node']}, which it shows too."
    assert second == "It draws a small picture to prove itself ..."
    assert last.startswith("laptop is ready after ") and last.endswith(" s: 512 x 512 with toy-xl.")
    (sent,) = [one.fields for one in fake.asked if one.path == "/v1/nodes/pair"]
    assert sent == {"name": "laptop", "code": "4829-1307"}


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        ((200, {**PAIRED, "ready": False, "reason": "its picture was flat"}), 1, "not ready: its picture was flat."),
        (
            (403, {"error": "the code is wrong", "remedy": "4 tries are left.", "exit": 4}),
            4,
            "wrong. 4 tries are left.",
        ),
        ((404, {"error": "no node 'x' is known", "exit": 2}), 2, "no node 'x' is known"),
    ],
)
def test_a_pairing_that_comes_to_nothing_says_why(
    fake: FakeDaemon, answer: tuple[int, object], code: int, says: str
) -> None:
    fake.answers["/v1/nodes/pair"] = answer
    told = stablenew(fake.home, "node", "pair", "laptop", "48291307")
    assert told.code == code and says in told.err and told.out == ""


def test_a_code_is_needed_where_nobody_can_be_asked(fake: FakeDaemon) -> None:
    told = stablenew(fake.home, "node", "pair", "laptop")
    assert told.code == Exit.REFUSED and "node pair NAME CODE" in told.err


def test_an_address_is_added_with_its_code_or_waits_for_it(fake: FakeDaemon) -> None:
    fake.answers["/v1/nodes/add"] = (200, PAIRED)
    told = stablenew(fake.home, "node", "add", "10.0.0.9", "48291307", "--json")
    assert told.document["ready"] is True
    assert fake.asked[-1].fields == {"address": "10.0.0.9", "code": "48291307"}

    fake.answers["/v1/nodes/add"] = (200, {**PAIRED, "paired": False, "ready": False, "reason": ""})
    told = stablenew(fake.home, "node", "add", "10.0.0.9")
    assert told.code == Exit.DONE and "laptop waits to be paired: `node pair laptop CODE`." in told.err


def test_an_invitation_is_a_token_and_the_command_for_the_other_machine(fake: FakeDaemon) -> None:
    fake.answers["/v1/nodes/invite"] = (200, {"token": "snj1.abcd", "until": "2026-11-22T08:00:00.000Z"})
    told = stablenew(fake.home, "node", "invite")
    assert told.out == "snj1.abcd\n" and "  stablenew agent join snj1.abcd\n" in told.err
    assert stablenew(fake.home, "node", "invite", "--json").document["token"] == "snj1.abcd"


def test_a_probe_ends_with_what_it_found(fake: FakeDaemon) -> None:
    route = f"/v1/nodes/{STUDIO['node']}/probe"
    fake.answers[route] = (200, {"ok": True, "reason": "512 x 512", "seconds": 1.94})
    told = stablenew(fake.home, "node", "probe", "studio")
    assert told.code == Exit.DONE and "studio is ready after 1.9 s: 512 x 512." in told.err
    fake.answers[route] = (200, {"ok": False, "reason": "no answer", "seconds": 60.0})
    assert stablenew(fake.home, "node", "probe", "studio", "--json").code == Exit.FAILED


def test_a_node_is_unpaired_and_the_lane_pinned(fake: FakeDaemon) -> None:
    told = stablenew(fake.home, "node", "unpair", "studio", "--key", "k1")
    assert told.code == Exit.DONE and "agent unpair" in told.err
    assert (fake.asked[-1].path, fake.asked[-1].key) == (f"/v1/nodes/{STUDIO['node']}/unpair", "k1")
    stablenew(fake.home, "queue", "pin", "studio")
    assert fake.asked[-1].fields == {"node": "studio"}
    assert "whichever node is done first" in stablenew(fake.home, "queue", "pin", "any").err
    assert fake.asked[-1].fields == {"node": None}


def test_the_lanes_switch_is_shown_with_what_each_costs(fake: FakeDaemon) -> None:
    costs = ["nothing", "the best node is idle by day", "one node of three"]
    fake.answers["/v1/queue"] = (
        200,
        {"counts": {"queued": 2}, "mode": "warm", "mode_costs": costs, "pin": STUDIO["node"]},
    )
    told = stablenew(fake.home, "queue", "show").out
    assert "interactive work goes to studio only" in told
    assert "\n> warm  the best node is idle by day\n" in told and "\n  free  one node of three\n" in told


FORECAST = {
    "head": 9, "notes": ["nothing like 'upscale' was measured yet"],
    "runs": [{
        "run": "k3mpw7ab", "name": "lighthouse", "jobs": 3, "at": "2030-01-02T04:51:10Z",
        "soonest": "2030-01-02T04:20:00Z", "latest": "2030-01-02T05:32:00Z", "deadline": "2030-01-02T04:00:00Z",
        "in_time": False, "text": "It ends an hour late.", "helps": ["mode free: by 03:50"],
        "nodes": [{"name": "studio", "stages": 6, "at": "2030-01-02T04:51:10Z"}, {"name": "here", "stages": 0}],
    }],
}  # fmt: skip


def test_a_run_with_a_deadline_is_told_whether_it_will_be_done(fake: FakeDaemon) -> None:
    fake.answers["/v1/forecast"] = (200, FORECAST)
    told = stablenew(fake.home, "run", "--prompt", "a", "--window", "22:00-07:00", "--deadline", "8h", TZ="UTC")
    assert told.out == f"{RUN['run']}\n"
    assert (
        "lighthouse (k3mpw7ab): 3 jobs. It ends an hour late.\n" in told.err
        and "would help: mode free: by 03:50" in told.err
    )
    assert "  studio  6 stages, through by 2030-01-02 04:51" in told.err and "here" not in told.err
    assert [one.query for one in fake.asked if one.path == "/v1/forecast"] == [{"run": ["k3mpw7ab"]}]
    assert stablenew(fake.home, "fleet", "forecast", TZ="UTC").out.endswith(
        "Note: nothing like 'upscale' was measured yet\n"
    )


def test_a_forecast_without_words_of_its_own_is_told_by_its_times(fake: FakeDaemon) -> None:
    run = {**FORECAST["runs"][0], "text": ""}  # type: ignore[index,dict-item]
    fake.answers["/v1/forecast"] = (200, {**FORECAST, "runs": [run, {"run": "r2", "name": "other", "jobs": 1}]})
    told = stablenew(fake.home, "fleet", "forecast", TZ="UTC").out
    assert "done by 2030-01-02 04:51 (2030-01-02 04:20 to 2030-01-02 05:32), LATE for 2030-01-02 04:00" in told
    assert "other (r2): 1 job, nobody can say when it is done" in told


def test_a_run_is_taken_whatever_can_be_foretold(fake: FakeDaemon) -> None:
    fake.answers["/v1/forecast"] = (400, {"error": "nobody foretells", "exit": 2})
    told = stablenew(fake.home, "run", "--prompt", "a", "--window", "22:00-07:00", "--whole")
    assert told.code == Exit.DONE and "foretells" not in told.err
    assert next(one for one in fake.asked if one.method == "POST").fields["whole"] is True


def test_what_runs_is_told_by_the_names_of_nodes(fake: FakeDaemon) -> None:
    job = {"job": "k3mpw7ab.1", "stage": "detail", "stage_number": 2, "stages": 3, "node": STUDIO["node"]}
    fake.answers["/v1/status"] = (200, {"version": "1", "state": "ready", "queue": {}, "nodes": [STUDIO, HERE],
                                        "running": [job]})  # fmt: skip
    told = stablenew(fake.home, "status").out
    assert "studio" in told and str(STUDIO["node"]) not in told


def test_the_status_tells_the_fleet_who_asks_to_join_and_what_is_late(fake: FakeDaemon) -> None:
    silent = {**STUDIO, "state": "suspect", "trouble": "no sign of life for 17 s"}
    runs = [{"run": "r2", "name": "night", "jobs": 40, "eta_s": 7200.0, "deadline": "2020-01-02T03:04:05Z"}]
    fake.answers["/v1/status"] = (200, {"version": "1", "state": "ready", "queue": {}, "runs": runs,
                                        "nodes": [silent, HERE, LAPTOP, {**LAPTOP, "state": "taken"}]})  # fmt: skip
    told = stablenew(fake.home, "status", COLUMNS="200").out
    assert "LATE" in told and "no sign of life for 17 s" in told
    assert told.count("laptop") == 1 and "laptop asks to join: `stablenew node pair NAME CODE`" in told
    fake.answers["/v1/nodes"] = (200, page(silent))
    assert stablenew(fake.home, "node", "why-idle").out == "studio: no sign of life for 17 s\n"


def test_the_doctor_looks_at_every_node_and_at_who_asks_to_join(fake: FakeDaemon) -> None:
    lost = {**STUDIO, "state": "conflicted", "trouble": "two machines live with its key"}
    nodes = [lost, HERE, LAPTOP, {**LAPTOP, "name": "shed", "state": "taken"}]
    fake.answers["/v1/status"] = (200, {"version": "1", "state": "ready", "queue": {}, "nodes": nodes})
    told = stablenew(fake.home, "doctor", "--json").document["findings"]
    assert isinstance(told, list)
    found = [(one["state"], one["text"], one["remedy"]) for one in told if one["name"] == "node"]
    assert found[0][0] == "note" and "two machines live with its key" in found[0][1]
    assert [one[0] for one in found] == ["note", "ok", "ok", "ok"]
    assert found[2][1:] == ("laptop at 10.0.0.9:7801 asks to join.",
                            "`stablenew node pair laptop CODE`, with the code that it shows.")  # fmt: skip


TRACE = {
    "version": 1, "net_mb_s": 100.0, "models": {"xl": {"gb": 6.5}},
    "nodes": [{"id": "n1", "vram_gb": 24.0, "speed": 2.0, "load_gb_s": 1.0, "resident": None}],
    "jobs": [{"id": "j1", "pack": "p", "lane": "batch", "arrival": 0.0, "stages": [
        {"kind": "txt2img", "model": "xl", "vram_gb": 8.0, "work_s": 20.0, "out_mb": 2.0}]}],
}  # fmt: skip


def test_a_trace_is_rehearsed_without_a_daemon(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(TRACE))
    told = stablenew(tmp_path, "fleet", "plan", "--trace", "t.json", folder=tmp_path)
    line = told.document
    assert told.code == Exit.DONE
    assert (line["job"], line["stage"], line["node"], line["start"], line["end"]) == ("j1", 0, "n1", 0.0, 18.5)
    assert line["why"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("plan",), "--trace"),
        (("plan", "--trace", "none.json"), "none.json"),
        (("what-if", "--mode", "quick"), "quick"),
        (("what-if", "--add-node", "huge"), "12GB speed 2"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused_with_its_place(tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    told = stablenew(tmp_path, "fleet", *words)
    assert told.code == Exit.REFUSED and says in told.err and told.out == ""
