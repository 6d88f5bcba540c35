/* Includes sources, because the same text has to pass through the compiler with other settings and under other names.
 */
#define TN_NO_MULTIVERSION
#define tn_kernel_activate_train       plain_kernel_activate_train
#define tn_kernel_activate             plain_kernel_activate
#define tn_kernel_standout             plain_kernel_standout
#define tn_kernel_multiply             plain_kernel_multiply
#define tn_kernel_add_shifts           plain_kernel_add_shifts
#define tn_kernel_column_sums          plain_kernel_column_sums
#define tn_kernel_square_sum           plain_kernel_square_sum
#define tn_kernel_find_nonfinite       plain_kernel_find_nonfinite
#define tn_kernel_add_scaled           plain_kernel_add_scaled
#define tn_kernel_add_product          plain_kernel_add_product
#define tn_kernel_product_sum          plain_kernel_product_sum
#define tn_kernel_mix                  plain_kernel_mix
#define tn_kernel_max_norm             plain_kernel_max_norm
#define tn_kernel_pick                 plain_kernel_pick
#define tn_kernel_spread_add           plain_kernel_spread_add
#define tn_kernel_sum_floats           plain_kernel_sum_floats
#define tn_kernel_sum_integers         plain_kernel_sum_integers
#define tn_norm_column_moments         plain_norm_column_moments
#define tn_norm_column_products        plain_norm_column_products
#define tn_norm_columns                plain_norm_columns
#define tn_norm_columns_back           plain_norm_columns_back
#define tn_norm_rows                   plain_norm_rows
#define tn_norm_rows_back              plain_norm_rows_back
#define tn_element_size                plain_element_size
#define tn_kernel_convert              plain_kernel_convert
#define tn_place_make                  plain_place_make
#define tn_random_words                plain_random_words
#define tn_random_uniform              plain_random_uniform
#define tn_random_normal               plain_random_normal
#define tn_random_bernoulli_factors    plain_random_bernoulli_factors
#define tn_random_bernoulli_factors_at plain_random_bernoulli_factors_at
#define tn_random_kept_factors         plain_random_kept_factors
#define tn_random_gaussian_factors     plain_random_gaussian_factors
#define tn_drop_threshold              plain_drop_threshold
#define tn_kernel_dot                  plain_kernel_dot
#define tn_kernel_rate_slopes          plain_kernel_rate_slopes
#define tn_random_concrete_factors     plain_random_concrete_factors
#define tn_fixed_first_beyond          plain_fixed_first_beyond
#define tn_fixed_from_floats           plain_fixed_from_floats
#define tn_fixed_to_floats             plain_fixed_to_floats

#define tn_update_penalise         plain_update_penalise
#define tn_update_track            plain_update_track
#define tn_update_sgd              plain_update_sgd
#define tn_update_momentum         plain_update_momentum
#define tn_update_nesterov         plain_update_nesterov
#define tn_update_rmsprop          plain_update_rmsprop
#define tn_update_rmsprop_momentum plain_update_rmsprop_momentum
#define tn_update_adam             plain_update_adam
#define tn_update_adagrad          plain_update_adagrad

#include "dist/fixed.c"
#include "math/activation.c"
#include "math/convert.c"
#include "math/factors.c"
#include "math/kernels.c"
#include "math/norm.c"
#include "math/pick.c"
#include "math/random.c"
#include "math/sum.c"
#include "nn/update.c"

#include "plain_math.h"

plain_math plain_math_functions(void) {
  return (plain_math){.activate_train = tn_kernel_activate_train,
                      .activate = tn_kernel_activate,
                      .standout = tn_kernel_standout,
                      .multiply = tn_kernel_multiply,
                      .add_shifts = tn_kernel_add_shifts,
                      .column_sums = tn_kernel_column_sums,
                      .square_sum = tn_kernel_square_sum,
                      .find_nonfinite = tn_kernel_find_nonfinite,
                      .add_scaled = tn_kernel_add_scaled,
                      .add_product = tn_kernel_add_product,
                      .product_sum = tn_kernel_product_sum,
                      .mix = tn_kernel_mix,
                      .dot = tn_kernel_dot,
                      .rate_slopes = tn_kernel_rate_slopes,
                      .max_norm = tn_kernel_max_norm,
                      .pick = tn_kernel_pick,
                      .sum_floats = tn_kernel_sum_floats,
                      .sum_integers = tn_kernel_sum_integers,
                      .first_beyond = tn_fixed_first_beyond,
                      .from_floats = tn_fixed_from_floats,
                      .to_floats = tn_fixed_to_floats,
                      .norm_columns = tn_norm_columns,
                      .norm_columns_back = tn_norm_columns_back,
                      .norm_rows = tn_norm_rows,
                      .norm_rows_back = tn_norm_rows_back,
                      .norm_column_moments = tn_norm_column_moments,
                      .norm_column_products = tn_norm_column_products,
                      .convert = tn_kernel_convert,
                      .uniform = tn_random_uniform,
                      .normal = tn_random_normal,
                      .concrete_factors = tn_random_concrete_factors,
                      .bernoulli_factors = tn_random_bernoulli_factors,
                      .penalise = tn_update_penalise,
                      .track = tn_update_track,
                      .updates = {tn_update_sgd, tn_update_momentum, tn_update_nesterov, tn_update_rmsprop,
                                  tn_update_rmsprop_momentum, tn_update_adam, tn_update_adagrad}};
}
