#!/usr/bin/env python3
"""Golden logits of small random RWKV models.

Version 4 by transformers (RwkvForCausalLM, F32).  It has no other, so versions 5 to 7 are written down here in double
precision, one token after the other, from the equations of the papers: Peng et al., Eagle and Finch, arXiv:2404.05892
(5 and 6), and RWKV-7 Goose, arXiv:2503.14456 (7).  check_rwkv.py holds them against the package of RWKV's author, and
rwkv-t.c the same families against rwkv.cpp.

    pip install torch==2.13.0 transformers==5.24.0 gguf==0.19.0 numpy==2.4.6
    python3 make_rwkv.py
"""

import re

import numpy as np
import torch
import transformers

import golden
import rwkv_names

N_TOKENS = 75
N_CTX = 512
NMSE = 1e-10  # F32 against F32 or double: 1e-12 was seen
EPS = 1e-5
HEAD_EPS = 64e-5  # 1e-5 after a division by 8


# --- version 4 ---------------------------------------------------------------------------------------------------

def names_4(layer):
    block = {"ln1": "attn_norm", "ln2": "attn_norm_2", "attention.key": "time_mix_key",
             "attention.value": "time_mix_value", "attention.receptance": "time_mix_receptance",
             "attention.output": "time_mix_output",
             "feed_forward.key": "channel_mix_key", "feed_forward.value": "channel_mix_value",
             "feed_forward.receptance": "channel_mix_receptance"}
    for theirs, ours in block.items():
        for suffix in ("weight", "bias") if theirs.startswith("ln") else ("weight",):
            yield f"rwkv.blocks.{layer}.{theirs}.{suffix}", f"blk.{layer}.{ours}.{suffix}", None
    for what, ours in {"time_decay": "decay", "time_first": "first"}.items():
        yield f"rwkv.blocks.{layer}.attention.{what}", f"blk.{layer}.time_mix_{ours}.weight", np.ravel
    for part, ours, words in (("attention", "time_mix", "key value receptance"),
                              ("feed_forward", "channel_mix", "key receptance")):
        for word in words.split():  # theirs is the share of the token itself, ours that of the one before
            yield (f"rwkv.blocks.{layer}.{part}.time_mix_{word}", f"blk.{layer}.{ours}_lerp_{word[0]}.weight",
                   lambda mix: 1 - np.ravel(mix))


def make_4(name, seed, hidden, inner, layers, vocab, rescale):
    config = transformers.RwkvConfig(vocab_size=vocab, context_length=N_CTX, hidden_size=hidden, rescale_every=rescale,
                                     intermediate_size=inner, num_hidden_layers=layers)
    torch.manual_seed(seed)
    model = transformers.RwkvForCausalLM(config).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "time_mix" in key:
                parameter.uniform_(0, 1)
            elif "time_decay" in key:
                parameter.uniform_(-4, 1)
            elif parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.2)
            else:
                parameter.normal_(0, parameter.shape[1] ** -0.5)
    ids = golden.tokens(N_TOKENS, vocab, seed)
    with torch.no_grad():
        logits = model(torch.from_numpy(ids)[None]).logits[0].numpy()
    state = {key: value.numpy() for key, value in model.state_dict().items()}  # after the call: the layers are rescaled
    tensors = {"token_embd.weight": state["rwkv.embeddings.weight"], "output.weight": state["head.weight"]}
    for theirs, ours in {"blocks.0.pre_ln": "token_embd_norm", "ln_out": "output_norm"}.items():
        for suffix in "weight", "bias":
            tensors[f"{ours}.{suffix}"] = state[f"rwkv.{theirs}.{suffix}"]
    for layer in range(layers):
        for theirs, ours, convert in names_4(layer):
            tensors[ours] = convert(state[theirs]) if convert else state[theirs]
    keys = {"architecture_version": 4, "context_length": N_CTX, "embedding_length": hidden, "block_count": layers,
            "feed_forward_length": inner}
    if rescale:
        keys["rescale_every_n_layers"] = rescale
    whole = {key: value * 2.0 ** (int(key.split(".")[2]) // rescale) if rescale and re.search(r"output\.w|forward\.value", key)
             else value for key, value in state.items()}
    config = {"model_type": "rwkv", "context_length": N_CTX} | ({"rescale_every": rescale} if rescale else {})
    golden.write(name, "rwkv", keys, tensors, ids, logits,
                 f"transformers {transformers.__version__}, torch {torch.__version__}: RwkvForCausalLM, seed {seed}",
                 nmse=NMSE, model=model, checkpoints={"author": (config, rwkv_names.author_4(whole))})


# --- versions 5 to 7 ---------------------------------------------------------------------------------------------

def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def silu(x):
    return x * sigmoid(x)


def norm(x, weight, bias, eps=EPS):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps) * weight + bias


