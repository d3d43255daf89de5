"""Model (../model.py) on torch with PEFT."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import peft
import torch
from torch.nn import functional

from ..gguf_base import PROJECTIONS, BaseInfo, GgufBase
from ..job import TrainJob
from ..layout import from_peft, to_peft
from ..model import Learned, LoraSettings
from ..rows import Batch, Row, batches_by_length, collate
from ..score import LearnedLoss, Score, scores_of, token_shares
from .load_base import load_base

_ADAPTER = "default"
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


class TorchModel:
    """`job` is None where nothing is to be learned. Keeps what the untouched base said of each replayed row."""

    def __init__(
        self,
        base_gguf: Path,
        device: torch.device,
        bits_for: Callable[[BaseInfo], int],
        settings: LoraSettings,
        job: TrainJob | None,
    ):
        """Raises TrainerError BASE_UNSUPPORTED."""
        base = GgufBase(base_gguf)
        self.info = base.info
        frozen = load_base(base, device, bits_for(base.info))
        torch.manual_seed(settings.seed)
        self._device = device
        self._model = peft.get_peft_model(
            frozen,
            peft.LoraConfig(
                r=settings.rank,
                lora_alpha=settings.alpha,
                lora_dropout=settings.dropout,
                target_modules=[ours.partition(".")[2] for ours in PROJECTIONS],
            ),
        )
        self._causal = self._model.base_model.model
        self._scale = settings.alpha / settings.rank
        self._layers = [module for module in self._model.modules() if isinstance(module, peft.tuners.lora.LoraLayer)]
        self._replay_hidden: dict[Row, torch.Tensor] = {}
        if job is not None:
            self._job = job
            self._optimizer = _optimizer(dict(self._trained()), job)

    def learn(self, batches: Sequence[list[Row]], step: int, rate: float, before_batch: Callable[[], None]) -> Learned:
        collated = [collate(rows) for rows in batches]
        shares = [token_shares(batch, self._job.loss_by) for batch in collated]
        whole = sum(float(share.sum()) for share in shares)
        learned, tokens = LearnedLoss(), 0
        self._optimizer.zero_grad(set_to_none=True)
        for rows, batch, share in zip(batches, collated, shares, strict=True):
            before_batch()
            losses, minimised = self._objective(rows, batch, share / whole, step)
            minimised.backward()
            learned.add(batch, losses, share)
            tokens += batch.tokens
        parameters = [parameter for _, parameter in self._trained()]
        norm = torch.nn.utils.clip_grad_norm_(parameters, self._job.gradient_norm_max)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["ratio"]
        self._optimizer.step()
        return Learned(learned.mean, norm.item(), tokens)

    def score(self, rows: Sequence[Row], batch_examples: int, before_batch: Callable[[], None]) -> dict[str, Score]:
        scores: dict[str, Score] = {}
        self._model.eval()
        for batch_rows in batches_by_length(rows, batch_examples):
            before_batch()
            batch = collate(batch_rows)
            with torch.no_grad():
                logits, labels = self._logits(self._hidden(batch)), self._tensor(batch.labels)
                losses = functional.cross_entropy(logits, labels, reduction="none")
                hits = logits.argmax(dim=-1) == labels
            scores |= scores_of(batch_rows, batch, losses.cpu().numpy(), hits.cpu().numpy())
        return scores

    def set_strength(self, strength: float) -> None:
        for layer in self._layers:
            layer.scaling[_ADAPTER] = self._scale * strength

    def tensors(self) -> dict[str, np.ndarray]:
        state = peft.get_peft_model_state_dict(self._model, save_embedding_layers=False)
        return from_peft({name: _numpy(tensor) for name, tensor in state.items()}, self.info)

    def load_tensors(self, named: Mapping[str, np.ndarray]) -> None:
        state = {name: torch.from_numpy(array.copy()) for name, array in to_peft(named, self.info).items()}
        left = peft.set_peft_model_state_dict(self._model, state)
        if left.unexpected_keys:
            raise KeyError(left.unexpected_keys[0])

    def optimizer_state(self) -> dict[str, np.ndarray]:
        return {
            f"{name}|{moment}": _numpy(self._optimizer.state[parameter][moment])
            for name, parameter in self._trained()
            if parameter in self._optimizer.state
            for moment in _MOMENTS
        }

    def load_optimizer(self, arrays: Mapping[str, np.ndarray]) -> None:
        for name, parameter in self._trained():
            step, *moments = (torch.from_numpy(np.array(arrays[f"{name}|{moment}"])) for moment in _MOMENTS)
            self._optimizer.state[parameter] = dict(
                zip(_MOMENTS, (step, *(moment.to(self._device) for moment in moments)), strict=True)
            )

    def _objective(
        self, rows: list[Row], batch: Batch, share: np.ndarray, step: int
    ) -> tuple[np.ndarray, torch.Tensor]:
        """Losses (N,) against the labels, and what is minimised."""
        held = np.flatnonzero(batch.replays[batch.owners]) if self._job.replay_by == "distribution" else np.array([])
        wanted = None if len(held) == 0 else functional.softmax(self._replay_logits(rows), dim=-1)  # (M, vocabulary)
        self._model.train()
        # Dropout follows from the step, so that a resumed run draws the same.
        torch.manual_seed(self._job.seed * 1_000_003 + step)
        logits, part = self._logits(self._hidden(batch)), self._tensor(share)
        losses = functional.cross_entropy(logits, self._tensor(batch.labels), reduction="none")
        if wanted is None:
            return _numpy(losses), (losses * part).sum()
        where = self._tensor(held)
        answers = torch.ones_like(part).index_fill(0, where, 0)
        drift = -(wanted * functional.log_softmax(logits[where], dim=-1)).sum(dim=-1)
        return _numpy(losses), (losses * part * answers).sum() + (drift * part[where]).sum()

    def _replay_logits(self, rows: list[Row]) -> torch.Tensor:
        """(M, vocabulary) of the untouched base at the targets of the replayed rows, in their order; each row computed
        alone, so that a resumed run finds the same bits whatever its first batch is."""
        kept = []
        with torch.no_grad():
            for row in rows:
                if not row.is_replay:
                    continue
                if row not in self._replay_hidden:
                    self._model.eval()
                    with self._model.disable_adapter():
                        self._replay_hidden[row] = self._hidden(collate([row]))
                kept.append(self._replay_hidden[row])
            return self._logits(torch.cat(kept))

    def _hidden(self, batch: Batch) -> torch.Tensor:
        """(N, width), the last hidden state that predicts each target token."""
        hidden = self._causal.model(input_ids=self._tensor(batch.inputs), use_cache=False)[0]  # (B, T, width)
        return hidden.reshape(-1, hidden.shape[-1])[self._tensor(batch.positions)]

    def _logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """(N, vocabulary), float32."""
        return self._causal.lm_head(hidden).float()

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(array).to(self._device)
        return tensor if tensor.is_floating_point() else tensor.long()

    def _trained(self) -> list[tuple[str, torch.nn.Parameter]]:
        return [(name, parameter) for name, parameter in self._model.named_parameters() if parameter.requires_grad]


def _optimizer(trained: Mapping[str, torch.nn.Parameter], job: TrainJob) -> torch.optim.AdamW:
    """AdamW for the A and B matrices apart, as LoRA+ asks. Torch's always corrects the bias."""
    groups = [
        {"params": [parameter for name, parameter in trained.items() if part in name], "ratio": ratio}
        for part, ratio in (("lora_A", 1.0), ("lora_B", job.learning_rate_ratio_b))
    ]
    return torch.optim.AdamW(groups, lr=job.learning_rate, weight_decay=job.weight_decay)


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    """A copy, float32."""
    return tensor.detach().float().cpu().numpy().copy()
