/* history_save.c: the rows of a history as a file of their own. See history.h. */
#include "model/history.h"

#include "io/h5_save.h"

static enum cs_status fill(struct cs_h5 *file, void *context, struct cs_error *error)
{
	const struct cs_curves *curves = context;
	enum cs_status status = CS_OK;

	if (curves->epoch_count)
		status = cs_h5_write_array(file, "/epochs", CS_H5_F64,
			CS_SHAPE(curves->epoch_count, (int64_t)(sizeof(struct cs_epoch) / sizeof(double))),
			curves->epochs, error);
	if (!status && curves->epoch_count)
		status = cs_h5_write_string(file, "/epochs", "columns",
			"epoch train_loss train_accuracy val_loss val_accuracy val_top5 rate images_per_second seconds "
			"time",
			error);
	if (!status && curves->point_count)
		status = cs_h5_write_array(file, "/points", CS_H5_F64,
			CS_SHAPE(curves->point_count, (int64_t)(sizeof(struct cs_point) / sizeof(double))),
			curves->points, error);
	if (!status && curves->point_count)
		status = cs_h5_write_string(
			file, "/points", "columns", "step epoch loss accuracy rate images_per_second", error);
	return status;
}

enum cs_status cs_curves_save(const struct cs_curves *curves, const char *path, struct cs_error *error)
{
	return cs_h5_save(path, fill, (void *)curves, error);
}
