#include "train/signals.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t stop_requested;
static volatile sig_atomic_t checkpoint_requested;

static const int signals[] = {SIGUSR1, SIGTERM, SIGINT, SIGHUP, SIGUSR2};
#define SIGNAL_COUNT (sizeof signals / sizeof signals[0])

static struct sigaction previous[SIGNAL_COUNT];

static void note_request(int number) {
  if (number == SIGUSR2)
    checkpoint_requested = 1;
  else
    stop_requested = 1;
}

static void forget_requests(void) {
  stop_requested = 0;
  checkpoint_requested = 0;
}

void tn_signals_install(void) {
  forget_requests();
  for (size_t i = 0; i < SIGNAL_COUNT; i++) {
    struct sigaction action = {.sa_handler = note_request, .sa_flags = SA_RESTART};
    if (signals[i] == SIGINT)
      action.sa_flags |= (int)SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    sigaction(signals[i], &action, &previous[i]);
    if (signals[i] == SIGHUP && previous[i].sa_handler == SIG_IGN) /* nohup: the run outlives its terminal */
      sigaction(SIGHUP, &previous[i], NULL);
  }
}

void tn_signals_restore(void) {
  for (size_t i = 0; i < SIGNAL_COUNT; i++)
    sigaction(signals[i], &previous[i], NULL);
  forget_requests();
}

bool tn_signals_stop_requested(void) {
  return stop_requested != 0;
}

bool tn_signals_take_checkpoint_request(void) {
  const bool requested = checkpoint_requested != 0;
  checkpoint_requested = 0;
  return requested;
}
