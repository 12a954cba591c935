/* images.h: a choice of images: which ones, of which data set, or pixels held in memory.
 *
 * It is what networks are given: the network's own pre-processing is applied when images are read, so one choice of images
 * serves every model. Pixels are 0 .. 255, RGB.
 */
#ifndef CS_SCRIPT_IMAGES_H
#define CS_SCRIPT_IMAGES_H

#include "data/loader.h"
#include "model/model.h"
#include "script/handle.h"

struct cs_lua_images {
	const struct cs_dataset *data; /* of the parent handle; NULL when the pixels are held and came from elsewhere */
	char name[16]; /* "train", "val", "test" for whole splits, else "" */
	int64_t *numbers; /* [count] in the data set; from 0 on where there is none */
	int *labels; /* [count] when held, else NULL: the data set knows */
	struct cs_tensor held; /* [count,h,w,3] pixels, or empty */
	int64_t count;
	int width, height;
};

extern const struct cs_handle_type cs_lua_images_type, cs_lua_dataset_type;

/* Push the images `numbers` of the data set whose handle is at `dataset`. The numbers are copied. */
struct cs_lua_images *cs_lua_images_push(lua_State *L, int dataset, const int64_t *numbers, int64_t count);

struct cs_lua_images *cs_lua_images_check(lua_State *L, int arg);

/* Images for one pass: `count` from `first` on, as the model wants them, into out [count,h,w,c]; their labels into `labels`
 * when not NULL (-1: unknown). Errors: CS_ERR_SHAPE when the size is not the network's, and what loading meets. */
enum cs_status cs_lua_images_read(const struct cs_lua_images *images, int64_t first, int64_t count,
	const struct cs_model *model, float *out, int *labels, struct cs_error *error);

/* Raw pixels [count,h,w,3], 0 .. 255. */
enum cs_status cs_lua_images_pixels(
	const struct cs_lua_images *images, int64_t first, int64_t count, float *out, struct cs_error *error);

/* The size check alone, before anything is allocated. */
enum cs_status cs_lua_images_fit(
	const struct cs_lua_images *images, const struct cs_model *model, struct cs_error *error);

#endif
