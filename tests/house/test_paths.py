"""ketune/paths.py and dvc.yaml name the same outs."""

from pathlib import Path

from ketune import paths
from tests.house.test_dependencies import STAGES, definition

FILES = {"LOCK", "PUBLISHED", "REFERENCE", "RUNS"}  # of no stage


def test_the_outs_of_dvc_yaml_are_the_paths_of_the_stages() -> None:
    outs: set[Path] = set()
    artifacts: set[Path] = set()
    records: set[Path] = set()
    for name in STAGES:
        stage = definition(name)
        for kind in ("outs", "metrics", "plots"):
            for out in stage.get(kind, []):
                path = Path(next(iter(out)) if isinstance(out, dict) else out)
                if path.name.endswith(".record.json"):
                    records.add(path)
                    continue
                artifacts.add(path)
                # A file a model lies in the folder that the module names.
                outs.add(path.parent if path.stem in {"${item}", paths.FINETUNED} else path)
    named = {
        value
        for name, value in vars(paths).items()
        if isinstance(value, Path) and name not in FILES
    }
    inside = {paths.TRAIN, paths.VALIDATION, paths.TEST}  # of data/prepared
    assert named - inside == outs
    assert records <= {paths.record(artifact) for artifact in artifacts}
    assert all(path.is_relative_to(paths.PREPARED) for path in inside)
