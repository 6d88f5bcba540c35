/* Text that is put together piece by piece: in a caller's buffer, or in memory that grows. */
#ifndef TN_BASE_TEXT_H
#define TN_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tn_text {
  char *data; /* always ends in a NUL, unless it is NULL */
  size_t length, capacity;
  bool grows;
  bool cut; /* something did not fit, or memory ran out */
} tn_text;

/* Text in a buffer of `size` bytes (at least 1), which stays the caller's. What does not fit is cut off. */
tn_text tn_text_over(char *buffer, size_t size);

/* Text that grows. The caller frees text.data with free(). Where memory runs out, data is freed and NULL. */
tn_text tn_text_growing(void);

/* Back to no text; memory that has grown is kept. */
void tn_text_empty(tn_text *text);

/* Gives up, as if memory had run out. */
void tn_text_fail(tn_text *text);

/* Appends; after a cut nothing more is taken. */
void tn_text_add(tn_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends `count` bytes. */
void tn_text_add_bytes(tn_text *text, const char *bytes, size_t count);

#endif
