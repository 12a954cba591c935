/* whitening_file.c: see whitening_file.h.
 *
 * /convscope/whitening           a group that Keras ignores
 *   epsilon                      float32 [1]
 *   mean                         float32: whole [height,width,channels]; filter [channels]
 *   axes                         float32 [n,n], whole alone: an axis a row
 *   gain                         float32: whole [n]; filter [height,width,channels,channels], by vertical and horizontal frequency of a DCT-II
 *
 * The shape is the network's input. What is written are the numbers in use: a model that was read whitens as the one that was saved, bit for bit.
 */
#include "model/whitening_file.h"

#include "core/alloc.h"

#define GROUP "/convscope/whitening"

enum cs_status cs_whitening_write(const struct cs_whitening *w, struct cs_h5 *file, struct cs_error *error)
{
	int64_t n = (int64_t)w->height * w->width * w->channels;
	enum cs_status status = cs_h5_make_group(file, GROUP, error);

	if (!status)
		status = cs_h5_write_array(file, GROUP "/epsilon", CS_H5_F32, CS_SHAPE(1), &w->epsilon, error);
	if (!status)
		status = cs_h5_write_array(file, GROUP "/mean", CS_H5_F32,
			w->axes ? CS_SHAPE(w->height, w->width, w->channels) : CS_SHAPE(w->channels), w->mean, error);
	if (!status && w->axes)
		status = cs_h5_write_array(file, GROUP "/axes", CS_H5_F32, CS_SHAPE(n, n), w->axes, error);
	if (!status)
		status = cs_h5_write_array(file, GROUP "/gain", CS_H5_F32,
			w->axes ? CS_SHAPE(n) : CS_SHAPE(w->height, w->width, w->channels, w->channels), w->gain, error);
	return status;
}

/* An array of so many numbers. */
static enum cs_status read_numbers(struct cs_h5 *file, const char *path, int64_t count, float **out, struct cs_error *error)
{
	struct cs_shape shape;
	void *data;
	enum cs_status status = cs_h5_read_array(file, path, CS_H5_F32, count, &data, &shape, error);

	if (status)
		return status;
	*out = data;
	if (cs_shape_count(&shape) != count)
		return cs_fail(error, CS_ERR_FORMAT, "%s has %lld numbers, expected %lld for this network's input", path,
			(long long)cs_shape_count(&shape), (long long)count);
	return CS_OK;
}

enum cs_status cs_whitening_read(
	struct cs_h5 *file, const struct cs_shape *input, struct cs_whitening **out, struct cs_error *error)
{
	float *epsilon = NULL, *mean = NULL, *axes = NULL, *gain = NULL;
	enum cs_whitening_kind kind;
	int64_t n = cs_shape_count(input);
	int h, w, c;
	enum cs_status status;

	if (!cs_h5_is_group(file, GROUP))
		return CS_OK;
	kind = cs_h5_exists(file, GROUP "/axes") ? CS_WHITENING_WHOLE : CS_WHITENING_FILTER;
	if (input->rank != 3 || n > (int64_t)3 * CS_WHITENING_SIDE_LIMIT * CS_WHITENING_SIDE_LIMIT ||
		(kind == CS_WHITENING_WHOLE && n > CS_WHITENING_WHOLE_LIMIT))
		return cs_fail(error, CS_ERR_FORMAT, GROUP " is there, but the network's input is no picture that it could be of");
	h = (int)input->dim[0];
	w = (int)input->dim[1];
	c = (int)input->dim[2];
	status = read_numbers(file, GROUP "/epsilon", 1, &epsilon, error);
	if (!status)
		status = read_numbers(file, GROUP "/mean", cs_whitening_means(kind, h, w, c), &mean, error);
	if (!status && kind == CS_WHITENING_WHOLE)
		status = read_numbers(file, GROUP "/axes", n * n, &axes, error);
	if (!status)
		status = read_numbers(file, GROUP "/gain", cs_whitening_gains(kind, h, w, c), &gain, error);
	if (!status)
		status = cs_whitening_new(kind, h, w, c, *epsilon, mean, axes, gain, out, error);
	cs_free(epsilon);
	cs_free(mean);
	cs_free(axes);
	cs_free(gain);
	return status;
}
