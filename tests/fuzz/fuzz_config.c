/* fuzz_config.c: what a run's directory says of it: config.json, summary.json, history.csv, parted by NULs. */
#include "fuzz.h"

#include "run/run.h"

static const char *const texts[] = {"config.json", "summary.json", "history.csv"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cs_run_state state;
	struct cs_error error = {0};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		size_t part;
		const uint8_t *bytes = next_part(&data, &size, &part);

		put_file(scratch_directory(), texts[i], bytes, part);
	}
	check_error(cs_run_inspect(scratch_directory(), &state, &error), &error);
	return 0;
}
