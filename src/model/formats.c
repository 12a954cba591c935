/* formats.c: the forms in which a model can be written, told apart by the ending of the file's name. See model.h. */
#include "model/model_internal.h"

#include <string.h>
#include <strings.h>

/* Longer endings come before those that they end with. */
const struct cs_model_format cs_model_formats[] = {
	{".h5", "HDF5 as Keras 2 writes it", cs_model_save},
	{".hdf5", "HDF5 as Keras 2 writes it", cs_model_save},
	{".onnx", "ONNX, for PyTorch, ONNX Runtime and others", cs_onnx_model_save},
	{NULL, NULL, NULL},
};

const struct cs_model_format *cs_model_format_of(const char *path)
{
	size_t length = strlen(path);

	for (const struct cs_model_format *format = cs_model_formats; format->ending; format++) {
		size_t ending = strlen(format->ending);

		if (length > ending && !strcasecmp(path + length - ending, format->ending))
			return format;
	}
	return NULL;
}

enum cs_status cs_model_write(const struct cs_model *model, const char *path, struct cs_error *error)
{
	const struct cs_model_format *format = cs_model_format_of(path);

	return format ? format->write(model, path, error) : cs_model_save(model, path, error);
}
