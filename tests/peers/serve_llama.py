"""Runs llama.cpp's own server, in the peers' environment: `python serve_llama.py MODEL PORT`. Its log records the requests."""

import signal
import sys

import xllamacpp

SLOTS = 2
CONTEXT_OF_A_SLOT = 16384

parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.model_alias = {"tiny-words"}
parameters.hostnames, parameters.port = ["127.0.0.1"], int(sys.argv[2])
parameters.n_parallel, parameters.n_ctx = SLOTS, SLOTS * CONTEXT_OF_A_SLOT
parameters.warmup = False
parameters.verbosity = 4  # the first that distinguishes a text from an embedding
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
# A text to embed must fit into one batch.
parameters.embedding, parameters.n_batch, parameters.n_ubatch = True, CONTEXT_OF_A_SLOT, CONTEXT_OF_A_SLOT
parameters.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
server = xllamacpp.Server(parameters)  # it serves for as long as it is referred to
signal.pause()
