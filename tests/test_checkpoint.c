/* Checkpoints: what was written comes back to the last bit, what is not as it was written is refused. */
#include "base/memory.h"
#include "checkpoint_fixture.h"
#include "io/checkpoint.h"
#include "io/h5.h"
#include "resealed.h"
#include "scratch.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h> /* needs the three above */

#define COMPARE_PROGRESS(type, name) assert_memory_equal(&(left)->name, &(right)->name, sizeof(type));

static void compare_progress(const tn_progress *left, const tn_progress *right) {
  TN_PROGRESS_FIELDS(COMPARE_PROGRESS)
}

/* Writes a checkpoint of two hidden layers and two states; returns its path. */
static const char *write_some(const char *name) {
  checkpoint_fixture fix;
  checkpoint_fixture_create(&fix, "5,3");
  checkpoint_fixture_write(&fix, 2, scratch_path(""), name);
  checkpoint_fixture_destroy(&fix);
  return scratch_path(name);
}

static void compare_blocks(const tn_network *network, const float *left, const float *right) {
  assert_memory_equal(left, right, (size_t)network->block_size * sizeof(float));
}

static void check_round_trip(const char *hidden, int states) {
  /* given a checkpoint that was written */
  checkpoint_fixture fix;
  checkpoint_fixture_create(&fix, hidden);
  checkpoint_fixture_write(&fix, states, scratch_path(""), "a.h5");
  const tn_checkpoint written = checkpoint_fixture_view(&fix, states);
  /* when it is read */
  tn_checkpoint *read = NULL;
  if (tn_checkpoint_read(&read, scratch_path("a.h5")) != TN_OK)
    fail_msg("%s", tn_error_message());
  /* then nothing has changed, gaps between the tensors included */
  assert_string_equal(read->config_text, fix.config_text);
  assert_int_equal(read->network->layer_count, fix.network->layer_count);
  assert_int_equal(read->network->block_size, fix.network->block_size);
  for (int i = 0; i < fix.network->layer_count; i++) {
    assert_int_equal(read->network->layers[i].outputs, fix.network->layers[i].outputs);
    assert_int_equal(read->network->layers[i].activation, fix.network->layers[i].activation);
    assert_true(read->network->layers[i].rate == fix.network->layers[i].rate);
  }
  compare_blocks(fix.network, read->parameters, fix.blocks[0]);
  assert_memory_equal(read->input_scale, fix.scale, sizeof fix.scale);
  assert_memory_equal(read->input_shift, fix.shift, sizeof fix.shift);
  assert_int_equal(read->state_count, states);
  for (int i = 0; i < states; i++) {
    assert_string_equal(read->state_names[i], written.state_names[i]);
    compare_blocks(fix.network, read->states[i], written.states[i]);
  }
  compare_progress(&read->progress, &written.progress);
  assert_string_equal(read->thinnet_version, "0.1.0");
  char digest[TN_DIGEST_SIZE];
  tn_checkpoint_digest(fix.network, fix.blocks[0], digest);
  assert_string_equal(read->digest, digest);
  tn_checkpoint_destroy(&read);
  assert_null(read);
  tn_checkpoint_destroy(&read); /* NULL is allowed */
  checkpoint_fixture_destroy(&fix);
}

static void test_round_trip(void **state) {
  (void)state;
  check_round_trip("5,3", 2);
  check_round_trip("5,3", 1);
  check_round_trip("", 0);                        /* a linear model, an optimiser without a state */
  check_round_trip("700,300", 2);                 /* a weight of more than one chunk */
  check_round_trip("3,3,3,3,3,3,3,3,3,3,3,3", 1); /* layer10 is not the second */
}

/* The digest is over the parameters alone: those of another gap or order would differ. */
static void test_digest(void **state) {
  (void)state;
  checkpoint_fixture fix;
  checkpoint_fixture_create(&fix, "5,3");
  float packed[6 * 5 + 5 + 5 * 3 + 3 + 3 * 4 + 4];
  int64_t count = 0;
  for (int i = 0; i < fix.network->tensor_count; i++) {
    const tn_tensor *tensor = &fix.network->tensors[i];
    memcpy(packed + count, fix.blocks[0] + tensor->offset, (size_t)(tensor->rows * tensor->cols) * sizeof(float));
    count += tensor->rows * tensor->cols;
  }
  char expected[TN_DIGEST_SIZE], digest[TN_DIGEST_SIZE];
  const XXH128_hash_t hash = XXH3_128bits(packed, (size_t)count * sizeof(float));
  snprintf(expected, sizeof expected, "%016llx%016llx", (unsigned long long)hash.high64,
           (unsigned long long)hash.low64);
  tn_checkpoint_digest(fix.network, fix.blocks[0], digest);
  assert_string_equal(digest, expected);
  fix.blocks[0][fix.network->tensors[3].offset] += 1;
  tn_checkpoint_digest(fix.network, fix.blocks[0], digest);
  assert_string_not_equal(digest, expected);
  checkpoint_fixture_destroy(&fix);
}

