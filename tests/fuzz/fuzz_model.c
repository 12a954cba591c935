/* fuzz_model.c: HDF5 models through the helper that reads what comes from elsewhere: whatever the library does there, here it is an
 * error. CONVSCOPE_READER names the helper; a plain build of it, so that its limits and its filter hold. */
#include "fuzz.h"

#include "io/h5.h"
#include "model/keras_plan.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cs_network *network = NULL;
	struct cs_error error = {0};
	struct cs_h5 *file = NULL;
	int descriptor = memfd_create("input", MFD_CLOEXEC);
	enum cs_status status;

	if (descriptor < 0 || write(descriptor, data, size) != (ssize_t)size)
		exit(2);
	status = cs_h5_open_foreign_descriptor(descriptor, "input", &file, &error);
	close(descriptor);
	if (status == CS_ERR_NOT_FOUND) {
		fprintf(stderr, "%s\n", error.message);
		exit(2);
	}
	check_error(status, &error);
	if (status)
		return 0;
	status = cs_keras_read_within(file, NULL, NULL, 1 << 20, &network, &error);
	check_error(status, &error);
	check_error(cs_h5_lost(file, &error), &error);
	cs_network_free(network);
	cs_h5_close(file, NULL);
	return 0;
}
