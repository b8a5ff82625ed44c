/* layers_parts.h: what layers.c and layers_verify.c share; nobody else includes it. */
#pragma once
#include "runtime/layers.h"

/* Add a digest to layer.json's document. */
int layer_put_digest(json_t *doc, const struct tree_digest *digest, struct err *e);
