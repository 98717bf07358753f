"""What a baseline of another model starts from, until its file says otherwise."""

OTHER_MODEL = {
    "model_revision": "main",
    "model_type": "auto",
    "template": "auto",
    "external_plugins": [],
}
