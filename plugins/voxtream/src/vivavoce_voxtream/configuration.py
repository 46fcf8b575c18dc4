"""The figures that VoXtream 2.1 was trained and published with, as its generator wants to be told them.

They belong to the checkpoint `herimor/voxtream2.1` and stand in `configs/generator.json` and
`configs/speaking_rate.json` of the source distribution of voxtream 0.2.5; the wheel leaves these files out.
"""

from __future__ import annotations

from typing import Any

SAMPLE_RATE_HZ = 24_000
CHUNK_MS = 80
CHUNK_SAMPLES = SAMPLE_RATE_HZ * CHUNK_MS // 1000
"""Samples that the generator makes at a time."""
LAST_CHUNK = 749
"""The generator stops after so many chunks (59.9 s), whatever text is left."""

TOKENS = {"sil": 120, "bos": 123, "eos": 124, "unk": 122}
PUNCTUATION = {".": 117, ",": 118, "?": 119, "!": 121}
AUDIO_PAD_TOKEN = 2049
CODEBOOKS = 16
MODEL_REPOSITORY = "herimor/voxtream2.1"
MODEL_FILES = {"model": "model.safetensors", "config": "config.json", "phones": "phoneme_to_token.json"}
MIMI_REPOSITORY, MIMI_FILE = "kyutai/moshiko-pytorch-bf16", "tokenizer-e351c8d8-checkpoint125.safetensors"
SPEAKER_ENCODER_REPOSITORY = "IDRnD/ReDimNet"

GENERATOR: dict[str, Any] = {
    # tokens of the text
    "sil_token": TOKENS["sil"],
    "bos_token": TOKENS["bos"],
    "eos_token": TOKENS["eos"],
    "unk_token": TOKENS["unk"],
    "eop_token": TOKENS["unk"],
    "punct_map": PUNCTUATION,
    "phonemizer": "espeak",
    "phoneme_dict_name": MODEL_FILES["phones"],
    "phoneme_index_map": {"0": [0, 1], "1": [0, 2], "2": [1, 1], "3": [1, 2], "4": [2, 1], "5": [2, 2]},
    "num_phones_per_frame": 2,
    "max_phone_tokens": 2000,
    "min_look_ahead_phones": 3,
    "frame_repeat_counter": 25,
    # Each word is phonemised as if this word followed; the length is that of its phones, which are cut off again.
    "text_context": " context",
    "text_context_length": 18,
    # codec and sampling
    "num_codebooks": CODEBOOKS,
    "audio_delay_frames": 1,
    "audio_pad_token": AUDIO_PAD_TOKEN,
    "temperature": 0.9,
    "topk": 5,
    "top_p": 0.9,
    "cfg_gamma": 1.5,
    "cfg_ac_gamma": 2.0,
    "spk_rate_window_sec": 2.0,
    "spk_proj_weight": 1.0,
    "max_audio_length_ms": 60_000,
    "reset_streaming_state": False,
    # where the weights are
    "model_repo": MODEL_REPOSITORY,
    "model_name": MODEL_FILES["model"],
    "model_config_name": MODEL_FILES["config"],
    "model_weight_path": None,
    "mimi_repo": MIMI_REPOSITORY,
    "mimi_name": MIMI_FILE,
    "mimi_sr": SAMPLE_RATE_HZ,
    "mimi_vocab_size": 2048,
    "mimi_frame_ms": CHUNK_MS,
    "spk_enc_repo": SPEAKER_ENCODER_REPOSITORY,
    "spk_enc_model": "ReDimNet",
    "spk_enc_model_name": "M",
    "spk_enc_train_type": "ft_mix",
    "spk_enc_dataset": "vb2+vox2+cnc",
    "spk_enc_sr": 16_000,
    "hf_token": None,
    # the voice's sample: `vivavoce_voxtream.prompt` encodes it and leaves it where this makes the generator look
    "cache_prompt": True,
    "max_prompt_sec": 20,
    "min_prompt_sec": 1,
    "apply_vad": False,
    "min_speech_seg_sec": 0.3,
    "enhance_prompt": False,
    "sidon_se_reload_model": False,
    "normalize_prompt_loudness": True,
    "prompt_loudness_lufs": -23.0,
}

# For each speaking rate in syllables a second: how often a chunk advances by 0, 1 or 2 phones and covers one or two
# (the six states of `phoneme_index_map`), and how strongly the model is held to it.
SPEAKING_RATES: dict[str, dict[str, Any]] = {
    "2": {"duration_state": [52, 15, 1, 2, 1, 3], "weight": 2.0, "cfg_gamma": 1.25},
    "3": {"duration_state": [29, 24, 2, 3, 1, 1], "weight": 2.0, "cfg_gamma": 1.5},
    "4": {"duration_state": [40, 59, 5, 12, 1, 2], "weight": 2.0, "cfg_gamma": 2.0},
    "5": {"duration_state": [27, 69, 6, 30, 2, 7], "weight": 2.0, "cfg_gamma": 2.5},
    "6": {"duration_state": [24, 83, 6, 41, 1, 15], "weight": 2.0, "cfg_gamma": 3.0},
}

MOST_PHONES_A_CHUNK = 3
"""The state "5" advances by two phones and covers one more: the fastest that any text can be spoken."""

ARCHITECTURE: dict[str, Any] = {
    "phone_former": "phone_former",
    "temp_former": "temp_former",
    "dep_former": "dep_former_csm",
    "phone_vocab_size": 125,
    "audio_vocab_size": 2050,
    "audio_pad_size": 0,
    "embedding_dim": 1024,
    "spk_embedding_dim": 192,
    "num_codebooks": CODEBOOKS,
    "num_phone_states": 6,
    "amortization_divisor": 16,
    "max_look_ahead": 5,
    "audio_window_size": 625,
    "phone_window_size": 625,
}
"""What `config.json` of the checkpoint says, for weights that are made up here."""
