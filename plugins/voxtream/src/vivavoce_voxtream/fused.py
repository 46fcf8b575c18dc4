"""The depth loop of a chunk as one piece of work for the GPU.

For each chunk VoXtream's small depth transformer runs once for every codebook but the first, and voxtream 0.2.5 starts
each run by itself, as a CUDA graph with a dozen small kernels around it. Nothing in between needs the CPU: acoustic
tokens are the most probable ones, so there is no dice to throw, and positions are the same for each chunk. So all runs
together can be one graph. The tests show on the CPU that the sound is the same.
"""

# pyright: reportMissingImports=false
# (torch, moshi and voxtream are in the environment of the worker)

from __future__ import annotations

from types import MethodType
from typing import Any

WARM_UP_CALLS = 2
"""Calls before the graph is captured, so that all that is allocated lazily is there."""


class DepthLoop:
    """The tokens of all codebooks of a chunk from the first one's, as a function of tensors alone."""

    def __init__(self, model: Any, temperature: float, guidance: float | None) -> None:
        """`temperature` and `guidance` (voxtream's `cfg_ac_gamma`) stay as they are; a graph keeps them."""
        import torch

        self._model = model
        self._temperature = temperature
        self._guidance = guidance
        rows = 1 if guidance is None else 2
        device = next(model.parameters()).device
        # The first run sees two positions, the temporal transformer's state and the first token; each other one more.
        steps = [[0, 1], *([position] for position in range(2, model.config.num_codebooks))]
        self._positions = [torch.tensor([step] * rows, device=device) for step in steps]
        self._masks = [model.dep_former_causal_mask[positions, :] for positions in self._positions]

    def __call__(self, state: Any, first_token: Any) -> Any:
        """`state`: (rows, width), `first_token`: (1, 1); returns tokens (1, codebooks)."""
        import torch

        model = self._model
        model.dep_former.reset_caches()
        tokens = [first_token]
        inputs = torch.cat([state.unsqueeze(1), self._embedded(0, first_token, state)], dim=1)
        for step, (positions, mask) in enumerate(zip(self._positions, self._masks, strict=True)):
            outputs = model.dep_former(inputs, input_pos=positions, mask=mask).to(dtype=state.dtype)
            tokens.append(self._most_probable(torch.mm(outputs[:, -1, :], model.audio_head[step])))
            inputs = self._embedded(step + 1, tokens[-1], state)
        return torch.cat(tokens, dim=1)

    def _embedded(self, codebook: int, token: Any, state: Any) -> Any:
        return self._model._embed_audio(codebook, token).repeat(state.shape[0], 1, 1)

    def _most_probable(self, logits: Any) -> Any:
        from voxtream.utils.model import sample_acoustic_token

        return sample_acoustic_token(logits, temperature=self._temperature, cfg_ac_gamma=self._guidance)


def fuse_depth_loop(generator: Any) -> None:
    """Replace `generate_frame` of a generator's model by one whose depth loop is a single CUDA graph (on a GPU)."""
    from moshi.utils.compile import CUDAGraphed

    model, config = generator.model, generator.config
    loop = DepthLoop(model, config.temperature, config.cfg_ac_gamma)
    on_gpu = generator.ctx.device == "cuda"
    run = CUDAGraphed(loop, warmup_steps=WARM_UP_CALLS, disable=not on_gpu)

    def generate_frame(model: Any, config: Any, *, spk_embeddings: Any, input_pos: Any, **values: Any) -> Any:
        """As `voxtream.model.Model.generate_frame`."""
        state, first_token, shift, counts = _first_token(model, config, input_pos, **values)
        frame = run(state + spk_embeddings * config.spk_proj_weight, first_token).clone()
        if input_pos.shape[1] == 1:
            model.sink_attention.append_step(values["phone_emb"], values["audio_tokens"])
        return frame, shift, counts

    model.generate_frame = MethodType(generate_frame, model)


def _first_token(
    model: Any,
    config: Any,
    input_pos: Any,
    *,
    phone_emb: Any,
    audio_tokens: Any,
    cfg_gamma: float,
    spk_rate_weight: float,
    cur_spk_rate_cnt: Any,
    target_spk_rate_cnt: Any,
) -> tuple[Any, Any, Any, Any]:
    """The temporal transformer's step: its last state, the first codebook's token, how far the phones move on, and the
    counts of these moves."""
    import torch
    from voxtream.utils.model import sample_semantic_token

    positions, mask = model.sink_attention.get_context(
        input_pos=input_pos,
        phone_emb=phone_emb,
        audio_tokens=audio_tokens,
        temp_former=model.temp_former,
        temp_former_causal_mask=model.temp_former_causal_mask,
        embed_audio_tokens=model._embed_audio_tokens,
    )
    sound = model._embed_audio_tokens(audio_tokens)
    inputs = torch.cat([phone_emb.unsqueeze(1), sound], dim=1).sum(dim=1, dtype=sound.dtype)
    if inputs.shape[1] == 1:
        outputs = model._temp_former(inputs, positions, mask)  # the one that voxtream has compiled or captured
    else:
        outputs = model.temp_former(inputs, input_pos=positions, mask=mask)
    state = outputs.to(dtype=sound.dtype)[:, -1, :]
    token, shift, counts = sample_semantic_token(
        config=config,
        logits=model.sem_head(state),
        num_states=model.config.num_phone_states,
        codebook_size=model.config.audio_vocab_size + model.config.audio_pad_size,
        cfg_gamma=cfg_gamma,
        cur_spk_rate_cnt=cur_spk_rate_cnt,
        target_spk_rate_cnt=target_spk_rate_cnt,
        spk_rate_weight=spk_rate_weight,
    )
    return state, token, shift, counts
