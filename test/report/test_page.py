"""``hil-serl report``: one page, whatever is there."""

from __future__ import annotations

import logged_run
import pytest
from logged_run import DEMONSTRATE, TRAIN

from hil_serl_ros.cli import main
from hil_serl_ros.data.metrics import EPISODE_COLUMNS, TRAINING_COLUMNS
from hil_serl_ros.data.versions import note_versions


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run with all that a page is made of, but for what its nodes said."""
    monkeypatch.chdir(tmp_path)
    made = logged_run.steps([(DEMONSTRATE, 4, True), (TRAIN, 5, True), (TRAIN, 6, False)])
    for step in made:
        step.seed = -1  # nothing is simulated for it: that takes its time
    folder = logged_run.write(tmp_path / "run", made, batch_size=12)
    rows = ["demonstrate,0,1,4,4,1.0,True,False,4,4,0,arm", "train,1,1,5,2,1.0,True,False,9,6,5,arm"]
    rows += ["train,2,1,6,3,0.0,False,True,15,9,5,arm", "evaluate,0,1,9,0,1.0,True,False,15,9,15,arm"]
    (folder / "episodes.csv").write_text("\r\n".join([",".join(EPISODE_COLUMNS), *rows]) + "\r\n")
    figures = [",".join(["0.5"] * len(TRAINING_COLUMNS))] * 2
    (folder / "metrics.csv").write_text("\r\n".join([",".join(TRAINING_COLUMNS), *figures]) + "\r\n")
    (folder / "layout.json").write_text(logged_run.LAYOUT.to_json())
    note_versions(folder)
    return folder


def page(run, *words: str) -> str:
    assert main(["report", str(run), *words]) == 0
    return (run / "report.html").read_text()


def test_a_whole_run_has_every_part(run):
    text = page(run)
    for alt in ("success and return over robot steps", "share of steps", "figures of the learner", "path of the tool"):
        assert f'alt="{alt}' in text
    assert "1 of 2 episodes of training did not succeed" in text
    assert "1 of 1" in text
    assert "<code>batch_size</code>" in text
    assert text.index("<code>batch_size</code>") < text.index("<code>discount</code>")


@pytest.mark.parametrize(
    "name", ["log", "config.yaml", "parameters.yaml", "episodes.csv", "metrics.csv", "layout.json", "versions.json"]
)
def test_a_run_that_lacks_something_has_a_page_that_names_it(run, name, capsys):
    (run / name).rename(run.parent / name)
    assert name in page(run).split("What is missing")[1].split("</ul>")[0]
    assert f"{name}" in capsys.readouterr().out


def test_a_run_that_lacks_nearly_all_has_a_page_too(run):
    for name in ("log", "config.yaml", "parameters.yaml", "metrics.csv", "layout.json", "versions.json"):
        (run / name).rename(run.parent / name)
    (run / "episodes.csv").write_text("")
    assert "There is no episode to draw." in page(run)


def test_what_a_run_says_of_itself_is_shown_as_text_and_never_run(run):
    (run / "output.log").write_text("1 safety [WARN] [1.0] [safety]: <script>alert(1)</script>\n")
    text = page(run)
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_the_page_goes_where_it_is_asked_to(run, capsys):
    assert main(["report", str(run), "--out", "page.html"]) == 0
    assert (run.parent / "page.html").is_file()
    assert not (run / "report.html").exists()
    assert main(["report", str(run), "--out", "nowhere/page.html"]) == 2
    assert "there is no folder nowhere" in capsys.readouterr().err


def test_no_run_is_one_sentence(run, capsys):
    assert main(["report", "nowhere"]) == 2
    assert capsys.readouterr().err == "error: there is no folder nowhere\n"
