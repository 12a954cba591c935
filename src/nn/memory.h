/* memory.h: how much memory a network or a plan may ask for before it is refused.
 *
 * Linux grants more memory than there is and ends the program when it is used, so a network or batch that cannot fit is
 * refused beforehand, with a sentence instead of a kill.
 */
#ifndef CS_NN_MEMORY_H
#define CS_NN_MEMORY_H

#include "core/status.h"

#include <stddef.h>

/* Bytes this process may still use without swapping: what the system has available, within the limit of the process's
 * cgroup. SIZE_MAX where neither can be read. */
size_t cs_memory_available(void);

/* Refuse what is larger than that: CS_ERR_MEMORY, "<what> takes 812.4 GB of memory, but this machine has 23.1 GB free". Small
 * amounts pass unasked. */
enum cs_status cs_memory_check(size_t bytes, const char *what, struct cs_error *error);

#endif
