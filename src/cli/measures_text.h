/* Measures on standard output: for people, and as JSON. */
#ifndef TN_CLI_MEASURES_TEXT_H
#define TN_CLI_MEASURES_TEXT_H

#include <thinnet/measures.h>

/* One JSON object on one line; what there is not is left out, what is undefined null. */
void tn_cli_print_measures_json(const tn_measures *measures);

void tn_cli_print_measures_text(const tn_measures *measures);

#endif