class Weights:
    """Random tensors under the names they have in the file; get() gives them back in double."""

    def __init__(self, seed, embd, ff, layers, vocab, exact=False):
        self.exact = exact  # 1 - mix and the logarithm of first are exact, too
        self.random = np.random.default_rng(seed)
        self.embd, self.ff, self.layers, self.vocab = embd, ff, layers, vocab
        self.file = {}
        self.add("token_embd.weight", (vocab, embd), 1)
        self.add("output.weight", (vocab, embd), embd ** -0.5)
        self.norm("token_embd_norm", embd)
        self.norm("output_norm", embd)

    def add(self, name, shape, scale, shift=0.0):
        self.file[name] = (self.random.standard_normal(shape) * scale + shift).astype(np.float32)

    def uniform(self, name, shape, low, high):
        self.file[name] = self.random.uniform(low, high, shape).astype(np.float32)

    def mix(self, name, n):
        self.uniform(name, n, 0, 1)
        if self.exact:
            self.file[name] = np.round(self.file[name] * 4096) / 4096

    def norm(self, name, n):
        self.add(f"{name}.weight", n, 0.2, 1)
        self.add(f"{name}.bias", n, 0.2)

    def matrix(self, name, rows, columns):
        self.add(f"{name}.weight", (rows, columns), columns ** -0.5)

    def get(self, name):
        return self.file[f"{name}.weight"].astype(np.float64)

    def apply_norm(self, name, x, eps=EPS):
        return norm(x, self.get(name), self.file[f"{name}.bias"].astype(np.float64), eps)


class Model:
    """What versions 5 to 7 share.  A subclass has add_time_mix() and time_mix(); step() takes one token."""

    def __init__(self, weights, head_size, rescale=0, head_eps=HEAD_EPS):
        self.w, self.size, self.rescale, self.head_eps = weights, head_size, rescale, head_eps
        self.heads = weights.embd // head_size
        for layer in range(weights.layers):
            block = f"blk.{layer}."
            weights.norm(f"{block}attn_norm", weights.embd)
            weights.norm(f"{block}attn_norm_2", weights.embd)
            weights.norm(f"{block}time_mix_ln", weights.embd)
            for what in "key", "value", "receptance", "output":
                weights.matrix(f"{block}time_mix_{what}", weights.embd, weights.embd)
            weights.matrix(f"{block}channel_mix_key", weights.ff, weights.embd)
            weights.matrix(f"{block}channel_mix_value", weights.embd, weights.ff)
            weights.mix(f"{block}channel_mix_lerp_k.weight", weights.embd)
            self.add_time_mix(block)
        # at the start: nothing before the first token, memories [head][key][value] empty
        self.before = {}
        self.memory = [np.zeros((self.heads, head_size, head_size)) for _ in range(weights.layers)]

    def shift(self, name, h):
        before = self.before.get(name, np.zeros_like(h))
        self.before[name] = h
        return before - h

    def by_head(self, x):
        return x.reshape(self.heads, self.size)

    def head_norm(self, block, y):
        """y [head][value]; weight and bias are by channel."""
        weight, bias = (self.by_head(self.w.file[f"{block}time_mix_ln.{suffix}"].astype(np.float64))
                        for suffix in ("weight", "bias"))
        return norm(y, weight, bias, self.head_eps).reshape(-1)

    def channel_mix(self, block, h):
        w, d = self.w, self.shift(f"{block}channel", h)
        r = sigmoid(w.get(f"{block}channel_mix_receptance") @ (h + d * w.get(f"{block}channel_mix_lerp_r")))
        k = np.maximum(w.get(f"{block}channel_mix_key") @ (h + d * w.get(f"{block}channel_mix_lerp_k")), 0) ** 2
        return r * (w.get(f"{block}channel_mix_value") @ k)

    def add_receptance(self, block):
        self.w.matrix(f"{block}channel_mix_receptance", self.w.embd, self.w.embd)
        self.w.mix(f"{block}channel_mix_lerp_r.weight", self.w.embd)

    def step(self, token):
        x = self.w.apply_norm("token_embd_norm", self.w.get("token_embd")[token])
        for layer in range(self.w.layers):
            block = f"blk.{layer}."
            x = x + self.time_mix(layer, block, self.w.apply_norm(f"{block}attn_norm", x))
            x = x + self.channel_mix(block, self.w.apply_norm(f"{block}attn_norm_2", x))
            if self.rescale and (layer + 1) % self.rescale == 0:
                x = x / 2
        return self.w.get("output") @ self.w.apply_norm("output_norm", x)


