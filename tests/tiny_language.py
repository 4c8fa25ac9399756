"""Causal language models of transformers, so small that tests train with them."""

from __future__ import annotations

import torch


def tiny(kind, vocabulary):
    """A randomly initialised model of two layers."""
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, OPTConfig, OPTForCausalLM

    torch.manual_seed(0)
    sizes = dict(vocab_size=vocabulary, hidden_size=32, num_hidden_layers=2, num_attention_heads=2)
    if kind == "gpt2":
        return GPT2LMHeadModel(GPT2Config(vocab_size=vocabulary, n_positions=32, n_embd=32, n_layer=2, n_head=2))
    if kind == "opt":
        return OPTForCausalLM(OPTConfig(**sizes, ffn_dim=64, max_position_embeddings=32, word_embed_proj_dim=32))
    return LlamaForCausalLM(LlamaConfig(**sizes, intermediate_size=64, max_position_embeddings=32))
