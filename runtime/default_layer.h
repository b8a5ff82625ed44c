/* default_layer.h: the layer of the image that is inside this program. To unpack it takes as long
 * as ten starts, so when its last user goes it is not removed: it waits in
 * ROOT/cache/default-layer, out of the way of everything that looks at layers, and the next user
 * moves it back. `cella host gc` removes it. */
#pragma once
#include "runtime/layers.h"

#define DEFAULT_LAYER_KEPT "default-layer" /* in ROOT/cache */

/* True with a reference for `owner_uuid` taken: it is there, or was brought back. False: it has to
 * be unpacked. */
bool default_layer_ref(const struct store *s, const char *owner_uuid, char ret_id[LAYER_ID_SIZE]);
/* Unpacking it gave this layer. Only a hint: one that is gone is made again. */
void default_layer_remember(const struct store *s, const char *id);
/* Remove it if it waits. */
void default_layer_drop(const struct store *s);
/* Layer `id` has lost its last reference, and the caller holds its lock (reap in layers.c): true if
 * it is the default image's and has been moved away, to wait. */
bool default_layer_keep(const struct store *s, const char *id);
