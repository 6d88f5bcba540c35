#include "dist/stall_judge.h"

#include "dist/pulse.h"

static bool is_silent(const tn_sighting *rank, double silent_limit_s) {
  return rank->known && rank->silent_s > silent_limit_s;
}

int tn_stall_blame(const tn_sighting *ranks, int self, int of, double silent_limit_s) {
  const tn_sighting *other = &ranks[of];
  if (of == self)
    return 0;
  if (!other->known)
    return 2;
  if (is_silent(other, silent_limit_s))
    return 3;
  if (other->collectives >= ranks[self].collectives)
    return 0;
  return other->waits ? 1 : 3;
}

tn_verdict tn_stall_judge(const tn_sighting *ranks, int size, int self, double silent_limit_s) {
  tn_verdict verdict = {.speaker = self, .still_s = ranks[self].changed_s};
  for (int r = self - 1; r >= 0; r--)
    if (ranks[r].known && ranks[r].waits && !is_silent(&ranks[r], silent_limit_s))
      verdict.speaker = r;
  for (int r = 0; r < size; r++) {
    const int blame = tn_stall_blame(ranks, self, r, silent_limit_s);
    verdict.blame = blame > verdict.blame ? blame : verdict.blame;
  }
  for (int r = 0; r < size; r++) {
    const bool counts = ranks[r].known && tn_stall_blame(ranks, self, r, silent_limit_s) == verdict.blame;
    if (counts && ranks[r].changed_s < verdict.still_s)
      verdict.still_s = ranks[r].changed_s;
  }
  return verdict;
}

static void add_rank(tn_text *text, const tn_sighting *rank, double silent_limit_s) {
  if (!rank->known)
    tn_text_add(text, "no word from its node");
  else if (is_silent(rank, silent_limit_s))
    tn_text_add(text, "step %lld, %s; no sign of life for %.1f s: stopped, or cut off", (long long)rank->step,
                tn_phase_name(rank->phase), rank->silent_s);
  else
    tn_text_add(text, "step %lld, %s%s, for %.1f s", (long long)rank->step, tn_phase_name(rank->phase),
                rank->waits ? ", waiting" : "", rank->changed_s);
}

void tn_stall_list(tn_text *text, const tn_sighting *ranks, const tn_member *members, int size, int self,
                   const tn_verdict *verdict, double silent_limit_s) {
  enum { LISTED_MAX = 8 };
  int found = 0;
  if (verdict->blame == 0)
    tn_text_add(text, "nobody: all ranks are in it, or further; look at the network between them");
  for (int r = 0; r < size && verdict->blame > 0; r++) {
    if (tn_stall_blame(ranks, self, r, silent_limit_s) != verdict->blame || found++ >= LISTED_MAX)
      continue;
    tn_text_add(text, "%srank %d on %.64s (", found > 1 ? ", " : "", r, members[r].host);
    add_rank(text, &ranks[r], silent_limit_s);
    tn_text_add(text, ")");
  }
  if (found > LISTED_MAX)
    tn_text_add(text, " and %d more", found - LISTED_MAX);
}
