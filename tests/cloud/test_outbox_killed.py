"""The outbox under a real SIGKILL."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

KILLED_CHILD = """
import json, os, signal, sys
from pathlib import Path
from appliance.cloud.outbox import JobReport, Outbox

base = Path(sys.argv[1])
os.fsync = lambda handle: None  # a kill spares what was not synced
EVENTS = {"open", "os.rename", "os.remove"}

def work(folder):
    outbox = Outbox(folder / "outbox")
    for number in range(3):
        outbox.add_report(JobReport(job_id=f"job-{number}", key="a", completed=True))
        source = folder / f"{number}.mp4"
        if source.exists():
            outbox.add_video(f"job-{number}", source, key="a")
    outbox.delivered(outbox.pending()[0])
    outbox.delivered(outbox.pending()[0])

step = 0
while True:
    step += 1
    folder = base / str(step)
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.mp4").write_bytes(b"film")
    child = os.fork()
    if child == 0:
        left = step
        def watch(event, args):
            global left
            if event in EVENTS and str(folder) in str(args[0]):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(watch)
        work(folder)
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    # The next start, and the agent adding from its own record what it may have added before.
    outbox = Outbox(folder / "outbox")
    before = [entry.key for entry in outbox.pending()]
    for number in range(3):
        outbox.add_report(JobReport(job_id=f"job-{number}", key="a", completed=True))
        source = folder / f"{number}.mp4"
        if source.exists():
            outbox.add_video(f"job-{number}", source, key="a")
    print(json.dumps([killed, before, [entry.key for entry in outbox.pending()]]))
    if not killed:
        break
"""


def test_sigkill_before_every_file_operation(tmp_path: Path) -> None:
    """A real SIGKILL, one process for each operation of a whole life of the outbox."""
    answer = subprocess.run(
        [sys.executable, "-c", KILLED_CHILD, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=100,
    )
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    assert len(lines) > 40
    assert [killed for killed, _, _ in lines] == [True] * (len(lines) - 1) + [False]
    everything = [f"{kind} job-{number} a" for number in range(3) for kind in ("report", "video")]
    for _, before, after in lines:
        # Nothing of the six is missing but the first two, which may have been delivered.
        assert set(everything[2:]) <= set(after)
        assert len(after) == len(set(after))
        assert [key for key in everything if key in before] == before
    assert lines[-1][1] == lines[-1][2] == everything[2:]
