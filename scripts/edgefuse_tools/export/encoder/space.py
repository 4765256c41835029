"""A space of pictures and texts, from a classifier of pictures and an encoder of sentences, without training (ConSE).

A picture's embedding is the mean of the embeddings of the class names, weighted by the picture's probabilities, which
are softened by a temperature; a text's is the encoder's. The mean over the classes is subtracted from both, and both are
divided by their length.

Source: Norouzi et al., Zero-Shot Learning by Convex Combination of Semantic Embeddings, 2014 (arXiv:1312.5650), which
weights by the ten largest probabilities; temperature, names and mean are from our own measurements
(docs/models/photos.md).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from edgefuse_tools.export.blip.config import TextConfig
from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint
from edgefuse_tools.export.encoder.architectures import state_dict
from edgefuse_tools.export.encoder.bert import read_bert, read_config, text_states
from edgefuse_tools.export.encoder.class_embeddings import TABLE, ClassEmbeddings
from edgefuse_tools.export.encoder.classifiers import Choices, Classifier, architecture, names
from edgefuse_tools.export.encoder.parts import (
    PICTURE,
    TEXT,
    Parts,
    class_names,
    joined,
    output_embedding,
    output_probabilities,
)
from edgefuse_tools.export.encoder.sentences import Pooling, pooled, read_sentences
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.graph import GraphBuilder

TEMPERATURE = 1.5
"""Divides the logits: a picture's neighbours among the classes say more about it than its best class alone."""


def read_space(source: Path, texts: Path, choices: Choices, table_file: Path | None = None) -> Parts:
    """The graphs of a classifier's state dict `source` and the sentence encoder in `texts`; `table_file` has the embeddings
    of the class names (default: those of ImageNet by all-MiniLM-L6-v2)."""
    checkpoint = state_dict(source)
    module = architecture(checkpoint)
    count = module.classes(checkpoint)
    if not count:
        raise ExportError(f"{source}: has no classes, whose names could be embedded")
    class_list = names(checkpoint, count, choices.classes)
    path = table_file or TABLE
    table = ClassEmbeddings.load(path).of(texts, count, path)
    mean = table.mean(axis=0)
    # The whole picture is stretched: a centre crop cuts off what texts may ask for.
    preprocessing = replace(choices.applied(module.preprocessing(checkpoint)), shorter_side=choices.shorter_side)
    details, files = class_names(class_list)
    fill = partial(picture_graph, module=module, checkpoint=checkpoint, side=preprocessing.side, table=table - mean)
    pictures = Parts(
        graphs={PICTURE: fill}, details={"image": preprocessing.section()} | details, files=files, convolutional=True
    )
    sentences = read_bert(texts)
    fill_text = partial(
        text_graph,
        checkpoint=Checkpoint.open(texts),
        config=read_config(texts),
        pooling=read_sentences(texts).pooling,
        mean=mean,
    )
    return joined(pictures, replace(sentences, graphs={TEXT: fill_text}))


def picture_graph(g: GraphBuilder, module: Classifier, checkpoint: Checkpoint, side: int, table: np.ndarray) -> None:
    """`picture`: pixels to `embedding` and `probabilities`."""
    features, length = module.picture_features(g, checkpoint, side)
    logits = module.logits(g, checkpoint, features, length)
    soft = g.node("Softmax", g.node("Mul", logits, g.scalar(1 / TEMPERATURE)), axis=-1)
    embedding = g.node("MatMul", soft, g.weight("class_names", table))
    output_embedding(g, embedding, "pictures", table.shape[1], normalised=True)
    output_probabilities(g, logits, len(table))


def text_graph(g: GraphBuilder, checkpoint: Checkpoint, config: TextConfig, pooling: Pooling, mean: np.ndarray) -> None:
    """`text`: ids and mask to `embedding`."""
    states, mask = text_states(g, checkpoint, config)
    embedding = pooled(g, states, mask, pooling)
    if pooling.normalised:
        embedding = g.node("LpNormalization", embedding, axis=-1, p=2)
    embedding = g.node("Sub", embedding, g.weight("mean_of_class_names", mean))
    output_embedding(g, embedding, "texts", config.hidden_size, normalised=True)
