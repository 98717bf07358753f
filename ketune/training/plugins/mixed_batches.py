"""ms-swift plugin for FSDP: a batch without images runs the vision tower too, on a dummy image.

Each rank has batches of its own, and FSDP gathers weights in every forward pass. A rank that skips
the tower while another runs it leaves the two in different collectives: they hang or abort.
ms-swift has the dummy image for DeepSpeed alone, by a function that each module imports by name.
"""

import sys

for _name, _module in list(sys.modules.items()):
    known = _name.startswith(("swift.model", "swift.template"))
    if known and "is_deepspeed_enabled" in vars(_module):
        vars(_module)["is_deepspeed_enabled"] = lambda: True