static herr_t append_dataset(hid_t root, const char *name, const H5O_info_t *info, void *context) {
  char *text = context;
  char type_name[TN_H5_TYPE_NAME_SIZE];
  hsize_t shape[H5S_MAX_RANK];
  if (info->type != H5O_TYPE_DATASET)
    return 0;
  const hid_t dataset = H5Dopen2(root, name, H5P_DEFAULT), type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  const int rank = H5Sget_simple_extent_dims(space, shape, NULL);
  tn_h5_type_name(type, type_name);
  sprintf(text + strlen(text), "/%s %s", name, type_name);
  for (int i = 0; i < rank; i++)
    sprintf(text + strlen(text), " %llu", (unsigned long long)shape[i]);
  strcat(text, "\n");
  H5Sclose(space);
  H5Tclose(type);
  H5Dclose(dataset);
  return 0;
}

/* By HDF5 alone: thinnet's own list is of data files. */
static void list_datasets(const char *path, char *text) {
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  assert_true(file >= 0);
  assert_true(H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, append_dataset, text, H5O_INFO_BASIC) >= 0);
  H5Fclose(file);
}

static void check_text(hid_t file, const char *path, const char *name, const char *part) {
  char *text = attribute_text(file, path, name);
  assert_non_null(strstr(text, part));
  free(text);
}

/* Any reader of HDF5 finds the same file, trailer or not, with checksums of its own. */
static void test_others_can_read_it(void **state) {
  (void)state;
  const char *path = write_some("a.h5");
  char text[4096] = "";
  list_datasets(path, text);
  assert_string_equal(text, "/input/scale float32 6\n"
                            "/input/shift float32 6\n"
                            "/model/layer1/bias float32 5\n"
                            "/model/layer1/weight float32 6 5\n"
                            "/model/layer2/bias float32 3\n"
                            "/model/layer2/weight float32 5 3\n"
                            "/model/layer3/bias float32 4\n"
                            "/model/layer3/weight float32 3 4\n"
                            "/optimizer/m/layer1/bias float32 5\n"
                            "/optimizer/m/layer1/weight float32 6 5\n"
                            "/optimizer/m/layer2/bias float32 3\n"
                            "/optimizer/m/layer2/weight float32 5 3\n"
                            "/optimizer/m/layer3/bias float32 4\n"
                            "/optimizer/m/layer3/weight float32 3 4\n"
                            "/optimizer/v/layer1/bias float32 5\n"
                            "/optimizer/v/layer1/weight float32 6 5\n"
                            "/optimizer/v/layer2/bias float32 3\n"
                            "/optimizer/v/layer2/weight float32 5 3\n"
                            "/optimizer/v/layer3/bias float32 4\n"
                            "/optimizer/v/layer3/weight float32 3 4\n");
  const hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  check_text(file, "/", "format", "thinnet-checkpoint");
  check_text(file, "/", "thinnet_version", "0.1.0");
  check_text(file, "/", "config", "hidden = 5, 3");
  check_text(file, "/model/layer2", "activation", "tanh");
  check_text(file, "/model/layer3", "activation", "linear");
  char *digest = attribute_text(file, "/", "digest");
  assert_int_equal(strlen(digest), 32);
  free(digest);
  double rate = 0;
  const hid_t attribute = H5Aopen_by_name(file, "/model/layer2", "rate", H5P_DEFAULT, H5P_DEFAULT);
  assert_true(H5Aread(attribute, H5T_NATIVE_DOUBLE, &rate) >= 0);
  assert_true(rate == 0.25);
  H5Aclose(attribute);
  const hid_t dataset = H5Dopen2(file, "/optimizer/v/layer1/weight", H5P_DEFAULT);
  const hid_t creation = H5Dget_create_plist(dataset);
  unsigned flags = 0;
  assert_true(H5Pget_filter_by_id2(creation, H5Z_FILTER_FLETCHER32, &flags, NULL, NULL, 0, NULL, NULL) >= 0);
  H5Pclose(creation);
  H5Dclose(dataset);
  H5Fclose(file);
}

