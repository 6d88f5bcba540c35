/* thinnet import: IDX, CSV and NPY files into a data file. */
#include "cli/cli.h"

#include <argp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <thinnet/import.h>
#include <unistd.h>

#define SPLITS          3
#define PROGRESS_WAIT_S 1.0 /* a short import shows no progress */
#define PROGRESS_STEP_S 0.2

static const char *const split_names[SPLITS] = {"train", "valid", "test"};

static const char overview[] =
    "Usage: thinnet import FORMAT [OPTION...] -o DATA.h5\n"
    "\n"
    "Writes files of one FORMAT into an HDF5 file as thinnet reads it: /train/x and /train/y, and likewise valid and\n"
    "test, each where it was given. Files are read in blocks, so they may be larger than memory, and may be\n"
    "compressed with gzip. DATA.h5 appears when all has gone well, and not otherwise; what a killed import leaves\n"
    "(DATA.h5.partial-...), the next one to DATA.h5 removes.\n"
    "\n"
    "  idx   the format of MNIST's files: images and labels, each in a file of its own\n"
    "  csv   text with one row a line, the label in one of the columns\n"
    "  npy   numpy's arrays: features and targets, each in a file of its own\n"
    "\n"
    "'thinnet import FORMAT --help' lists the options of a format and gives examples.\n"
    "\n"
    "Exit status: 0 done; 1 reading or writing failed; 2 wrong usage or malformed input.\n";

/* Keys of options that have no letter. X + split and Y + split name the files of a split. */
enum {
  KEY_X = 256,
  KEY_Y = KEY_X + SPLITS,
  KEY_OVERWRITE = KEY_Y + SPLITS,
  KEY_LABEL,
  KEY_REGRESSION,
  KEY_DELIMITER,
  KEY_HEADER
};

/* What the options of one import say. */
typedef struct request {
  const char *out_path;
  const char **x_files[SPLITS];
  int x_counts[SPLITS];
  const char *y_files[SPLITS];
  tn_import_csv csv;
  bool overwrite;
} request;

#define COMMON_OPTIONS                                                                                                 \
  {"output", 'o', "DATA.h5", 0, "The file to be written", 11}, {                                                       \
    "overwrite", KEY_OVERWRITE, NULL, 0, "Replace DATA.h5 where it exists", 12                                         \
  }

static const struct argp_option array_options[] = {
    {"train-x", KEY_X, "FILE", 0, "Features of the training rows, to /train/x", 1},
    {"train-y", KEY_Y, "FILE", 0, "Their labels or targets, to /train/y", 2},
    {"valid-x", KEY_X + 1, "FILE", 0, "Features of the validation rows, to /valid/x", 3},
    {"valid-y", KEY_Y + 1, "FILE", 0, "Their labels or targets, to /valid/y", 4},
    {"test-x", KEY_X + 2, "FILE", 0, "Features of the test rows, to /test/x", 5},
    {"test-y", KEY_Y + 2, "FILE", 0, "Their labels or targets, to /test/y", 6},
    COMMON_OPTIONS,
    {0}};

static const struct argp_option csv_options[] = {
    {"train", KEY_X, "FILE", 0, "Training rows, to /train/x and /train/y; given again, the next file's rows follow", 1},
    {"valid", KEY_X + 1, "FILE", 0, "Validation rows, likewise", 3},
    {"test", KEY_X + 2, "FILE", 0, "Test rows, likewise", 5},
    {"label", KEY_LABEL, "COLUMN", 0,
     "The column that holds the label or target: its name in the header, or its number, from 1, or from -1 for the "
     "last one on. Without it all columns are features",
     7},
    {"regression", KEY_REGRESSION, NULL, 0,
     "Store targets as values (float32) even where all are whole numbers; text is refused", 8},
    {"delimiter", KEY_DELIMITER, "CHAR", 0, "What separates fields (','); 'tab' for a tabulator", 9},
    {"header", KEY_HEADER, "yes|no|auto", 0,
     "Whether files begin with a line of names; 'auto' (the default): where a field of the first line is no number. "
     "Where that is the label alone, and labels are names, it has to be said",
     10},
    COMMON_OPTIONS,
    {0}};

