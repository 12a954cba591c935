/* fuzz_config.c: what a run's directory says of it: config.json, summary.json, history.csv, parted by NULs. */
#include "fuzz.h"

#include "run/run.h"

#include <unistd.h>

static const char *const texts[] = {"config.json", "summary.json", "history.csv"};

static char root[] = "/tmp/convscope-fuzz-XXXXXX";

static void remove_root(void)
{
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		char path[256];

		snprintf(path, sizeof path, "%s/%s", root, texts[i]);
		unlink(path);
	}
	rmdir(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cs_run_state state;
	struct cs_error error = {0};

	if (root[sizeof root - 2] == 'X') {
		if (!mkdtemp(root))
			exit(2);
		atexit(remove_root);
	}
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		size_t part;
		const uint8_t *bytes = next_part(&data, &size, &part);

		put_file(root, texts[i], bytes, part);
	}
	check_error(cs_run_inspect(root, &state, &error), &error);
	return 0;
}
