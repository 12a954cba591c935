/* network.h: networks as Lua values: a cs_model, so that weights, pre-processing and class names go together. */
#ifndef CS_SCRIPT_NETWORK_H
#define CS_SCRIPT_NETWORK_H

#include "model/model.h"
#include "script/handle.h"

extern const struct cs_handle_type cs_lua_network_type;

struct cs_model *cs_lua_network_check(lua_State *L, int arg);

/* Push a new handle that takes the model. */
void cs_lua_network_push(lua_State *L, struct cs_model *model);

/* The layer at `arg`: a name ("conv3"), a number from 0, "last", "first conv", "last conv". -1 with `error` filled when there is no
 * layer of that name; raises for numbers out of range and other types. */
int cs_lua_network_layer(lua_State *L, int arg, const struct cs_model *model, struct cs_error *error);

/* The layer of that name or word, or -1 with the names there are. */
int cs_lua_network_find(const struct cs_network *network, const char *name, struct cs_error *error);

/* How many classes it tells apart; 0: it is no classifier, it puts out a map. */
int cs_lua_class_count(const struct cs_model *model);

/* Its methods that run it over many images (lua_evaluate.c). */
int cs_lua_predict(lua_State *L);
int cs_lua_evaluate(lua_State *L);

/* Its methods that are about pre-processing (lua_preprocess.c). */
int cs_lua_get_preprocess(lua_State *L);
int cs_lua_set_preprocess(lua_State *L);
int cs_lua_take_preprocess(lua_State *L);
int cs_lua_unwhiten(lua_State *L);

/* What a network is given: at `arg` images, a tensor [n,h,w,c] (or one image [h,w,c]) in the network's own numbers, a picture
 * or a list of pictures (fitted to the network's size). Becomes `images` or `tensor`. Raises for other values. */
struct cs_lua_images;
struct cs_lua_input {
	const struct cs_lua_images *images;
	struct cs_tensor tensor; /* a view; memory belongs to the value, or to scratch on the stack */
	int64_t count;
};
enum cs_status cs_lua_input_get(
	lua_State *L, int arg, const struct cs_model *model, struct cs_lua_input *input, struct cs_error *error);
/* `count` of them from `first` on, into out. */
enum cs_status cs_lua_input_read(const struct cs_lua_input *input, const struct cs_model *model, int64_t first,
	int64_t count, float *out, int *labels, struct cs_error *error);

#endif
