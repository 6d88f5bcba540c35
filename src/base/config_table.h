/* The table of all keys: whatever is known about a key stands in its row, and everything else reads it from there. */
#ifndef TN_BASE_CONFIG_TABLE_H
#define TN_BASE_CONFIG_TABLE_H

#include "base/options.h"

#include <thinnet/config.h>

/* The rows, section after section, in the order in which they are written and described. */
const tn_option *tn_config_options(int *count);

/* A key's row; NULL: there is no such key. */
const tn_option *tn_config_find(const char *section, const char *key);

/* The same by "section.key". */
const tn_option *tn_config_find_name(const char *name);

/* The row that somebody who wrote this most likely meant, be it in another section. */
const tn_option *tn_config_nearest(const char *section, const char *key);

/* True where a row is the first of its section. */
bool tn_config_starts_section(const tn_option *options, int index);

/* The section of this name, the one nearest to it, and all of them as "data, model, ...". */
bool tn_config_has_section(const char *section);
const char *tn_config_nearest_section(const char *section);
void tn_config_list_sections(tn_text *text);

/* Remembers where a key's value came from: a line of the file named last, or TN_ORIGIN_OVERRIDE. A new name makes the
 * lines of the old one unknown. */
#define TN_ORIGIN_OVERRIDE (-1)
void tn_config_set_origin_file(tn_config *config, const char *name);
void tn_config_set_origin(tn_config *config, const tn_option *option, int line);

/* Like tn_fail(TN_ERR_CONFIG, ...), with the file and line of the option's value (or "-s") before it, where known. */
tn_status tn_config_fail(const tn_config *config, const tn_option *option, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts the origin, where known, before a present message that begins with a key's name: that of layers which do not
 * know where a configuration came from. Returns `status`. */
tn_status tn_config_add_origin(const tn_config *config, tn_status status);

/* A key's value as written, for a message. */
const char *tn_config_show(const tn_config *config, const char *name, char shown[64]);

/* Gives `now` the stored values of the keys that it leaves to the run (TN_RESUME_MAY_ADOPT): a resume has to keep what
 * the first start settled. */
void tn_config_adopt(const tn_config *stored, tn_config *now);

/* The smallest rate above 0: tn_drop_threshold (math/random.h) rounds to 65536ths, and makes 0 of what is below. */
#define TN_DROP_RATE_MIN 0x1p-17

/* config_check_dropout.c: dropout.hidden's rate of a hidden layer, 0 for the first; one that is written stands for all.
 */
double tn_config_hidden_rate(const tn_dropout_config *dropout, int layer);

/* config_check_dropout.c: what of [dropout] cannot go together. TN_ERR_CONFIG. */
tn_status tn_config_check_dropout(const tn_config *config);

/* A warning that names the keys which say how units are dropped where none are. No error: a table of rates begins at 0.
 */
void tn_config_warn_dropout(const tn_config *config);

#endif
