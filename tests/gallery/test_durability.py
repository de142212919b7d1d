"""What is acknowledged is kept, whatever happens to the process that registered it."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

from docdex.gallery import SqliteGallery
from gallery_samples import batch_of, content
from killing import kill_at_work, running

SCRIPT = Path(__file__).with_name("register_one_by_one.py")
BATCHES = 50


def registering(gallery: Path, name: str, batches: int = BATCHES) -> subprocess.Popen[str]:
    return running(SCRIPT, gallery, name, batches)


def whole_batches(gallery: SqliteGallery, name: str) -> int:
    """How many batches of `name` are there; checks that these are the first ones, each of them whole."""
    kept = {each.id: content(each) for each in gallery.scan() if each.id.startswith(f"{name}-")}
    batches, left_over = divmod(len(kept), 3)
    assert left_over == 0
    assert kept == {each.id: content(each) for number in range(batches) for each in batch_of(name, number)}
    return batches


def test_killed_in_the_middle_of_registrations_it_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    dice = random.Random(7)
    path = tmp_path / "gallery.db"
    killed_at_work = 0
    for number in range(20):
        name = f"round{number}"
        with registering(path, name) as process:
            said = kill_at_work(process, dice, lines=BATCHES, pause=0.003)
        acknowledged = said - 1  # the first line is "open"
        killed_at_work += acknowledged < BATCHES
        with SqliteGallery.open(path) as gallery:
            gallery.verify()
            # One more may be there: killed between the commit and the line that tells of it.
            assert whole_batches(gallery, name) in {acknowledged, acknowledged + 1}
            if acknowledged:
                last = batch_of(name, acknowledged - 1)[0]
                assert last.label in {hit.label for hit in gallery.search(last.vector[None], number + 1)[0]}
    assert killed_at_work > 10


def test_killed_while_it_is_made_it_is_made_by_the_next(tmp_path: Path) -> None:
    for number, delay in enumerate((0.0, 0.0002, 0.0005, 0.001, 0.002)):
        path = tmp_path / f"{number}.db"
        with registering(path, "first") as process:
            while process.poll() is None and not path.exists():
                time.sleep(0.0001)
            time.sleep(delay)
            process.kill()
        with registering(path, "second", batches=1) as process:
            process.communicate()
        assert process.returncode == 0
        with SqliteGallery.open(path) as gallery:
            gallery.verify()
            whole_batches(gallery, "first")
            assert whole_batches(gallery, "second") == 1


def test_two_processes_that_register_into_one_gallery_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "gallery.db"  # made by whichever is first
    with registering(path, "one") as one, registering(path, "two") as two:
        one.communicate()
        two.communicate()
    assert one.returncode == two.returncode == 0
    with SqliteGallery.open(path) as gallery:
        gallery.verify()
        assert whole_batches(gallery, "one") == whole_batches(gallery, "two") == BATCHES