class Version5(Model):
    def __init__(self, *arguments, gate=True, by_channel=True, **options):
        self.gate, self.by_channel = gate, by_channel
        super().__init__(*arguments, **options)

    def add_time_mix(self, block):
        for letter in "kvrg" if self.gate else "kvr":
            self.w.mix(f"{block}time_mix_lerp_{letter}.weight", self.w.embd)
        if self.gate:
            self.w.matrix(f"{block}time_mix_gate", self.w.embd, self.w.embd)
        each = (self.heads, self.size) if self.by_channel else (self.heads,)
        self.w.uniform(f"{block}time_mix_decay.weight", np.prod(each), -5, 0.5)
        if self.by_channel:
            self.w.add(f"{block}time_mix_first.weight", each, 0.5, 0.5)
        else:  # an exponential
            low, high = (0.62, 1.6) if self.w.exact else (0.1, 1.5)
            self.w.uniform(f"{block}time_mix_first.weight", each, low, high)
        self.add_receptance(block)

    def time_mix(self, layer, block, h):
        w, d, out = self.w, self.shift(f"{block}time", h), np.zeros((self.heads, self.size))

        def project(what, letter):
            return w.get(f"{block}time_mix_{what}") @ (h + d * w.get(f"{block}time_mix_lerp_{letter}"))

        r, k, v = (self.by_head(project(what, what[0])) for what in ("receptance", "key", "value"))
        first = w.get(f"{block}time_mix_first").reshape(self.heads, -1)
        decay = np.exp(-np.exp(w.get(f"{block}time_mix_decay"))).reshape(self.heads, -1)
        for head in range(self.heads):
            s = self.memory[layer][head]
            u, left = (np.broadcast_to(x[head], self.size) for x in (first, decay))
            kv = np.outer(k[head], v[head])
            out[head] = r[head] @ (u[:, None] * kv + s)
            self.memory[layer][head] = left[:, None] * s + kv
        y = self.head_norm(block, out)
        if self.gate:
            y = y * silu(project("gate", "g"))
        return w.get(f"{block}time_mix_output") @ y


class Version6(Model):
    def __init__(self, *arguments, mix_rank, decay_rank, fused=True, **options):
        self.mix_rank, self.decay_rank, self.fused = mix_rank, decay_rank, fused
        super().__init__(*arguments, **options)

    def add_time_mix(self, block):
        w, e = self.w, self.w.embd
        w.uniform(f"{block}time_mix_lerp_x.weight", e, 0, 1)
        if self.fused:
            w.uniform(f"{block}time_mix_lerp_fused.weight", (5, 1, 1, e), 0, 1)
        else:
            for letter in "wkvrg":
                w.uniform(f"{block}time_mix_lerp_{letter}.weight", e, 0, 1)
        w.matrix(f"{block}time_mix_w1", 5 * self.mix_rank, e)
        w.add(f"{block}time_mix_w2.weight", (5, e, self.mix_rank), 0.3 * self.mix_rank ** -0.5)
        w.matrix(f"{block}time_mix_gate", e, e)
        w.uniform(f"{block}time_mix_decay.weight", e, -5, 0.5)
        w.matrix(f"{block}time_mix_decay_w1", self.decay_rank, e)
        w.matrix(f"{block}time_mix_decay_w2", e, self.decay_rank)
        w.add(f"{block}time_mix_first.weight", (self.heads, self.size), 0.5, 0.5)
        self.add_receptance(block)

    def lerp(self, block, number):
        if self.fused:
            return self.w.get(f"{block}time_mix_lerp_fused")[number, 0, 0]
        return self.w.get(f"{block}time_mix_lerp_{'wkvrg'[number]}")

    def time_mix(self, layer, block, h):
        w, d, out = self.w, self.shift(f"{block}time", h), np.zeros((self.heads, self.size))
        low = np.tanh(w.get(f"{block}time_mix_w1") @ (h + d * w.get(f"{block}time_mix_lerp_x"))).reshape(5, -1)
        xw, xk, xv, xr, xg = (h + d * (self.lerp(block, i) + w.get(f"{block}time_mix_w2")[i] @ low[i])
                              for i in range(5))
        r, k, v = (self.by_head(w.get(f"{block}time_mix_{what}") @ x)
                   for what, x in (("receptance", xr), ("key", xk), ("value", xv)))
        decay = w.get(f"{block}time_mix_decay_w2") @ np.tanh(w.get(f"{block}time_mix_decay_w1") @ xw)
        decay = self.by_head(np.exp(-np.exp(w.get(f"{block}time_mix_decay") + decay)))
        first = w.get(f"{block}time_mix_first")
        for head in range(self.heads):
            s, kv = self.memory[layer][head], np.outer(k[head], v[head])
            out[head] = r[head] @ (first[head][:, None] * kv + s)
            self.memory[layer][head] = decay[head][:, None] * s + kv
        y = self.head_norm(block, out) * silu(w.get(f"{block}time_mix_gate") @ xg)
        return w.get(f"{block}time_mix_output") @ y


