#include "io/import_layout.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 64
#define DATASET_PATH   (NAME_MAX_BYTES + 8)

static bool is_group_name(const char *name) {
  return name && *name && strlen(name) <= NAME_MAX_BYTES && !strchr(name, '/') && strcmp(name, ".") != 0;
}

static tn_status check_files(const char *out_path, const tn_import_split *split) {
  for (int i = 0; i < split->x_file_count; i++)
    TN_TRY(tn_outfile_check_input(out_path, split->x_files[i]));
  return split->y_file ? tn_outfile_check_input(out_path, split->y_file) : TN_OK;
}

tn_status tn_import_check_request(const char *out_path, const tn_import_split *splits, int count, int files_max) {
  if (count < 1)
    return tn_fail(TN_ERR_USAGE, "nothing to import: name at least one split");
  for (int i = 0; i < count; i++) {
    const tn_import_split *split = &splits[i];
    if (!is_group_name(split->name))
      return tn_fail(TN_ERR_USAGE, "split %d: its name must have 1 to %d characters and no slash", i + 1,
                     NAME_MAX_BYTES);
    if (split->x_file_count < 1 || split->x_file_count > files_max)
      return tn_fail(TN_ERR_USAGE, "split %s: %d files of features, expected %s", split->name, split->x_file_count,
                     files_max == 1 ? "one" : "at least one");
    for (int j = 0; j < i; j++)
      if (strcmp(splits[j].name, split->name) == 0)
        return tn_fail(TN_ERR_USAGE, "split %s: named twice", split->name);
    TN_TRY(check_files(out_path, split));
  }
  return TN_OK;
}

static const char *kind_of_targets(const tn_import_shape *shape) {
  return shape->y_type == TN_OUT_F32 || shape->y_type == TN_OUT_F64 ? "floats" : "integers";
}

static tn_status check_pair(const tn_import_split *first_split, const tn_import_shape *first,
                            const tn_import_split *split, const tn_import_shape *shape) {
  if (shape->features != first->features)
    return tn_fail(TN_ERR_DATA, "%s: rows of %lld features, expected %lld as in %s: all splits must agree",
                   split->x_files[0], (long long)shape->features, (long long)first->features, first_split->x_files[0]);
  if (shape->targets == 0 || first->targets == 0)
    return TN_OK;
  const char *file = split->y_file ? split->y_file : split->x_files[0];
  const char *first_file = first_split->y_file ? first_split->y_file : first_split->x_files[0];
  if (shape->targets != first->targets)
    return tn_fail(TN_ERR_DATA, "%s: %lld targets a row, expected %lld as in %s: all splits must agree", file,
                   (long long)shape->targets, (long long)first->targets, first_file);
  if (strcmp(kind_of_targets(shape), kind_of_targets(first)) != 0)
    return tn_fail(TN_ERR_DATA, "%s: targets are %s, expected %s as in %s: all splits must agree", file,
                   kind_of_targets(shape), kind_of_targets(first), first_file);
  return TN_OK;
}

tn_status tn_import_check_shapes(const tn_import_split *splits, const tn_import_shape *shapes, int count) {
  int first_with_targets = 0;
  while (first_with_targets < count - 1 && shapes[first_with_targets].targets == 0)
    first_with_targets++;
  for (int i = 1; i < count; i++) {
    TN_TRY(check_pair(&splits[0], &shapes[0], &splits[i], &shapes[i]));
    if (i > first_with_targets)
      TN_TRY(check_pair(&splits[first_with_targets], &shapes[first_with_targets], &splits[i], &shapes[i]));
  }
  return TN_OK;
}

tn_status tn_import_create(tn_outfile **out, const char *out_path, const tn_import_split *splits,
                           tn_import_shape *shapes, int count, const tn_out_dataset *more,
                           const tn_import_options *options) {
  tn_out_dataset *datasets = NULL;
  char(*paths)[DATASET_PATH] = NULL;
  int used = 0;
  tn_status status = tn_alloc(&datasets, 2 * count + 1, sizeof *datasets, "a list of datasets");
  if (status == TN_OK)
    status = tn_alloc(&paths, 2 * count, sizeof *paths, "names of datasets");
  if (status == TN_OK && more)
    datasets[used++] = *more;
  for (int i = 0; i < count && status == TN_OK; i++) {
    tn_import_shape *shape = &shapes[i];
    char *x_path = paths[2 * i], *y_path = paths[2 * i + 1];
    snprintf(x_path, DATASET_PATH, "/%s/x", splits[i].name);
    datasets[used] = (tn_out_dataset){x_path, shape->x_type, 2, shape->rows, shape->features};
    shape->x_dataset = used++;
    shape->y_dataset = -1;
    if (shape->targets == 0)
      continue;
    snprintf(y_path, DATASET_PATH, "/%s/y", splits[i].name);
    datasets[used] = (tn_out_dataset){y_path, shape->y_type, shape->targets == 1 ? 1 : 2, shape->rows, shape->targets};
    shape->y_dataset = used++;
  }
  if (status == TN_OK)
    status = tn_outfile_create(out, out_path, datasets, used, options && options->overwrite);
  tn_free(&paths);
  tn_free(&datasets);
  return status;
}

void tn_import_count(const tn_import_shape *shapes, int count, int64_t classes, tn_import_counts *counts) {
  for (int i = 0; counts && i < count; i++) {
    const tn_import_shape *shape = &shapes[i];
    counts[i] = (tn_import_counts){.rows = shape->rows,
                                   .features = shape->features,
                                   .targets = shape->targets,
                                   .classes = shape->targets ? classes : 0,
                                   .x_type = tn_out_type_name(shape->x_type),
                                   .y_type = shape->targets ? tn_out_type_name(shape->y_type) : NULL};
  }
}

void tn_import_tell(const tn_import_options *options, const tn_source *source, int pass, int passes) {
  if (options && options->progress)
    options->progress(options->progress_context, tn_source_path(source), pass, passes, tn_source_fraction(source));
}

int64_t tn_import_block_rows(int64_t row_bytes) {
  return row_bytes >= TN_IMPORT_BLOCK_BYTES ? 1 : TN_IMPORT_BLOCK_BYTES / row_bytes;
}
