"""The network: llama-shaped, small enough to train on a CPU in an hour.

RoPE rotates neighbouring pairs (x[2i], x[2i+1]), the order of GGUF "llama" weights, so the exporter permutes nothing.
Input and output embedding are one matrix; the GGUF then carries no output.weight.
"""

from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    vocab: int = 1280
    dim: int = 256
    layers: int = 6
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    ffn: int = 512
    context: int = 1024
    rope_base: float = 10000.0
    eps: float = 1e-5

    def as_dict(self):
        return asdict(self)


def rope_table(cfg):
    """cos and sin, each [context, head_dim / 2]"""
    freq = cfg.rope_base ** (-torch.arange(0, cfg.head_dim, 2, dtype=torch.float64) / cfg.head_dim)
    angle = torch.arange(cfg.context, dtype=torch.float64)[:, None] * freq
    return angle.cos().float(), angle.sin().float()


def rotate(x, cos, sin):
    """x [B, T, heads, head_dim]; cos, sin [B, T, 1, head_dim / 2]"""
    a, b = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2).to(x.dtype)


class Block(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        q, kv = cfg.heads * cfg.head_dim, cfg.kv_heads * cfg.head_dim
        self.attn_norm = nn.RMSNorm(cfg.dim, eps=cfg.eps)
        self.q = nn.Linear(cfg.dim, q, bias=False)
        self.k = nn.Linear(cfg.dim, kv, bias=False)
        self.v = nn.Linear(cfg.dim, kv, bias=False)
        self.o = nn.Linear(q, cfg.dim, bias=False)
        self.ffn_norm = nn.RMSNorm(cfg.dim, eps=cfg.eps)
        self.gate = nn.Linear(cfg.dim, cfg.ffn, bias=False)
        self.up = nn.Linear(cfg.dim, cfg.ffn, bias=False)
        self.down = nn.Linear(cfg.ffn, cfg.dim, bias=False)

    def forward(self, x, cos, sin, mask, cache=None):
        b, t, _ = x.shape
        c = self.cfg
        h = self.attn_norm(x)
        q = rotate(self.q(h).view(b, t, c.heads, c.head_dim), cos, sin).transpose(1, 2)
        k = rotate(self.k(h).view(b, t, c.kv_heads, c.head_dim), cos, sin).transpose(1, 2)
        v = self.v(h).view(b, t, c.kv_heads, c.head_dim).transpose(1, 2)
        if cache is not None:
            if cache:
                k, v = torch.cat((cache[0], k), 2), torch.cat((cache[1], v), 2)
            cache[:] = [k, v]
        group = c.heads // c.kv_heads
        k, v = k.repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        a = F.scaled_dot_product_attention(q, k, v.to(q.dtype), attn_mask=mask)
        x = x + self.o(a.transpose(1, 2).reshape(b, t, -1))
        h = self.ffn_norm(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Raven(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.embed = nn.Embedding(cfg.vocab, cfg.dim)
        self.blocks = nn.ModuleList(Block(cfg) for _ in range(cfg.layers))
        self.norm = nn.RMSNorm(cfg.dim, eps=cfg.eps)
        cos, sin = rope_table(cfg)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        nn.init.normal_(self.embed.weight, std=0.02)
        for name, p in self.named_parameters():
            if p.ndim == 2 and name != "embed.weight":
                nn.init.normal_(p, std=p.shape[1] ** -0.5)
            if name.endswith(("o.weight", "down.weight")):
                nn.init.normal_(p, std=(p.shape[1] * 2 * cfg.layers) ** -0.5)

    def hidden(self, ids, pos, mask, caches=None):
        """ids, pos [B, T]; mask [B, 1, T, keys], true where attention is allowed"""
        cos, sin = self.cos[pos][:, :, None], self.sin[pos][:, :, None]
        x = self.embed(ids)
        for i, block in enumerate(self.blocks):
            x = block(x, cos, sin, mask, None if caches is None else caches[i])
        return self.norm(x)

    def logits(self, hidden):
        return hidden @ self.embed.weight.T

    @torch.no_grad()
    def step(self, ids, caches):
        """Evaluate ids after what caches hold (a list of one list a layer); logits [vocab] of the last one."""
        past = caches[0][0].shape[2] if caches[0] else 0
        n = len(ids)
        pos = torch.arange(past, past + n)[None]
        mask = torch.ones(n, past + n, dtype=torch.bool).tril(past)[None, None]
        return self.logits(self.hidden(torch.tensor([ids]), pos, mask, caches)[0, -1])
