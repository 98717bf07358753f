"""ms-swift plugin (`--external_plugins …`): an evaluation is one mean over all validation tokens.

The trainer of transformers 5.19 averages batches as equals, whatever they hold, and fills the last
ones with rows that it has evaluated already. Here `eval_loss` and `eval_token_acc` are sums over
answer tokens, each counted once, over their number: the same figures for every batch size and
number of processes, and those of the merge proof (ketune/merging/proof.py).
"""

from typing import Any

import torch
from swift.dataloader import DataLoaderShard
from swift.trainers import Seq2SeqTrainer
from swift.trainers.trainer_factory import TrainerFactory


class TokenMeanTrainer(Seq2SeqTrainer):  # type: ignore[misc]
    """Deals batches out to the processes in turn.

    Every process runs as many batches, as weights that are sharded are gathered in each. One that
    has none left runs the first batch of all again, which is not counted.
    """

    _loader: Any = None

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        if self._loader is None:  # workers may outlive an evaluation
            args, size = self.args, self.args.eval_batch_size
            rows = range(len(eval_dataset))
            batches = [rows[start : start + size] for start in rows[::size]]
            dealt = batches[args.process_index :: args.world_size]
            self._dealt = len(dealt)
            most = len(batches[:: args.world_size])
            self._loader = DataLoaderShard(
                eval_dataset,
                device=self.accelerator.device,
                batch_sampler=dealt + batches[:1] * (most - len(dealt)),
                collate_fn=self.data_collator,
                num_workers=args.dataloader_num_workers,
                pin_memory=args.dataloader_pin_memory,
                persistent_workers=args.dataloader_persistent_workers,
                prefetch_factor=args.dataloader_prefetch_factor,
                **self._maybe_multiprocessing_context(args),
            )
        return self._loader

    @property
    def is_repeating(self) -> bool:
        """Whether this process evaluates a batch only because others have one left."""
        return self._begun > self._dealt

    def evaluation_loop(self, *arguments: Any, **options: Any) -> Any:
        self._begun, self._loss, self._tokens = 0, 0.0, 0
        output = super().evaluation_loop(*arguments, **options)
        sums = torch.tensor([self._loss, self._tokens], dtype=torch.float64)
        loss, tokens = self.accelerator.reduce(sums.to(self.args.device), "sum").tolist()
        output.metrics["eval_loss"] = loss / tokens
        return output

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        if self.model.training:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        tokens = int((inputs["labels"][..., 1:] != -100).sum())
        self._begun += 1
        # Without a number of items the loss is the mean over this process's tokens.
        loss, outputs = super().compute_loss(model, inputs, return_outputs=True)
        if not self.is_repeating:
            self._loss += tokens * loss.item()
            self._tokens += tokens
        return (loss, outputs) if return_outputs else loss

    def _compute_acc(self, *arguments: Any, **options: Any) -> None:
        if self.model.training or not self.is_repeating:
            super()._compute_acc(*arguments, **options)


TrainerFactory.TRAINER_MAPPING["causal_lm"] = f"{__name__}.{TokenMeanTrainer.__name__}"
