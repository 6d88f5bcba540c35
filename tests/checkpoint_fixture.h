/* A small checkpoint with values of every kind in all it holds. Ends the program where something fails. */
#ifndef TN_TESTS_CHECKPOINT_FIXTURE_H
#define TN_TESTS_CHECKPOINT_FIXTURE_H

#include "io/checkpoint.h"

#define FIXTURE_INPUTS 6

typedef struct checkpoint_fixture {
  tn_config config;
  char *config_text;
  tn_network *network;
  float *blocks[3]; /* parameters and two states */
  float scale[FIXTURE_INPUTS], shift[FIXTURE_INPUTS];
} checkpoint_fixture;

/* A network of FIXTURE_INPUTS inputs, hidden layers as "5,3" lists them, and 4 outputs. */
void checkpoint_fixture_create(checkpoint_fixture *fixture, const char *hidden);
void checkpoint_fixture_destroy(checkpoint_fixture *fixture);

/* The fixture as a checkpoint with 0 to 2 states "m" and "v"; borrows all of it. */
tn_checkpoint checkpoint_fixture_view(checkpoint_fixture *fixture, int states);

/* Writes that as NAME into a folder. */
void checkpoint_fixture_write(checkpoint_fixture *fixture, int states, const char *folder, const char *name);

#endif