class Version7(Model):
    def __init__(self, *arguments, ranks, filler=False, **options):
        self.ranks, self.filler = dict(zip("wavg", ranks)), filler
        super().__init__(*arguments, **options)

    def add_time_mix(self, block):
        w, e = self.w, self.w.embd
        w.uniform(f"{block}time_mix_lerp_fused.weight", (6, 1, 1, e), 0, 1)
        for letter, rank in self.ranks.items():
            if letter == "v" and block == "blk.0.":
                continue
            if letter != "g":
                w.add(f"{block}time_mix_{letter}0.weight", e, 0.8)
            w.matrix(f"{block}time_mix_{letter}1", rank, e)
            w.matrix(f"{block}time_mix_{letter}2", e, rank)
        w.add(f"{block}time_mix_k_k.weight", e, 0.2, 0.8)
        w.add(f"{block}time_mix_k_a.weight", e, 0.2, 1)
        w.add(f"{block}time_mix_r_k.weight", e, 0.3)
        if self.filler and block == "blk.0.":  # as published files: unused, the tensors of a under another name
            for number in range(3):
                w.file[f"{block}time_mix_v{number}.weight"] = w.file[f"{block}time_mix_a{number}.weight"]

    def time_mix(self, layer, block, h):
        w, d, out = self.w, self.shift(f"{block}time", h), np.zeros((self.heads, self.size))
        xr, xw, xk, xv, xa, xg = h + d * w.get(f"{block}time_mix_lerp_fused")[:, 0, 0]

        def low(letter, x, function=lambda z: z):
            return w.get(f"{block}time_mix_{letter}2") @ function(w.get(f"{block}time_mix_{letter}1") @ x)

        r, k, v = (w.get(f"{block}time_mix_{what}") @ x for what, x in (("receptance", xr), ("key", xk), ("value", xv)))
        decay = np.exp(-np.exp(-0.5) * sigmoid(w.get(f"{block}time_mix_w0") + low("w", xw, np.tanh)))
        rate = sigmoid(w.get(f"{block}time_mix_a0") + low("a", xa))
        gate = low("g", xg, sigmoid)
        if layer == 0:
            self.first_v = v
        else:
            v = v + (self.first_v - v) * sigmoid(w.get(f"{block}time_mix_v0") + low("v", xv))
        removal = self.by_head(k * w.get(f"{block}time_mix_k_k"))
        removal = removal / np.linalg.norm(removal, axis=1, keepdims=True)
        k = k * (1 + (rate - 1) * w.get(f"{block}time_mix_k_a"))
        r, k, v, decay, rate = (self.by_head(x) for x in (r, k, v, decay, rate))
        bonus = (r * k * self.by_head(w.get(f"{block}time_mix_r_k"))).sum(1, keepdims=True) * v
        for head in range(self.heads):
            # the paper's state is [value][key]: S (diag(w) - removal' (rate * removal)) + v' k
            s = self.memory[layer][head].T
            s = s @ (np.diag(decay[head]) - np.outer(removal[head], rate[head] * removal[head]))
            s = s + np.outer(v[head], k[head])
            self.memory[layer][head] = s.T
            out[head] = s @ r[head]
        y = (self.head_norm(block, out) + bonus.reshape(-1)) * gate
        return w.get(f"{block}time_mix_output") @ y

    def channel_mix(self, block, h):
        w, d = self.w, self.shift(f"{block}channel", h)
        k = np.maximum(w.get(f"{block}channel_mix_key") @ (h + d * w.get(f"{block}channel_mix_lerp_k")), 0) ** 2
        return w.get(f"{block}channel_mix_value") @ k


