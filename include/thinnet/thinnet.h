/* All of libthinnet but thinnet/mpi.h, which needs <mpi.h>. */
#ifndef THINNET_H
#define THINNET_H

#include <thinnet/comm.h>
#include <thinnet/config.h>
#include <thinnet/eval.h>
#include <thinnet/import.h>
#include <thinnet/measures.h>
#include <thinnet/model.h>
#include <thinnet/plan.h>
#include <thinnet/status.h>
#include <thinnet/train.h>
#include <thinnet/version.h>

#endif
