/* Written by make_optimizers.py with PyTorch 1.13.0a0. Do not edit. */
/* clang-format off */
#ifndef TN_FROZEN_OPTIMIZERS_H
#define TN_FROZEN_OPTIMIZERS_H

#include <thinnet/config.h>

#define FROZEN_WEIGHTS 5 /* and a bias */
#define FROZEN_STEPS   8

typedef struct frozen_optimizer {
  const char *name;
  tn_train_config train;
  double end[FROZEN_WEIGHTS + 1];
} frozen_optimizer;

static const float frozen_start[FROZEN_WEIGHTS + 1] = {
    -0.84738344f, 0.55983758f, -0.123181537f, 0.446930349f, 0.955979049f, 0.0769917443f};

static const float frozen_gradients[FROZEN_STEPS][FROZEN_WEIGHTS + 1] = {
{
    -0.236676902f, 0.00061967189f, -0.000267115771f, -0.526417315f, 0.305297405f, 0.180149555f},
{
    -0.187628686f, -0.0514644794f, 0.151589811f, -0.0784069225f, -0.072824724f, -0.435972422f},
{
    0.166374087f, 0.0371642709f, 0.0823379755f, -0.457957357f, 0.495209903f, 0.0463006608f},
{
    -0.116141982f, 0.608721673f, -0.0136158094f, -0.435203612f, -0.121568359f, -0.686494529f},
{
    0.314818978f, -0.124942295f, -0.222766057f, 0.321741045f, -0.495322675f, 0.160628811f},
{
    -0.619324446f, -0.198647797f, -0.361265957f, 0.438592702f, 0.529848278f, -0.0988241285f},
{
    0.252219975f, -0.0539959222f, 0.170418561f, -0.225851163f, -0.512501776f, -0.540929615f},
{
    0.114936553f, 0.674278498f, 0.0808234885f, -0.157381386f, 0.573605657f, 0.0711905509f}};

static const frozen_optimizer frozen_optimizers[] = {
    {"sgd", {.optimizer = TN_SGD, .learning_rate = 0.1, .beta1 = 0.9, .beta2 = 0.999, .rho = 0.9, .epsilon = 1e-07}, {
    -0.81624119728803646, 0.47066421773051825, -0.11190702641615644, 0.55901874974370003, 0.88580467849969879, 0.20738685615360741}},
    {"sgd with momentum", {.optimizer = TN_SGD, .learning_rate = 0.05, .beta1 = 0.9, .beta2 = 0.999, .rho = 0.9, .epsilon = 1e-07, .momentum = 0.8}, {
    -0.77159634762890816, 0.47452936483059893, -0.10839971751995955, 0.65677014004635326, 0.86184569175545678, 0.26596303466251614}},
    {"sgd with nesterov", {.optimizer = TN_SGD, .learning_rate = 0.05, .beta1 = 0.9, .beta2 = 0.999, .rho = 0.9, .epsilon = 1e-07, .momentum = 0.8, .nesterov = true}, {
    -0.77118264488488586, 0.44700432681158675, -0.10571882618593323, 0.67084638224699122, 0.84558517789248089, 0.29336633250497673}},
    {"rmsprop", {.optimizer = TN_RMSPROP, .learning_rate = 0.01, .beta1 = 0.9, .beta2 = 0.999, .rho = 0.8, .epsilon = 1e-30}, {
    -0.82381446607518471, 0.52041965482738217, -0.10817872790638697, 0.4924394776002875, 0.9262802788992921, 0.10417042273550772}},
    {"rmsprop with momentum", {.optimizer = TN_RMSPROP, .learning_rate = 0.005, .beta1 = 0.9, .beta2 = 0.999, .rho = 0.9, .epsilon = 1e-30, .momentum = 0.7}, {
    -0.78642352717313579, 0.4968809057297397, -0.092702854296081161, 0.53758869404807141, 0.89947471582985405, 0.11615448435923861}},
    {"adam", {.optimizer = TN_ADAM, .learning_rate = 0.01, .beta1 = 0.9, .beta2 = 0.999, .rho = 0.9, .epsilon = 1e-07}, {
    -0.81371622799346988, 0.54253041492350529, -0.12604536096065025, 0.49492427225929264, 0.92514928021608012, 0.098347281603324732}},
    {"adam with other constants", {.optimizer = TN_ADAM, .learning_rate = 0.02, .beta1 = 0.8, .beta2 = 0.95, .rho = 0.9, .epsilon = 0.01}, {
    -0.79404548259374919, 0.53818621664595834, -0.13606014417204218, 0.52901915968117796, 0.90501492794883109, 0.12305163352358425}},
    {"adamw", {.optimizer = TN_ADAMW, .learning_rate = 0.01, .beta1 = 0.9, .beta2 = 0.999, .rho = 0.9, .epsilon = 1e-07, .weight_decay = 0.2}, {
    -0.80059747224853783, 0.53375184293842948, -0.12403703069420799, 0.48738955020285485, 0.91027537424459359, 0.098347281603324732}},
    {"adagrad", {.optimizer = TN_ADAGRAD, .learning_rate = 0.1, .beta1 = 0.9, .beta2 = 0.999, .rho = 0.9, .epsilon = 1e-12}, {
    -0.77896131962725212, 0.46049683794223673, -0.11096976567706185, 0.6134724998983947, 0.8523253257086717, 0.21051929832694777}},
};

#endif
