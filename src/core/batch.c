/* batch.c: storage of a batch. See batch.h. */
#include "core/batch.h"

#include "core/alloc.h"

#include <assert.h>

enum cs_status cs_batch_init(struct cs_batch *batch, int capacity, struct cs_shape image, struct cs_error *error)
{
	enum cs_status status;

	assert(image.rank == 3 && capacity > 0);
	*batch = (struct cs_batch){0};
	status = cs_tensor_init(
		&batch->images, CS_SHAPE(capacity, image.dim[0], image.dim[1], image.dim[2]), error);
	if (status)
		return status;
	batch->labels = cs_calloc((size_t)capacity, sizeof *batch->labels);
	batch->index = cs_calloc((size_t)capacity, sizeof *batch->index);
	if (!batch->labels || !batch->index) {
		cs_batch_fini(batch);
		return cs_fail_memory(error, "a batch of labels");
	}
	return CS_OK;
}

void cs_batch_fini(struct cs_batch *batch)
{
	cs_tensor_fini(&batch->images);
	cs_free(batch->targets);
	cs_free(batch->labels);
	cs_free(batch->index);
	*batch = (struct cs_batch){0};
}
