#include "dist/thinned.h"

#include "base/memory.h"
#include "dist/handle.h"

static tn_status create_views(tn_thinned *thinned, const tn_network *network, char *memory) {
  TN_TRY(tn_alloc(&thinned->of_ranks, thinned->count, sizeof(tn_kept *), "the kept units of a team"));
  for (int rank = 0; rank < thinned->count; rank++)
    TN_TRY(tn_kept_create(&thinned->of_ranks[rank], network, memory + rank * tn_kept_choice_bytes(network)));
  return TN_OK;
}

tn_status tn_thinned_create(tn_thinned **thinned, const tn_team *team, const tn_network *network) {
  void *memory = NULL;
  TN_TRY(tn_comm_agree(team->comm, tn_alloc(thinned, 1, sizeof **thinned, "the kept units of a team")));
  (*thinned)->count = tn_team_size(team);
  tn_status status =
      tn_team_memory(team, (*thinned)->count * tn_kept_choice_bytes(network), &(*thinned)->window, &memory);
  if (status == TN_OK)
    status = tn_comm_agree(team->comm, create_views(*thinned, network, memory));
  if (status != TN_OK)
    tn_thinned_destroy(thinned);
  return status;
}

void tn_thinned_destroy(tn_thinned **thinned) {
  if (*thinned == NULL)
    return;
  for (int rank = 0; rank < (*thinned)->count && (*thinned)->of_ranks; rank++)
    tn_kept_destroy(&(*thinned)->of_ranks[rank]);
  tn_free(&(*thinned)->of_ranks);
  tn_shared_destroy(&(*thinned)->window);
  tn_free(thinned);
}

void tn_thinned_follow(const tn_thinned *thinned) {
  for (int rank = 0; rank < thinned->count; rank++)
    tn_kept_follow(thinned->of_ranks[rank]);
}
