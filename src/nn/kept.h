/* The units of a network that a batch keeps (mask = batch), and the smaller dense network that they form. The choice is
 * flat memory, so that ranks of a node can read each other's and take a gradient of the smaller network for what it is
 * in the full one: zeros, which most of it is, are then neither written nor read. */
#ifndef TN_NN_KEPT_H
#define TN_NN_KEPT_H

#include "nn/network.h"

/* The units of one place between layers (0: the input; l: behind layer l). */
typedef struct tn_kept_units {
  int32_t *units; /* ascending */
  int64_t count, all;
  float scale; /* 1 / (1 - rate), what the dense pass multiplies them by */
} tn_kept_units;

typedef struct tn_kept {
  const tn_network *full;
  bool is_whole;         /* no unit is left out, and `network` means nothing */
  tn_network network;    /* of the kept units, without dropout; tensors are on cache lines again */
  tn_kept_units *places; /* (layers + 1) */
  struct tn_kept_choice *choice;
  void *own; /* the choice's memory, where nobody else gave it */
} tn_kept;

/* Bytes of a choice, and of all else that tn_kept_create would allocate. */
int64_t tn_kept_choice_bytes(const tn_network *full);
int64_t tn_kept_bytes(const tn_network *full);

/* Whole at first. memory: tn_kept_choice_bytes zeroed bytes on a cache line, which outlive *kept as the network does;
 * NULL: memory of its own. TN_ERR_MEMORY. Local. */
tn_status tn_kept_create(tn_kept **kept, const tn_network *full, void *memory);
void tn_kept_destroy(tn_kept **kept);

/* Keeps the units of a place whose factor is not 0; factor NULL: all. Returns their number. When all places have been
 * chosen, tn_kept_settle makes the network of them. */
int64_t tn_kept_choose(tn_kept *kept, int place, const float *factor);
void tn_kept_settle(tn_kept *kept);

/* Makes another's choice its own; from NULL: whole. Whoever else looks at the memory of the choice follows. */
void tn_kept_copy(tn_kept *kept, const tn_kept *from);
void tn_kept_follow(tn_kept *kept);

/* No place has a greater scale. */
float tn_kept_greatest_scale(const tn_kept *kept);

/* values: a block of `network`'s layout (or, where whole, of the full one's). Writes what stands at first..first +
 * count - 1 of the full block to out[0..count), zeros where units are left out and in gaps; adds it where `accumulate`.
 * A weight's value is multiplied by its input's scale: the gradient of the full network, whose activations have it,
 * from that of one whose weights have it. */
void tn_kept_spread(const tn_kept *kept, const float *values, int64_t first, int64_t count, float *out,
                    bool accumulate);

#endif
