"""`wildcard translate`: a file line by line in another program's words, and what got lost with its line."""

import json

from daemon.library.verbs import main


def test_each_line_is_translated_and_losses_name_it(tmp_path, capsys):
    file = tmp_path / "sky.txt"
    file.write_bytes(b"\xef\xbb\xbf# mine\r\na <random:red|blue> sky\r\n<wc:clouds>, <segment:face>\r\n")
    assert main(["translate", str(file), "--from", "swarm"]) == 0
    told = capsys.readouterr()
    assert told.out == "# mine\na {red|blue} sky\n__clouds__, \n"
    assert told.err == f"{file}:3: '<segment:face>' has no equal and is left out.\n"


def test_json_is_one_line(tmp_path, capsys):
    file = tmp_path / "sky.txt"
    file.write_text("{a|b}\n[[weather]]\n")
    assert main(["translate", str(file), "--from", "stablenew", "--to", "a1111", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["text"] == "a\n__weather__" and [one["line"] for one in told["losses"]] == [1, 2]


def test_what_cannot_be_read_is_refused_with_its_place(tmp_path, capsys):
    file = tmp_path / "sky.txt"
    file.write_text("fine\nnot {fine\n")
    for words, told in (
        ([str(file), "--from", "dynamic", "--to", "swarm"], f"{file}:2:5: '{{fine' is not closed."),
        ([str(file), "--from", "latin"], "--from: 'latin' is no dialect."),
        ([str(file)], "--from: is missing."),
        ([str(tmp_path / "none.txt"), "--from", "swarm"], "cannot be read"),
        ([str(file), str(file), "--from", "swarm"], "takes one file."),
    ):
        assert main(["translate", *words]) == 2
        assert told in capsys.readouterr().err
