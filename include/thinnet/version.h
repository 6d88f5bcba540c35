/* The version of thinnet. */
#ifndef THINNET_VERSION_H
#define THINNET_VERSION_H
#define TN_VERSION "0.1.0"
#endif
