/* Bandwidths and times as people write them. */
#include "base/error.h"
#include "base/quantity.h"

#include <string.h>
#include <thinnet/plan.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof(array)[0]))

/* gbps and Gb mean bits to some tools and bytes to others, so none of them is here. */
static const tn_unit bandwidth_units[] = {
    {"kbit", 1e3 / 8, true},   {"mbit", 1e6 / 8, true},   {"gbit", 1e9 / 8, true},   {"tbit", 1e12 / 8, true},
    {"kbit/s", 1e3 / 8, true}, {"mbit/s", 1e6 / 8, true}, {"gbit/s", 1e9 / 8, true}, {"tbit/s", 1e12 / 8, true},
    {"kB", 1e3, false},        {"MB", 1e6, false},        {"GB", 1e9, false},        {"TB", 1e12, false},
    {"kB/s", 1e3, false},      {"MB/s", 1e6, false},      {"GB/s", 1e9, false},      {"TB/s", 1e12, false},
};

static const tn_unit time_units[] = {{"ns", 1e-9, false}, {"us", 1e-6, false}, {"ms", 1e-3, false}, {"s", 1.0, false}};

tn_status tn_plan_read_bandwidth(const char *text, double *bytes_per_s) {
  double value = 0.0;
  if (!tn_quantity_read(text, bandwidth_units, COUNT(bandwidth_units), &value) || value <= 0.0)
    return tn_fail(TN_ERR_USAGE,
                   "'%.100s' is no bandwidth: expected a number above 0 and kbit, mbit, gbit or tbit (bits a second), "
                   "or kB, MB, GB or TB (bytes a second), such as 10gbit or 1.2GB",
                   text);
  *bytes_per_s = value;
  return TN_OK;
}

tn_status tn_plan_read_time(const char *text, double *seconds) {
  double value = 0.0;
  if (strcmp(text, "0") != 0 && !tn_quantity_read(text, time_units, COUNT(time_units), &value))
    return tn_fail(TN_ERR_USAGE, "'%.100s' is no time: expected a number and ns, us, ms or s, such as 5us", text);
  *seconds = value;
  return TN_OK;
}
