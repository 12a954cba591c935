/* fuzz_dataset.c: data sets in one file: NumPy's .npz, MNIST's and CIFAR's files alone, in a zip or in a tar, class folders in either. What it is is
 * told by its content, as in earnest. */
#include "fuzz.h"

#include "core/alloc.h"
#include "core/log.h"
#include "data/dataset.h"

static void say_nothing(void *context, enum cs_log_level level, const char *line)
{
	(void)context;
	(void)level;
	if (strchr(line, '\n'))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_dataset *set = NULL;
	struct cs_error error = {0};
	enum cs_status status;
	char path[128];
	uint8_t *pixels;

	snprintf(path, sizeof path, "%s/input.bin", scratch_directory());
	put_file(scratch_directory(), "input.bin", data, size);
	cs_log_to(say_nothing, NULL);
	options.no_cache = true;
	options.size = 8; /* time goes into reading */
	status = cs_dataset_open(path, &options, NULL, &set, &error);
	check_error(status, &error);
	if (status)
		return 0;
	pixels = cs_alloc((size_t)set->width * (size_t)set->height * 3);
	for (int64_t i = 0; pixels && i < set->count && i < 100; i++) {
		struct cs_sample sample;

		cs_dataset_sample(set, i, &sample);
		if (sample.label < -1 || sample.label >= set->class_count || !sample.name)
			abort();
		check_error(cs_dataset_pixels(set, i, pixels, &error), &error);
	}
	for (int kind = 0; kind < CS_SPLIT_COUNT; kind++)
		for (int64_t i = 0; i < set->split[kind].count; i++)
			if (set->split[kind].images[i] < 0 || set->split[kind].images[i] >= set->count)
				abort();
	cs_free(pixels);
	cs_dataset_close(set);
	return 0;
}
