/* fuzz_onnx.c: ONNX files, taken apart in this process as the helper does in its own, and the network that comes out. */
#include "fuzz.h"

#include "core/alloc.h"
#include "core/log.h"
#include "model/onnx.h"

enum { MOST = 1 << 20 /* parameters */ };

static void discard(void *context, enum cs_log_level level, const char *line)
{
	(void)context;
	(void)level;
	(void)line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cs_network *network = NULL;
	struct cs_error error = {0};
	struct cs_onnx *file = NULL;
	json_t *metadata = NULL;
	enum cs_status status;

	cs_log_to(discard, NULL);
	status = cs_onnx_open_image(data, size, "input", &file, &error);
	check_error(status, &error);
	if (status)
		return 0;
	/* weights beside the model are looked for where there are none */
	status = cs_onnx_import(file, "/nonexistent/model.onnx", MOST, &network, &metadata, &error);
	check_error(status, &error);
	json_decref(metadata);
	cs_network_free(network);
	cs_onnx_close(file);
	return 0;
}
