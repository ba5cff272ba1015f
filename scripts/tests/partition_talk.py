"""What the guests of partition_test.sh type, and whether all of it was shown as it should be.

    partition_talk.py type FOLDER SENDERS              until there is a file FOLDER/over
    partition_talk.py check FOLDER SENDERS READERS

Sender N types into FOLDER/typed.N lines `N:NUMBER:PHASE`, with numbers from 1, and the word that is
in FOLDER/phase at that moment. What reader N shows is in FOLDER/shown.N. `type` leaves in FOLDER/counts
how many lines each sender has typed.
"""

import json
import pathlib
import sys
import threading
import time

PACE = 0.05  # seconds from one line to the next: at any moment messages are on their way
LIMIT = 60  # seconds until a reader must have shown everything


def type_lines(folder, sender, counts):
    with open(folder / f"typed.{sender}", "w", buffering=1) as line:
        while not (folder / "over").exists():
            phase = (folder / "phase").read_text().strip()
            if phase:  # and not just being written
                counts[sender] += 1
                print(f"{sender}:{counts[sender]}:{phase}", file=line)
            time.sleep(PACE)


def type_all(folder, senders):
    counts = {sender: 0 for sender in range(1, senders + 1)}
    threads = [threading.Thread(target=type_lines, args=(folder, n, counts)) for n in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (folder / "counts").write_text(json.dumps(counts))


def shown(folder, reader, total):
    """Returns what a reader has shown, when that is as many lines as were typed, or no more come."""
    end = time.monotonic() + LIMIT
    while True:
        lines = (folder / f"shown.{reader}").read_text().splitlines()
        if len(lines) >= total or time.monotonic() > end:
            return [json.loads(line) for line in lines]
        time.sleep(0.1)


def check(folder, senders, readers):
    counts = json.loads((folder / "counts").read_text())
    total = sum(counts.values())
    transcripts = [shown(folder, n, total) for n in range(1, readers + 1)]
    faults = 0
    for reader, lines in enumerate(transcripts, 1):
        ids = [tuple(map(int, line["text"].split(":")[:2])) for line in lines]
        lost = total - len(set(ids))
        twice = len(ids) - len(set(ids))
        late = 0
        for sender in range(1, senders + 1):
            numbers = [number for who, number in ids if who == sender]
            late += sum(b < a for a, b in zip(numbers, numbers[1:]))
        differs = lines != transcripts[0]
        print(f"reader {reader}: {len(ids)} shown of {total}, {lost} lost, {twice} twice, "
              f"{late} out of order, {'another transcript' if differs else 'the same transcript'}")
        faults += lost + twice + late + differs
    return 1 if faults or not total else 0


if __name__ == "__main__":
    command, folder, *numbers = sys.argv[1:]
    run = {"type": type_all, "check": check}[command]
    sys.exit(run(pathlib.Path(folder), *map(int, numbers)))