static const char idx_doc[] =
    "Imports IDX files, the format of MNIST.\vImages of R x C become rows of R C features; labels are integers, one "
    "for each image. Element types stay as they are: bytes take one byte a value in the file and in memory. A file "
    "that is shorter or longer than its header says is refused.\n\n"
    "Example:\n"
    "  thinnet import idx --train-x train-images-idx3-ubyte.gz \\\n"
    "    --train-y train-labels-idx1-ubyte.gz \\\n"
    "    --test-x t10k-images-idx3-ubyte.gz \\\n"
    "    --test-y t10k-labels-idx1-ubyte.gz -o mnist.h5";

static const char csv_doc[] =
    "Imports CSV files of decimal numbers, with labels that may be names.\vFields may be quoted (RFC 4180); space "
    "around fields that are not quoted does not count. Features are stored as uint8, int8, uint16 or int16 where all "
    "of them are whole numbers that fit, as float32 otherwise. Empty fields, nan, infinities, and text in features "
    "are refused, with file, line and column; so are empty lines, but for those at a file's end. Several files, and "
    "the files of all splits, have the same columns and the same header.\n\n"
    "Labels that are whole numbers become int64 classes as they are, other numbers float32 targets. Labels that are "
    "text are names of classes: sorted by their bytes, over all splits, they become the int64 classes 0, 1, 2, ..., "
    "and the names are stored in that order as /class_names. Names are the same where all their bytes are. A column "
    "that mixes names and numbers is refused, and so is a class that no training row has, where there are training "
    "rows. Import all splits in one command: the numbers depend on which names there are.\n\n"
    "Examples:\n"
    "  thinnet import csv --train iris.csv --test iris_test.csv \\\n"
    "    --label species -o iris.h5\n"
    "  thinnet import csv --train jan.csv --train feb.csv --test mar.csv \\\n"
    "    --label -1 --regression -o sales.h5\n"
    "  thinnet import csv --train points.tsv --delimiter tab --header no \\\n"
    "    --label 1 -o points.h5";

static const char npy_doc[] =
    "Imports NPY files, as numpy.save writes them.\vFeatures have two dimensions or more, rows first; those behind the "
    "first are flattened. Targets have one dimension, or two for several targets a row. Integers, floats and bool of "
    "either byte order are taken, in C order; types stay as they are, but uint32 and uint64 become int64, float16 "
    "float32 and bool uint8. Values that are not finite are refused.\n\n"
    "Example:\n"
    "  thinnet import npy --train-x x.npy --train-y y.npy \\\n"
    "    --valid-x vx.npy --valid-y vy.npy -o data.h5";

/* Ends the program, as argp does where it does not know an option. */
static void __attribute__((format(printf, 2, 3))) usage_error(const struct argp_state *state, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("thinnet: error: ", stderr);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, " (%s --help tells more)\n", state->name);
  va_end(arguments);
  exit(tn_status_exit_code(TN_ERR_USAGE));
}

static error_t add_file(struct argp_state *state, int split, const char *file) {
  request *asked = state->input;
  const size_t count = (size_t)asked->x_counts[split] + 1;
  const char **files = realloc(asked->x_files[split], count * sizeof *files);
  if (!files)
    return ENOMEM;
  files[count - 1] = file;
  asked->x_files[split] = files;
  asked->x_counts[split] = (int)count;
  return 0;
}

static void set_delimiter(struct argp_state *state, const char *text) {
  request *asked = state->input;
  if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0)
    asked->csv.delimiter = '\t';
  else if (strlen(text) == 1)
    asked->csv.delimiter = *text;
  else
    usage_error(state, "--delimiter is one character, or tab, not '%s'", text);
}

