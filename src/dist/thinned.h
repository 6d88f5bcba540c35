/* Which units the ranks of a team keep in a step, where each of them thins its network: a gradient stays in the layout
 * of the smaller network until another rank takes its share of it. Private to src/dist. */
#ifndef TN_DIST_THINNED_H
#define TN_DIST_THINNED_H

#include "dist/team.h"
#include "nn/kept.h"

typedef struct tn_thinned {
  tn_shared *window;
  int count;          /* the team's ranks */
  tn_kept **of_ranks; /* (count) over the window's memory */
} tn_thinned;

/* TN_ERR_MEMORY. The team and the network outlive it. Collective, agreed. */
tn_status tn_thinned_create(tn_thinned **thinned, const tn_team *team, const tn_network *network);
void tn_thinned_destroy(tn_thinned **thinned); /* collective over the team */

/* Behind a fence: makes out what all ranks of the team have chosen. Local. */
void tn_thinned_follow(const tn_thinned *thinned);

#endif