def make(name, arch, seed, version, shape, head_size, keys=None, exact=False, tied=False, configs=None, **options):
    model = version(Weights(seed, *shape, exact), head_size, **options)
    w = model.w
    if tied:
        w.file["output.weight"] = w.file["token_embd.weight"]
    ids = golden.tokens(N_TOKENS, w.vocab, seed)
    logits = np.array([model.step(token) for token in ids])
    keys = {"context_length": N_CTX, "embedding_length": w.embd, "block_count": w.layers, "feed_forward_length": w.ff,
            "wkv.head_size": head_size, "attention.layer_norm_epsilon": EPS} | (keys or {})
    if "rescale" in options:
        keys["rescale_every_n_layers"] = options["rescale"]
    if "head_eps" in options:
        keys["attention.group_norm_epsilon"] = options["head_eps"]
    golden.write(name, arch, keys, w.file, ids, logits,
                 f"make_rwkv.py, numpy {np.__version__} in double: {version.__name__}, seed {seed}", nmse=NMSE,
                 checkpoints=checkpoints(arch, w.file, head_size, options.get("rescale", 0), configs or {}))


def checkpoints(arch, tensors, head_size, rescale, configs):
    """By suffix: "" as hubs have it, "older" with all mixes in one, "author" under the author's names."""
    saved = {}
    for suffix, config in configs.items():
        own = rwkv_names.author(arch, tensors, head_size, rescale)
        if arch == "rwkv7":  # not the file's fillers
            own |= {"blocks.0.att.v1": np.ones((2, 3)), "blocks.0.att.v2": np.ones((3, 2))}
        if suffix != "author":
            own = rwkv_names.hub(arch, own)
        if config.get("tie_word_embeddings"):
            own.pop("lm_head.weight")
        if suffix == "older":
            for layer in range(config["num_hidden_layers"]):
                attn = f"model.layers.{layer}.attn."
                own[f"{attn}x_x"] = np.concatenate([own.pop(f"{attn}x_{letter}")[0] for letter in "rwkvag"])
        saved[suffix] = config, own
    return saved


def config_5(shape, head_size, rescale, version):
    """As the config.json of RWKV/rwkv-5-world-* and rwkv-6-world-*."""
    embd, ff, layers, vocab = shape
    return {"architectures": [f"Rwkv{version}ForCausalLM"], "attention_hidden_size": embd, "bos_token_id": 0,
            "context_length": N_CTX, "eos_token_id": 0, "head_size": head_size, "head_size_divisor": 8,
            "hidden_size": embd, "intermediate_size": None, "layer_norm_epsilon": EPS, "model_type": f"rwkv{version}",
            "num_attention_heads": 64, "num_hidden_layers": layers, "rescale_every": rescale, "tie_word_embeddings": False,
            "use_cache": True, "vocab_size": vocab}


def config_7(shape, head_size, ranks):
    """As the config.json of fla-hub/rwkv7-*."""
    embd, ff, layers, vocab = shape
    w, a, v, g = ranks
    return {"architectures": ["RWKV7ForCausalLM"], "attn": None, "attn_mode": "chunk", "bos_token_id": 1, "eos_token_id": 2,
            "decay_low_rank_dim": w, "a_low_rank_dim": a, "v_low_rank_dim": v, "gate_low_rank_dim": g, "fuse_norm": False,
            "head_dim": head_size, "hidden_act": "sqrelu", "hidden_ratio": 4.0, "hidden_size": embd, "intermediate_size": ff,
            "max_position_embeddings": 2048, "model_type": "rwkv7", "norm_bias": True, "norm_eps": EPS, "norm_first": True,
            "num_heads": embd // head_size, "num_hidden_layers": layers, "tie_word_embeddings": True, "vocab_size": vocab,
            "value_dim": [embd] * layers}