static void set_header(struct argp_state *state, const char *text) {
  request *asked = state->input;
  if (strcmp(text, "auto") == 0)
    asked->csv.header = -1;
  else if (strcmp(text, "yes") == 0 || strcmp(text, "no") == 0)
    asked->csv.header = *text == 'y';
  else
    usage_error(state, "--header is yes, no or auto, not '%s'", text);
}

static void check_request(struct argp_state *state) {
  const request *asked = state->input;
  if (!asked->out_path)
    usage_error(state, "the file to be written is missing: give -o DATA.h5");
  int splits = 0;
  for (int i = 0; i < SPLITS; i++) {
    splits += asked->x_counts[i] > 0;
    if (asked->y_files[i] && asked->x_counts[i] == 0)
      usage_error(state, "--%s-y needs --%s-x beside it", split_names[i], split_names[i]);
  }
  if (splits == 0)
    usage_error(state, "nothing to import: name a file for at least one of train, valid and test");
}

static error_t parse_option(int key, char *argument, struct argp_state *state) {
  request *asked = state->input;
  if (key >= KEY_X && key < KEY_X + SPLITS)
    return add_file(state, key - KEY_X, argument);
  if (key >= KEY_Y && key < KEY_Y + SPLITS) {
    asked->y_files[key - KEY_Y] = argument;
    return 0;
  }
  switch (key) {
  case 'o':
    asked->out_path = argument;
    return 0;
  case KEY_OVERWRITE:
    asked->overwrite = true;
    return 0;
  case KEY_LABEL:
    asked->csv.label_column = argument;
    return 0;
  case KEY_REGRESSION:
    asked->csv.regression = true;
    return 0;
  case KEY_DELIMITER:
    set_delimiter(state, argument);
    return 0;
  case KEY_HEADER:
    set_header(state, argument);
    return 0;
  case ARGP_KEY_ARG:
    usage_error(state, "'%s' is not expected: files are named by options", argument);
    return EINVAL;
  case ARGP_KEY_END:
    check_request(state);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* When the import began, and when its progress was last shown; 0: never. */
typedef struct progress {
  double start_s, shown_s;
} progress;

static void show_progress(void *context, const char *file, int pass, int passes, double fraction) {
  progress *shown = context;
  const double now = tn_cli_now_s();
  if (now - shown->start_s < PROGRESS_WAIT_S || now - shown->shown_s < PROGRESS_STEP_S)
    return;
  shown->shown_s = now;
  const char *task = passes == 1 ? "importing" : pass == 1 ? "checking" : "writing";
  fprintf(stderr, "\r\033[K%s %s: %.0f %%", task, file, 100 * fraction);
}

static void print_dataset(const char *path, int64_t rows, int64_t cols, const char *type) {
  char shape[64];
  if (cols > 0)
    snprintf(shape, sizeof shape, "%lld x %lld", (long long)rows, (long long)cols);
  else
    snprintf(shape, sizeof shape, "%lld", (long long)rows);
  printf("  %-12s %-20s %s\n", path, shape, type);
}

static void print_result(const char *out_path, const tn_import_split *splits, int count,
                         const tn_import_counts *counts) {
  char path[32];
  printf("%s:\n", out_path);
  for (int i = 0; i < count; i++) {
    const tn_import_counts *found = &counts[i];
    snprintf(path, sizeof path, "/%s/x", splits[i].name);
    print_dataset(path, found->rows, found->features, found->x_type);
    snprintf(path, sizeof path, "/%s/y", splits[i].name);
    if (found->targets > 0)
      print_dataset(path, found->rows, found->targets > 1 ? found->targets : 0, found->y_type);
  }
  if (counts[0].classes > 0)
    print_dataset("/class_names", counts[0].classes, 0, "string");
}

typedef tn_status importer(const request *asked, const tn_import_split *splits, int count,
                           const tn_import_options *options, tn_import_counts *counts);

static tn_status import_idx(const request *asked, const tn_import_split *splits, int count,
                            const tn_import_options *options, tn_import_counts *counts) {
  return tn_import_idx(asked->out_path, splits, count, options, counts);
}

static tn_status import_csv(const request *asked, const tn_import_split *splits, int count,
                            const tn_import_options *options, tn_import_counts *counts) {
  return tn_import_csv_files(asked->out_path, splits, count, &asked->csv, options, counts);
}

static tn_status import_npy(const request *asked, const tn_import_split *splits, int count,
                            const tn_import_options *options, tn_import_counts *counts) {
  return tn_import_npy(asked->out_path, splits, count, options, counts);
}

static int run(const request *asked, importer *import) {
  tn_import_split splits[SPLITS];
  tn_import_counts counts[SPLITS];
  int count = 0;
  for (int i = 0; i < SPLITS; i++)
    if (asked->x_counts[i] > 0)
      splits[count++] = (tn_import_split){.name = split_names[i],
                                          .x_files = asked->x_files[i],
                                          .x_file_count = asked->x_counts[i],
                                          .y_file = asked->y_files[i]};
  progress shown = {.start_s = tn_cli_now_s()};
  const tn_import_options options = {.overwrite = asked->overwrite,
                                     .progress = isatty(STDERR_FILENO) ? show_progress : NULL,
                                     .progress_context = &shown};
  const tn_status status = import(asked, splits, count, &options, counts);
  if (shown.shown_s > 0)
    fputs("\r\033[K", stderr);
  if (status == TN_OK)
    print_result(asked->out_path, splits, count, counts);
  return tn_cli_finish(NULL, status);
}

/* argp prints --help itself, and what is wrong with the options, and ends the program. */
static int parse_and_run(const struct argp *argp, importer *import, int argc, char **argv) {
  request asked = {.csv = {.delimiter = ',', .header = -1}};
  setenv("ARGP_HELP_FMT", "no-dup-args-note", 0); /* a remark on arguments of short options; there is but one */
  argp_err_exit_status = tn_status_exit_code(TN_ERR_USAGE);
  const error_t error = argp_parse(argp, argc, argv, 0, NULL, &asked);
  /* Nothing but memory can fail: what else is wrong has ended the program. */
  const int exit_status = error == 0 ? run(&asked, import) : tn_cli_finish(NULL, TN_ERR_MEMORY);
  for (int i = 0; i < SPLITS; i++)
    free(asked.x_files[i]);
  return exit_status;
}

int tn_cmd_import(int argc, char **argv) {
  static const char files[] = "-o DATA.h5";
  static const struct {
    const char *name;
    char *program; /* argp's name for it */
    struct argp argp;
    importer *import;
  } formats[] = {
      {"idx",
       "thinnet import idx",
       {.options = array_options, .parser = parse_option, .args_doc = files, .doc = idx_doc},
       import_idx},
      {"csv",
       "thinnet import csv",
       {.options = csv_options, .parser = parse_option, .args_doc = files, .doc = csv_doc},
       import_csv},
      {"npy",
       "thinnet import npy",
       {.options = array_options, .parser = parse_option, .args_doc = files, .doc = npy_doc},
       import_npy},
  };
  const char *wanted = argc > 1 ? argv[1] : "";
  if (strcmp(wanted, "--help") == 0 || strcmp(wanted, "-h") == 0 || strcmp(wanted, "-?") == 0) {
    fputs(overview, stdout);
    return 0;
  }
  for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
    if (strcmp(formats[i].name, wanted) == 0) {
      argv[1] = formats[i].program;
      return parse_and_run(&formats[i].argp, formats[i].import, argc - 1, argv + 1);
    }
  if (*wanted)
    fprintf(stderr, "thinnet: error: '%s' is no format: give idx, csv or npy\n", wanted);
  else
    fprintf(stderr, "thinnet: error: the format is missing: give idx, csv or npy (thinnet import --help)\n");
  return tn_status_exit_code(TN_ERR_USAGE);
}
