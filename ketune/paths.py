"""Where the outs of every stage lie, relative to the repository's root, as in dvc.yaml."""

from pathlib import Path

FINETUNED = "finetuned"  # the model that this repository trains; other names are baselines'
BASE = "base"

LOCK = Path("requirements.lock")
PUBLISHED = Path("published.yaml")
REFERENCE = Path("reference")  # laptop-scale results that a plain clone has
RUNS = Path("runs")  # records that nothing depends on, ignored by git

# resolve, source, ingest, prepare, card
RESOLVED = Path("models/base.json")
WEIGHTS = Path("models/base")
BASELINES = Path("models/baselines")
SOURCE = Path("data/source")
RAW = Path("data/raw")
PREPARED = Path("data/prepared")
TRAIN = PREPARED / "train.jsonl"
VALIDATION = PREPARED / "validation.jsonl"
TEST = PREPARED / "test.jsonl"
DATA_METRICS = Path("metrics/data.json")
CARD = Path("data/card")

# train, merge, publish
ADAPTER = Path("models/adapter")
TRAIN_METRICS = Path("metrics/train.json")
TRAIN_CURVE = Path("metrics/curve_train.csv")
EVAL_CURVE = Path("metrics/curve_eval.csv")
MERGED = Path("models/merged")
PUBLISHED_ADAPTER = Path("models/published")
MERGE_METRICS = Path("metrics/merge.json")

# generate, calibrate, judge, evaluate: a file a model
COMPLETIONS = Path("data/completions")
CALIBRATION = Path("data/calibration.json")
CALIBRATION_METRICS = Path("metrics/calibration.json")
VERDICTS = Path("data/verdicts")
OUTCOMES = Path("data/outcomes")
METRICS = Path("metrics")
SLICES = Path("metrics/slices")

REPORT = Path("metrics/report.md")
LOSS_PLOT = Path("metrics/loss.svg")
CATEGORY_PLOT = Path("metrics/pass_at_1.svg")
REPORT_METRICS = Path("metrics/report.json")


def record(artifact: Path) -> Path:
    """Where all that is known of an artifact lies: ARTIFACT.record.json, beside it.

    What DVC calls metrics are the few figures of it that decide.
    """
    return artifact.with_name(f"{artifact.stem}.record.json")