def keys_7(ranks):
    names = "decay_lora_rank", "iclr_lora_rank", "value_residual_mix_lora_rank", "gate_lora_rank"
    return {f"attention.{key}": rank for key, rank in zip(names, ranks)}


def main():
    make_4("rwkv4-odd", 41, hidden=19, inner=29, layers=3, vocab=23, rescale=0)
    make_4("rwkv4-rescaled", 42, hidden=16, inner=20, layers=4, vocab=21, rescale=2)

    # embedding, feed-forward, layers, vocabulary; size of a head
    five = {"architecture_version": 5}
    make("rwkv5-0", "rwkv", 50, Version5, (32, 20, 1, 23), 16, five, gate=False, by_channel=False)
    make("rwkv5-1", "rwkv", 51, Version5, (32, 24, 1, 21), 16, five, by_channel=False)
    make("rwkv5-1-one-head", "rwkv", 52, Version5, (16, 16, 2, 19), 16, five, by_channel=False)
    make("rwkv5-2", "rwkv", 53, Version5, (24, 20, 2, 23), 12, five)
    make("rwkv5-2-head-64", "rwkv", 54, Version5, (64, 8, 1, 17), 64, five)

    six = {"time_mix_extra_dim": 5, "time_decay_extra_dim": 7}
    make("rwkv6", "rwkv6", 60, Version6, (32, 20, 1, 23), 16, six, mix_rank=5, decay_rank=7)
    make("rwkv6-odd", "rwkv6", 61, Version6, (21, 13, 2, 19), 7, six | {"time_mix_extra_dim": 2}, mix_rank=2,
         decay_rank=7, fused=False)
    make("rwkv6-rescaled", "rwkv6", 62, Version6, (32, 12, 1, 19), 32, six, mix_rank=5, decay_rank=7, rescale=1)
    make("rwkv6-head-64", "rwkv6", 63, Version6, (64, 8, 1, 17), 64, six, mix_rank=5, decay_rank=7)

    make("rwkv7", "rwkv7", 70, Version7, (32, 20, 2, 23), 16, keys_7((3, 5, 7, 9)), ranks=(3, 5, 7, 9))
    make("rwkv7-odd", "rwkv7", 71, Version7, (22, 17, 2, 21), 11, keys_7((1, 8, 2, 4)), ranks=(1, 8, 2, 4),
         filler=True)
    make("rwkv7-head-32", "rwkv7", 72, Version7, (32, 16, 2, 19), 32, keys_7((4, 3, 5, 6)), ranks=(4, 3, 5, 6))
    make("rwkv7-head-64", "rwkv7", 73, Version7, (64, 8, 1, 17), 64, keys_7((6, 4, 3, 40)), ranks=(6, 4, 3, 40))
    # what checkpoints are compared with; other programs have no end of the context
    endless = {"context_length": 1 << 20}
    shape, small, ranks = (16, 32, 3, 17), (16, 12, 2, 17), (3, 5, 7, 4)  # 16 * 3.5 down to a multiple of 32
    make("rwkv5-0-small", "rwkv", 55, Version5, small, 8, five, exact=True, gate=False, by_channel=False,
         configs={"author": {"model_type": "rwkv5", "context_length": N_CTX}})
    make("rwkv5-2-halved", "rwkv", 56, Version5, shape, 8, five, exact=True, rescale=2,
         configs={"": config_5(shape, 8, 2, 5), "author": {"model_type": "rwkv5", "context_length": N_CTX, "rescale_every": 2}})
    make("rwkv6-halved", "rwkv6", 64, Version6, shape, 8, endless | {"time_mix_extra_dim": 3, "time_decay_extra_dim": 5},
         mix_rank=3, decay_rank=5, rescale=2,
         configs={"": config_5(shape, 8, 2, 6), "author": {"model_type": "rwkv6", "rescale_every": 2}})
    hub = config_7(small, 8, ranks)
    older = hub | {"head_dim": None} | {f"{what}_low_rank_dim": None for what in ("decay", "a", "v", "gate")}
    make("rwkv7-tied", "rwkv7", 74, Version7, small, 8, endless | keys_7(ranks), ranks=ranks, filler=True, tied=True,
         head_eps=8 * EPS, configs={"": hub, "older": older, "author": {"model_type": "rwkv7", "group_norm_epsilon": 8 * EPS}})


main()
