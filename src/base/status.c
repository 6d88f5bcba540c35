#include <thinnet/status.h>

typedef struct status_row {
  int exit_code;
  const char *text;
} status_row;

#define STATUS_ROW(code, exit_status, meaning) [code] = {exit_status, meaning},
static const status_row status_rows[TN_STATUS_COUNT] = {TN_STATUS_LIST(STATUS_ROW)};

static const status_row *find_row(tn_status status) {
  const int index = (int)status;
  return &status_rows[index >= 0 && index < TN_STATUS_COUNT ? index : TN_ERR_INTERNAL];
}

const char *tn_status_text(tn_status status) {
  return find_row(status)->text;
}

int tn_status_exit_code(tn_status status) {
  return find_row(status)->exit_code;
}
