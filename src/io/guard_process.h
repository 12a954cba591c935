/* guard_process.h: the helper program as a process. For guard.c alone. */
#ifndef CS_IO_GUARD_PROCESS_H
#define CS_IO_GUARD_PROCESS_H

#include "core/status.h"

#include <stdint.h>
#include <sys/types.h>

#define CS_GUARD_READER "convscope-reader"

/* Find the helper and start it on `name` with that many bytes of address space and seconds of processor time. `descriptors` become
 * CS_GUARD_FILE and those after it; they must have higher numbers. Errors: CS_ERR_NOT_FOUND, CS_ERR_IO. */
enum cs_status cs_guard_process_start(const char *name, int64_t memory, int64_t seconds, const int descriptors[3],
	pid_t *pid, struct cs_error *error);

/* Milliseconds for which it could have run and no processor was free for it; 0 where the system does not tell. */
int64_t cs_guard_process_starved(pid_t pid);

/* Kill it, if it still runs, and wait; its status as waitpid() has it, -1 where somebody else waited for it. */
int cs_guard_process_end(pid_t pid);

#endif
