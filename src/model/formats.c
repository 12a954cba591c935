/* formats.c: the forms in which a model can be written, told apart by the ending of the file's name. See model.h. */
#include "model/model_internal.h"

#include <string.h>
#include <strings.h>

/* Longer endings come before those that they end with. */
const struct cs_model_format cs_model_formats[] = {
	{".weights.h5", "weights alone, as Keras 3 writes them (--arch OUT.json goes with them)", cs_model_save_weights},
	{".h5", "HDF5 as Keras 2 writes it", cs_model_save},
	{".hdf5", "HDF5 as Keras 2 writes it", cs_model_save},
	{".keras", "a .keras file, for Keras 3 and 2.15", cs_model_save_keras},
	{".onnx", "ONNX, for PyTorch, ONNX Runtime and others", cs_onnx_model_save},
	{".json", "the architecture alone, as Keras' to_json() gives it", cs_model_save_architecture},
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
