/* Options: typed fields of a struct, each described by one row of a table. Nothing here knows which keys there are. */
#ifndef TN_BASE_OPTIONS_H
#define TN_BASE_OPTIONS_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum tn_option_type {
  TN_OPTION_BOOL,      /* bool: yes/no, true/false, on/off, 1/0 */
  TN_OPTION_INT,       /* int64_t */
  TN_OPTION_REAL,      /* double */
  TN_OPTION_STRING,    /* char[size] */
  TN_OPTION_CHOICE,    /* an enum: the index into `words` */
  TN_OPTION_INTS,      /* tn_int_list */
  TN_OPTION_REALS,     /* tn_real_list */
  TN_OPTION_WEIGHTING, /* tn_class_weights: one of `words`, or a list */
  TN_OPTION_SHAPE      /* tn_image_shape: ROWSxCOLSxCHANNELS, or nothing */
} tn_option_type;

/* What a resume may do to a key. */
typedef enum tn_option_resume {
  TN_RESUME_KEEPS,     /* it stays as stored */
  TN_RESUME_FREE,      /* it may change */
  TN_RESUME_MAY_GROW,  /* it may become larger */
  TN_RESUME_MAY_ADOPT, /* its default leaves the value to the run, and a resume takes the stored one */
} tn_option_resume;

typedef struct tn_option {
  const char *section, *key;
  tn_option_type type;
  tn_option_resume resume;
  size_t offset, size;  /* of the field in its struct */
  const char *fallback; /* the default, as it would be written */
  struct {
    int64_t low, high;
  } whole; /* TN_OPTION_INT, _INTS, _SHAPE: low <= x <= high */
  struct {
    double low, high;
    bool above, below; /* low < x, x < high */
  } real;              /* TN_OPTION_REAL, _REALS, _WEIGHTING */
  const char *const *words;
  const char *special; /* TN_OPTION_INT, TN_OPTION_REAL: a word that stands for -1, or NULL */
  const char *meaning;
  int items; /* lists: how many at most */
} tn_option;

/* Reads a trimmed text into the option's field of the struct at `base`. TN_ERR_CONFIG says "section.key: found ...,
 * expected ..." and leaves the field untouched. */
tn_status tn_option_read(const tn_option *option, void *base, const char *text);

/* Appends the value as tn_option_read takes it back, exactly. */
void tn_option_write(const tn_option *option, const void *base, tn_text *text);

/* Appends what the option takes, e.g. "a whole number, 1 or more". */
void tn_option_expected(const tn_option *option, tn_text *text);

/* True where both structs hold the same value. */
bool tn_option_equal(const tn_option *option, const void *a, const void *b);

/* The field inside its struct. */
const void *tn_option_field(const tn_option *option, const void *base);

#endif
