"""Names of things, as types. An id is made at an edge and passed in; nothing here draws one."""

from typing import NewType

RunId = NewType("RunId", str)
"""Short and random: eight characters of `ALPHABET`."""

JobId = NewType("JobId", str)
"""`RUN.N`, N from 1: the N-th job of a run's plan."""

StageId = NewType("StageId", str)
"""A stage's id within its pipeline, as the person wrote it: `detail2`."""

NodeId = NewType("NodeId", str)
ImageId = NewType("ImageId", str)
"""A picture's or a film's own id; two identical pictures have two."""

Sha256 = NewType("Sha256", str)
"""64 lower-case hex digits: the name of a file by its content."""

CommandId = NewType("CommandId", str)
Seq = NewType("Seq", int)
"""A position in the log, from 1, without gaps."""

Token = NewType("Token", int)
"""The seq of the event that started an attempt; it fences the attempt's answers."""

ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
"""What ids are drawn from: no 0, 1, i, l, o, u, so that they survive being read aloud."""

ID_LENGTH = 8


def job_id(run: RunId, number: int) -> JobId:
    return JobId(f"{run}.{number}")


def run_of(job: JobId) -> RunId:
    return RunId(job.rpartition(".")[0])


def number_of(job: JobId) -> int:
    return int(job.rpartition(".")[2])
