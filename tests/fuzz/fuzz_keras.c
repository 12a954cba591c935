/* fuzz_keras.c: the architecture of a model as JSON. What is read can be written, and is then read again. */
#include "fuzz.h"

#include "core/alloc.h"
#include "model/keras.h"
#include "model/keras_plan.h"

enum { MOST = 1 << 20 /* parameters: beyond, time goes into memory and not into parsing */ };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cs_network *network = NULL, *again = NULL;
	struct cs_keras_plan plan = {0};
	struct cs_error error = {0};
	char *json = cs_strndup((const char *)data, size), *written = NULL;
	enum cs_status status;

	if (!json)
		exit(2);
	status = cs_keras_plan_new(json, NULL, &plan, &error);
	check_error(status, &error);
	if (!status && plan.params < MOST) {
		status = cs_keras_parse(json, &network, &error);
		check_error(status, &error);
		if (!status) {
			status = cs_keras_config(network, &written, &error);
			check_error(status, &error);
		}
		if (!status) {
			check_error(cs_keras_parse(written, &again, &error), &error);
			cs_network_free(again);
		}
		cs_free(written);
		cs_network_free(network);
	}
	cs_keras_plan_fini(&plan);
	cs_free(json);
	return 0;
}
