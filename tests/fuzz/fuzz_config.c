/* Any text is refused with a message, or taken; and then what it says reads back the same. */
#include <thinnet/config.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static tn_config config, again;

/* Written, read and written again: the same text. */
static void check_round_trip(void) {
  char *first = tn_config_format(&config);
  tn_config_defaults(&again);
  if (!first || tn_config_read_text(&again, first, "again") != TN_OK)
    abort();
  char *second = tn_config_format(&again);
  if (!second || strcmp(first, second) != 0)
    abort();
  free(first);
  free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *text = malloc(size + 1);
  if (!text)
    return 0;
  memcpy(text, data, size);
  text[size] = '\0';
  tn_config_defaults(&config);
  if (tn_config_read_text(&config, text, "fuzz") == TN_OK) {
    check_round_trip();
    if (tn_config_check(&config) == TN_OK && tn_config_resolve(&config) == TN_OK)
      check_round_trip();
  } else if (strncmp(tn_error_message(), "fuzz", 4) != 0) {
    abort();
  }
  tn_config_defaults(&config);
  tn_config_set(&config, text);
  free(text);
  return 0;
}