static void test_same_content_same_bytes(void **state) {
  (void)state;
  size_t counts[2];
  char *files[2];
  for (int i = 0; i < 2; i++)
    files[i] = scratch_read(write_some("a.h5"), &counts[i]);
  assert_int_equal(counts[0], counts[1]);
  assert_memory_equal(files[0], files[1], counts[0]);
  free(files[0]);
  free(files[1]);
}

static void assert_refused(const char *path, tn_status expected, const char *message) {
  tn_checkpoint *checkpoint = NULL;
  const tn_status status = tn_checkpoint_read(&checkpoint, path);
  assert_null(checkpoint);
  if (status != expected || !strstr(tn_error_message(), message) || !strstr(tn_error_message(), path))
    fail_msg("status %d, \"%s\"; expected %d, \"%s\"", (int)status, tn_error_message(), (int)expected, message);
}

/* Damage of all kinds is test_checkpoint_damage.c's; here is what is said of it. */
static void test_damage_is_found(void **state) {
  (void)state;
  size_t count = 0;
  char *file = scratch_read(write_some("a.h5"), &count);
  assert_refused(scratch_write("bad.h5", file, count / 2), TN_ERR_DAMAGED, "its end is missing, or it is another file");
  assert_refused(scratch_write("bad.h5", file, 0), TN_ERR_DAMAGED, "its end is missing");
  file[count / 2] ^= 1;
  assert_refused(scratch_write("bad.h5", file, count), TN_ERR_DAMAGED, "its bytes do not match their checksum");
  assert_refused(scratch_path("none.h5"), TN_ERR_IO, "cannot be opened: No such file");
  free(file);
}

/* Edits of a sealed file, each with what is said of it. */
static void set_int(hid_t file, const char *name, hid_t type, int64_t value) {
  H5Adelete(file, name);
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, H5T_NATIVE_INT64, &value);
  H5Aclose(attribute);
  H5Sclose(space);
}

