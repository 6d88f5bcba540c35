#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

tn_text tn_text_over(char *buffer, size_t size) {
  buffer[0] = '\0';
  return (tn_text){.data = buffer, .capacity = size};
}

tn_text tn_text_growing(void) {
  return (tn_text){.grows = true};
}

void tn_text_empty(tn_text *text) {
  text->length = 0;
  text->cut = false;
  if (text->data)
    text->data[0] = '\0';
}

void tn_text_fail(tn_text *text) {
  text->cut = true;
  if (!text->grows)
    return;
  free(text->data);
  *text = (tn_text){.grows = true, .cut = true};
}

static void grow(tn_text *text, size_t needed) {
  const size_t capacity = 2 * needed + 256;
  char *data = realloc(text->data, capacity);
  if (!data) {
    tn_text_fail(text);
    return;
  }
  text->data = data;
  text->capacity = capacity;
}

void tn_text_add_bytes(tn_text *text, const char *bytes, size_t count) {
  if (!text->cut && text->grows && text->length + count + 1 > text->capacity)
    grow(text, text->length + count + 1);
  if (text->cut)
    return;
  const size_t room = text->capacity - text->length - 1;
  const size_t taken = count < room ? count : room;
  memcpy(text->data + text->length, bytes, taken);
  text->length += taken;
  text->data[text->length] = '\0';
  text->cut = taken < count;
}

void tn_text_add(tn_text *text, const char *format, ...) {
  char piece[256], *long_piece = NULL;
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(piece, sizeof piece, format, arguments);
  if (length >= (int)sizeof piece)
    length = vasprintf(&long_piece, format, again);
  va_end(again);
  va_end(arguments);
  if (length < 0) {
    tn_text_fail(text);
    return;
  }
  tn_text_add_bytes(text, long_piece ? long_piece : piece, (size_t)length);
  free(long_piece);
}
