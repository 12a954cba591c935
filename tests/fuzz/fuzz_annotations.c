/* fuzz_annotations.c: Tiny ImageNet's texts: wnids.txt, words.txt, val_annotations.txt and a class's boxes, parted by NULs. */
#include "fuzz.h"

#include "core/alloc.h"
#include "core/log.h"
#include "data/dataset.h"
#include "io/picture.h"

#include <sys/stat.h>

static const char *const texts[] = {
	"wnids.txt", "words.txt", "val/val_annotations.txt", "train/n00000001/n00000001_boxes.txt"};

static const char *root;

/* The pictures are real, so that the texts are what the set is made of. */
static void make_root(void)
{
	struct cs_picture picture;
	char *png = NULL;
	size_t size;
	static const char *const folders[] = {
		"train", "train/n00000001", "train/n00000001/images", "val", "val/images"};

	root = scratch_directory();
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		char path[256];

		snprintf(path, sizeof path, "%s/%s", root, folders[i]);
		mkdir(path, 0777);
	}
	if (cs_picture_init(&picture, 4, 4, NULL) || cs_picture_encode(&picture, NULL, &png, &size, NULL))
		exit(2);
	put_file(root, "train/n00000001/images/n00000001_0.JPEG", png, size);
	put_file(root, "train/n00000001/images/n00000001_1.JPEG", png, size);
	put_file(root, "val/images/val_0.JPEG", png, size);
	put_file(root, "val/images/val_1.JPEG", png, size);
	cs_picture_fini(&picture);
	cs_free(png);
}

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

	if (!root)
		make_root();
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		size_t part;
		const uint8_t *bytes = next_part(&data, &size, &part);

		put_file(root, texts[i], bytes, part);
	}
	options.no_cache = true;
	cs_log_to(say_nothing, NULL);
	status = cs_dataset_open(root, &options, NULL, &set, &error);
	check_error(status, &error);
	for (int64_t i = 0; !status && i < set->count; i++) {
		struct cs_sample sample;

		cs_dataset_sample(set, i, &sample);
		if (sample.label < -1 || sample.label >= set->class_count)
			abort();
	}
	if (!status)
		cs_dataset_close(set);
	return 0;
}