static void replace(hid_t file, const char *path, hid_t type, int rank, const hsize_t *shape, hid_t creation) {
  H5Ldelete(file, path, H5P_DEFAULT);
  const hid_t space = H5Screate_simple(rank, shape, NULL);
  const hid_t dataset = H5Dcreate2(file, path, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  assert_true(dataset >= 0);
  H5Dclose(dataset);
  H5Sclose(space);
}

#define WEIGHT "/model/layer1/weight"

static void edit_format(hid_t file) {
  attribute_set_text(file, "/", "format", "thinnet-metrics");
}
static void edit_no_format(hid_t file) {
  H5Adelete(file, "format");
}
static void edit_newer(hid_t file) {
  set_int(file, "format_version", H5T_STD_I64LE, 2);
}
static void edit_version_zero(hid_t file) {
  set_int(file, "format_version", H5T_STD_I64LE, 0);
}
static void edit_version_type(hid_t file) {
  set_int(file, "format_version", H5T_STD_I32BE, 1);
}
static void edit_long_version(hid_t file) {
  attribute_set_text(file, "/", "thinnet_version", "a-version-of-more-than-thirty-one-bytes");
}
static void edit_digest(hid_t file) {
  attribute_set_text(file, "/", "digest", "0123456789abcdef0123456789abcdef");
}
static void edit_config(hid_t file) {
  attribute_set_text(file, "/", "config", "[model]\nhiden = 3\n");
}
static void edit_hidden(hid_t file) {
  attribute_set_text(file, "/", "config", "[model]\nhidden = 5, 2\noutputs = 4\n");
}
static void edit_depth(hid_t file) {
  attribute_set_text(file, "/", "config", "[model]\nhidden = 5, 3, 4\noutputs = 4\n");
}
static void edit_outputs(hid_t file) {
  attribute_set_text(file, "/", "config", "[model]\nhidden = 5, 3\noutputs = 0\n");
}
static void edit_huge(hid_t file) {
  attribute_set_text(file, "/", "config", "[model]\nhidden = 1000000, 1000000\noutputs = 4\n");
}
static void edit_fixed_text(hid_t file) {
  const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, 9);
  H5Adelete(file, "config");
  const hid_t attribute = H5Acreate2(file, "config", type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, "[model]\n");
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}
static void edit_vector_text(hid_t file) {
  const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, (hsize_t[]){3}, NULL);
  H5Tset_size(type, 5);
  H5Adelete(file, "config");
  H5Aclose(H5Acreate2(file, "config", type, space, H5P_DEFAULT, H5P_DEFAULT));
  H5Sclose(space);
  H5Tclose(type);
}
static void edit_no_weight(hid_t file) {
  H5Ldelete(file, WEIGHT, H5P_DEFAULT);
}
static void edit_group_for_weight(hid_t file) {
  H5Ldelete(file, WEIGHT, H5P_DEFAULT);
  H5Gclose(H5Gcreate2(file, WEIGHT, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}
static void edit_shape(hid_t file) {
  replace(file, WEIGHT, H5T_IEEE_F32LE, 2, (hsize_t[]){5, 6}, H5P_DEFAULT);
}
static void edit_rank(hid_t file) {
  replace(file, WEIGHT, H5T_IEEE_F32LE, 1, (hsize_t[]){30}, H5P_DEFAULT);
}
static void edit_type(hid_t file) {
  replace(file, WEIGHT, H5T_IEEE_F64LE, 2, (hsize_t[]){6, 5}, H5P_DEFAULT);
}
static void edit_huge_shape(hid_t file) {
  replace(file, "/input/scale", H5T_IEEE_F32LE, 1, (hsize_t[]){1ull << 40}, H5P_DEFAULT);
}
static void edit_no_inputs(hid_t file) {
  for (int i = 0; i < 2; i++)
    replace(file, i ? "/input/scale" : "/input/shift", H5T_IEEE_F32LE, 1, (hsize_t[]){0}, H5P_DEFAULT);
}
static void edit_compressed(hid_t file) {
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 2, (hsize_t[]){6, 5});
  H5Pset_deflate(creation, 9);
  replace(file, WEIGHT, H5T_IEEE_F32LE, 2, (hsize_t[]){6, 5}, creation);
  H5Pclose(creation);
}
static void edit_external_file(hid_t file) {
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(creation, "/etc/passwd", 0, 120);
  replace(file, WEIGHT, H5T_IEEE_F32LE, 2, (hsize_t[]){6, 5}, creation);
  H5Pclose(creation);
}
static void edit_external_link(hid_t file) {
  H5Ldelete(file, WEIGHT, H5P_DEFAULT);
  H5Lcreate_external("/somewhere/else.h5", "/x", file, WEIGHT, H5P_DEFAULT, H5P_DEFAULT);
}
static void edit_soft_link(hid_t file) {
  H5Ldelete(file, "/model/layer2", H5P_DEFAULT);
  H5Lcreate_soft("/model/layer1", file, "/model/layer2", H5P_DEFAULT, H5P_DEFAULT);
}
static void edit_state(hid_t file) {
  replace(file, "/optimizer/v/layer3/bias", H5T_IEEE_F32LE, 1, (hsize_t[]){5}, H5P_DEFAULT);
}
static void edit_no_progress(hid_t file) {
  H5Adelete_by_name(file, "/progress", "plateau_reductions", H5P_DEFAULT);
}
static void edit_no_progress_group(hid_t file) {
  H5Ldelete(file, "/progress", H5P_DEFAULT);
}

static void test_what_is_not_a_checkpoint(void **state) {
  (void)state;
  const struct {
    void (*edit)(hid_t);
    tn_status status;
    const char *message;
  } cases[] = {
      {edit_format, TN_ERR_DATA, "its format is thinnet-metrics, expected is thinnet-checkpoint"},
      {edit_no_format, TN_ERR_DAMAGED, "/ has no attribute format"},
      {edit_newer, TN_ERR_DATA, "has the format version 2, this thinnet (0.1.0) reads up to 1: use a newer thinnet"},
      {edit_version_zero, TN_ERR_DAMAGED, "has the format version 0"},
      {edit_version_type, TN_ERR_DAMAGED, "attribute format_version of / cannot be read as int64"},
      {edit_long_version, TN_ERR_DAMAGED, "attribute thinnet_version has more than 31 bytes"},
      {edit_digest, TN_ERR_DAMAGED, "its attribute says 0123456789abcdef"},
      {edit_config, TN_ERR_DAMAGED, "hiden"},
      {edit_hidden, TN_ERR_DAMAGED, "/model/layer2/weight has the shape (5, 3), expected is (5, 2)"},
      {edit_depth, TN_ERR_DAMAGED, "/model/layer4/weight is missing"},
      {edit_outputs, TN_ERR_DAMAGED, "model.outputs is 0"},
      {edit_huge, TN_ERR_DAMAGED, "its configuration tells of 1000012000004 parameters, the file has no room"},
      {edit_fixed_text, TN_ERR_DAMAGED, "attribute config of / cannot be read as a text"},
      {edit_vector_text, TN_ERR_DAMAGED, "/ has no attribute config, or not as a single value"},
      {edit_no_weight, TN_ERR_DAMAGED, WEIGHT " is missing"},
      {edit_group_for_weight, TN_ERR_DAMAGED, WEIGHT " is missing"},
      {edit_shape, TN_ERR_DAMAGED, WEIGHT " has the shape (5, 6), expected is (6, 5)"},
      {edit_rank, TN_ERR_DAMAGED, WEIGHT " has not two dimensions"},
      {edit_type, TN_ERR_DAMAGED, WEIGHT " is not of type float32"},
      {edit_huge_shape, TN_ERR_DAMAGED, "/input/scale has more values than the file has room for"},
      {edit_no_inputs, TN_ERR_DAMAGED, "the number of input features is 0"},
      {edit_compressed, TN_ERR_DAMAGED, WEIGHT " is stored in an unknown way"},
      {edit_external_file, TN_ERR_DAMAGED, WEIGHT " is stored in an unknown way"},
      {edit_external_link, TN_ERR_DAMAGED, WEIGHT " is missing"},
      {edit_soft_link, TN_ERR_DAMAGED, "/model/layer2/weight is missing"},
      {edit_state, TN_ERR_DAMAGED, "/optimizer/v/layer3/bias has the shape (5), expected is (4)"},
      {edit_no_progress, TN_ERR_DAMAGED, "/progress has no attribute plateau_reductions"},
      {edit_no_progress_group, TN_ERR_DAMAGED, "/progress has no attribute epoch"},
  };
  write_some("a.h5");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    assert_refused(resealed_edit(scratch_path("a.h5"), "edited.h5", cases[i].edit), cases[i].status, cases[i].message);
}

static void test_list(void **state) {
  (void)state;
  char folder[600];
  snprintf(folder, sizeof folder, "%s", scratch_path("list"));
  char(*names)[64] = NULL;
  int count = -1;
  assert_int_equal(tn_checkpoint_list(folder, &names, &count), TN_OK); /* no folder, no checkpoints */
  assert_int_equal(count, 0);
  tn_free(&names);
  tn_folder *owner = NULL;
  assert_int_equal(tn_folder_open(&owner, folder), TN_OK);
  tn_folder_close(&owner);
  const char *files[] = {"list/step-00000010.h5", "list/step-00000002.h5", "list/step-123456789.h5", "list/last.h5",
                         "list/best.h5",          "list/metrics.h5",       "list/step-00000011.h5~", "list/step-11.h5",
                         "list/step-0000001x.h5", "list/step-99999999.h5"};
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    scratch_write(files[i], "x", 1);
  assert_int_equal(tn_checkpoint_list(folder, &names, &count), TN_OK);
  const char *expected[] = {"step-123456789.h5", "step-99999999.h5", "step-00000010.h5",
                            "step-00000002.h5",  "last.h5",          "best.h5"};
  assert_int_equal(count, 6);
  for (int i = 0; i < 6; i++)
    assert_string_equal(names[i], expected[i]);
  tn_free(&names);
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    unlink(scratch_path(files[i]));
  assert_int_equal(tn_checkpoint_list(folder, &names, &count), TN_OK);
  assert_int_equal(count, 0);
  tn_free(&names);
  rmdir(folder);
  assert_int_equal(tn_checkpoint_list("/dev/null", &names, &count), TN_ERR_IO);
  assert_non_null(strstr(tn_error_message(), "/dev/null: the folder cannot be read"));
}

static void test_no_id_stays_open(void **state) {
  (void)state;
  assert_int_equal(H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trip),
      cmocka_unit_test(test_digest),
      cmocka_unit_test(test_others_can_read_it),
      cmocka_unit_test(test_same_content_same_bytes),
      cmocka_unit_test(test_damage_is_found),
      cmocka_unit_test(test_what_is_not_a_checkpoint),
      cmocka_unit_test(test_list),
      cmocka_unit_test(test_no_id_stays_open),
  };
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
