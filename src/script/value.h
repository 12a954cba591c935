/* value.h: Lua values <-> C: results, options, indices, scratch memory.
 *
 * The two kinds of failure are kept apart: a script's mistake (a wrong type, an index out of range, an option that does not
 * exist) raises; what the world did (a file that is not there, shapes that do not fit, no memory) returns nil, message, code.
 */
#ifndef CS_SCRIPT_VALUE_H
#define CS_SCRIPT_VALUE_H

#include "core/tensor.h"
#include "core/workers.h"
#include "script/handle.h"

#include <stdbool.h>

/* Push nil, the message and the code word; returns 3. */
int cs_value_fail(lua_State *L, const struct cs_error *error);

/* An index from 0 below `count`; raises "<what> 600 is out of range: 0 to 511". */
int64_t cs_value_index(lua_State *L, int arg, int64_t count, const char *what);
void cs_value_check_index(lua_State *L, int arg, int64_t value, int64_t count, const char *what);

/* The table of options at `arg`: absent or nil becomes an empty table (pushed in place). Raises for any key that is not among
 * `names` (NULL-ended), naming them. */
void cs_value_options(lua_State *L, int arg, const char *const *names);

/* Options by key; absent or nil gives the default, another type raises with the option's name. */
double cs_value_number(lua_State *L, int arg, const char *key, double standard);
int64_t cs_value_integer(lua_State *L, int arg, const char *key, int64_t standard, int64_t low, int64_t high);
bool cs_value_boolean(lua_State *L, int arg, const char *key, bool standard);
/* The string stays valid while the table holds it. */
const char *cs_value_string(lua_State *L, int arg, const char *key, const char *standard);
/* A choice among words; raises naming them. Returns the position. */
int cs_value_choice(lua_State *L, int arg, const char *key, const char *standard, const char *const *words);
/* One or two positive integers: 3 or {3, 2} (rows, columns); `low` is the smallest allowed. */
void cs_value_pair(lua_State *L, int arg, const char *key, int64_t low, int64_t pair[2]);

/* A shape from a list of numbers at stack position `arg` ({64, 64, 3}). */
struct cs_shape cs_value_shape(lua_State *L, int arg);
void cs_value_push_shape(lua_State *L, const struct cs_shape *shape);

/* Scratch memory that the collector frees, also when an error passes by; pushed on the stack. */
void *cs_value_scratch(lua_State *L, size_t count, size_t size);

/* The threads that this state's engine calls share; NULL (and error) without memory. They live as long as the state and
 * whatever was anchored to them by cs_value_anchor_workers. */
enum cs_status cs_value_workers(lua_State *L, struct cs_workers **workers, struct cs_error *error);
/* Keep the pool alive as long as the handle at `arg` (in the table that is its EXTRA user value). */
void cs_value_anchor_workers(lua_State *L, int arg);
/* Threads asked for (0: all processors); takes effect for what is made from now on. */
void cs_value_set_threads(lua_State *L, int threads);
int cs_value_threads(lua_State *L);
extern const struct cs_handle_type cs_value_pool_type;

/* The table that is the EXTRA user value of the handle at `arg`, made when missing; pushed. */
void cs_value_extra(lua_State *L, int arg);

#endif
