/* Data sets as others publish them: MNIST's idx, CIFAR's binary files, tars; whatever holds the same images gives the same images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sources_case.h"

#include "io/h5.h"

#include <zlib.h>

static void put_gzip(const char *name, const void *bytes, size_t size)
{
	gzFile file;

	case_directory_of(name);
	file = gzopen(case_path(name), "wb");
	if (!file || gzwrite(file, bytes, (unsigned)size) != (int)size || gzclose(file) != Z_OK)
		abort();
}

static size_t idx_images(uint8_t *out, int first, bool transposed)
{
	static const uint8_t header[] = {0, 0, 8, 3, 0, 0, 0, N, 0, 0, 0, SIDE, 0, 0, 0, SIDE};

	memcpy(out, header, sizeof header);
	for (int i = 0; i < N; i++)
		for (int p = 0; p < SIDE * SIDE; p++)
			out[sizeof header + (size_t)(i * SIDE * SIDE + p)] = transposed
				? pixel(first + i, p % SIDE, p / SIDE, 0)
				: pixel(first + i, p / SIDE, p % SIDE, 0);
	return sizeof header + N * SIDE * SIDE;
}

static size_t idx_labels(uint8_t *out, int from)
{
	static const uint8_t header[] = {0, 0, 8, 1, 0, 0, 0, N};

	memcpy(out, header, sizeof header);
	for (int i = 0; i < N; i++)
		out[sizeof header + (size_t)i] = (uint8_t)(from + i % CLASSES);
	return sizeof header + N;
}

static void idx_set(const char *prefix, const char *test, int labels_from, bool transposed,
	void (*write)(const char *name, const void *bytes, size_t size), const char *ending)
{
	static uint8_t bytes[1 << 12];
	char name[200];

	for (int part = 0; part < 2; part++) {
		const char *which = part ? test : "train";
		size_t size = idx_images(bytes, part * N, transposed);

		snprintf(name, sizeof name, "%s%s-images-idx3-ubyte%s", prefix, which, ending);
		write(name, bytes, size);
		size = idx_labels(bytes, labels_from);
		snprintf(name, sizeof name, "%s%s-labels-idx1-ubyte%s", prefix, which, ending);
		write(name, bytes, size);
	}
}

static void mnist_opens_plain_or_packed_by_folder_or_file(void **state)
{
	static const char *const specs[] = {"plain", "packed", "plain/train-images-idx3-ubyte",
		"packed/t10k-labels-idx1-ubyte.gz", "outer", "mnist.zip"};

	(void)state;
	idx_set("plain/", "t10k", 0, false, put, "");
	idx_set("packed/", "t10k", 0, false, put_gzip, ".gz");
	idx_set("outer/MNIST/raw/", "t10k", 0, false, put, "");
	case_zip("packed", "mnist.zip");
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		struct cs_dataset *data = case_open(case_path(specs[i]), NULL);

		assert_string_equal(data->ops->name, "idx");
		/* files come in the order of their names: t10k before train, but splits in theirs */
		assert_images(data, 2 * N, true);
		assert_int_equal(data->split[CS_SPLIT_TEST].count, N);
		cs_dataset_close(data);
	}
}

static void emnist_is_turned_and_named_and_chosen_by_file(void **state)
{
	struct cs_dataset *data;
	const char *message;

	(void)state;
	idx_set("emnist/emnist-letters-", "test", 1, true, put_gzip, ".gz");
	idx_set("emnist/emnist-digits-", "test", 0, true, put_gzip, ".gz");
	case_text("emnist/emnist-letters-mapping.txt", "1 65 97\n2 66 98\n3 67 99\n4 68 100\n");
	message = case_refused(case_path("emnist"), NULL);
	assert_non_null(strstr(message, "holds several data sets"));
	data = case_open(case_path("emnist/emnist-letters-train-images-idx3-ubyte.gz"), NULL);
	assert_images(data, 2 * N, true);
	assert_int_equal(data->class_count, 3);
	assert_string_equal(data->class_names[0], "A");
	assert_string_equal(data->class_ids[2], "3");
	cs_dataset_close(data);
}

static void idx_files_that_lie_are_refused(void **state)
{
	static uint8_t images[1 << 12], labels[64];
	size_t image_size = idx_images(images, 0, false), label_size = idx_labels(labels, 0);

	(void)state;
	put("alone/train-images-idx3-ubyte", images, image_size);
	assert_non_null(strstr(case_refused(case_path("alone"), NULL), "no labels go with the images"));
	put("cut/train-images-idx3-ubyte", images, image_size - 1);
	put("cut/train-labels-idx1-ubyte", labels, label_size);
	assert_non_null(strstr(case_refused(case_path("cut"), NULL), "cut off"));
	images[7] = N - 1;
	put("fewer/train-images-idx3-ubyte", images, image_size);
	put("fewer/train-labels-idx1-ubyte", labels, label_size);
	assert_non_null(strstr(case_refused(case_path("fewer"), NULL), "is 24, but x_train holds 23 images"));
	memset(images + 4, 0xff, 12);
	put("huge/train-images-idx3-ubyte", images, image_size);
	put("huge/train-labels-idx1-ubyte", labels, label_size);
	assert_true(*case_refused(case_path("huge"), NULL));
	put_gzip("torn/train-images-idx3-ubyte.gz", images, image_size);
	case_truncate("torn/train-images-idx3-ubyte.gz", 0.5);
	put("torn/train-labels-idx1-ubyte", labels, label_size);
	assert_true(*case_refused(case_path("torn"), NULL));
}

enum { CIFAR_SIDE = 32, PLANE = CIFAR_SIDE * CIFAR_SIDE, CIFAR_N = 20 };

static size_t cifar_records(uint8_t *out, int first, int labels)
{
	uint8_t *at = out;

	for (int i = first; i < first + CIFAR_N; i++) {
		if (labels == 2)
			*at++ = (uint8_t)(i % 5);
		*at++ = (uint8_t)(i % 10);
		for (int p = 0; p < 3 * PLANE; p++)
			*at++ = pixel(i, p % PLANE / CIFAR_SIDE, p % CIFAR_SIDE, p / PLANE);
	}
	return (size_t)(at - out);
}

static void assert_cifar(const struct cs_dataset *data, int count, int classes, const char *name)
{
	static uint8_t rgb[3 * PLANE];

	assert_string_equal(data->ops->name, "cifar");
	assert_int_equal(data->count, count);
	assert_int_equal(data->class_count, classes);
	assert_string_equal(data->class_names[1], name);
	for (int i = 0; i < count; i += 7) {
		assert_int_equal(cs_dataset_label(data, i), i % classes);
		assert_int_equal(cs_dataset_pixels(data, i, rgb, NULL), CS_OK);
		for (int p = 0; p < PLANE; p++)
			for (int k = 0; k < 3; k++)
				assert_int_equal(rgb[3 * p + k], pixel(i, p / CIFAR_SIDE, p % CIFAR_SIDE, k));
	}
}

static void put_tar(const char *from, const char *name)
{
	struct archive *tar = archive_write_new(), *disk = archive_read_disk_new();
	struct archive_entry *entry = archive_entry_new();
	char bytes[4096];

	archive_write_add_filter_gzip(tar);
	archive_write_set_format_pax_restricted(tar);
	if (archive_write_open_filename(tar, case_path(name)) || archive_read_disk_open(disk, case_path(from)))
		abort();
	while (archive_read_next_header2(disk, entry) == ARCHIVE_OK) {
		char relative[600];
		la_ssize_t got;

		archive_read_disk_descend(disk);
		snprintf(relative, sizeof relative, "./%s", archive_entry_pathname(entry) + strlen(case_root) + 1);
		archive_entry_set_pathname(entry, relative);
		archive_write_header(tar, entry);
		if (archive_entry_filetype(entry) == AE_IFREG) {
			FILE *file = fopen(archive_entry_sourcepath(entry), "rb");

			while (file && (got = (la_ssize_t)fread(bytes, 1, sizeof bytes, file)) > 0)
				archive_write_data(tar, bytes, (size_t)got);
			fclose(file);
		}
		archive_entry_clear(entry);
	}
	archive_entry_free(entry);
	archive_read_free(disk);
	if (archive_write_free(tar) != ARCHIVE_OK)
		abort();
}

static void cifar_10_opens_as_folder_file_and_published_tar(void **state)
{
	static uint8_t bytes[CIFAR_N * (3 * PLANE + 2)];
	struct cs_dataset *data;

	(void)state;
	for (int i = 1; i <= 3; i++) {
		char name[60];

		snprintf(name, sizeof name, "cifar-10-batches-bin/data_batch_%d.bin", i);
		put(name, bytes, cifar_records(bytes, (i - 1) * CIFAR_N, 1));
	}
	put("cifar-10-batches-bin/test_batch.bin", bytes, cifar_records(bytes, 3 * CIFAR_N, 1));
	case_text("cifar-10-batches-bin/batches.meta.txt",
		"airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n");
	case_text("cifar-10-batches-bin/readme.html", "<html>");
	put_tar("cifar-10-batches-bin", "cifar-10-binary.tar.gz");
	for (int i = 0; i < 2; i++) {
		data = case_open(case_path(i ? "cifar-10-binary.tar.gz" : "cifar-10-batches-bin"), NULL);
		assert_cifar(data, 4 * CIFAR_N, 10, "automobile");
		assert_int_equal(data->split[CS_SPLIT_TEST].count, CIFAR_N);
		assert_int_equal(data->split[CS_SPLIT_TEST].images[0], 3 * CIFAR_N);
		cs_dataset_close(data);
	}
	data = case_open(case_path("cifar-10-batches-bin/data_batch_1.bin"), NULL);
	assert_cifar(data, CIFAR_N, 10, "automobile");
	cs_dataset_close(data);
}

static void cifar_100_has_fine_and_coarse_labels(void **state)
{
	static uint8_t bytes[CIFAR_N * (3 * PLANE + 2)];
	char spec[400];
	struct cs_dataset *data;

	(void)state;
	put("cifar-100-binary/train.bin", bytes, cifar_records(bytes, 0, 2));
	put("cifar-100-binary/test.bin", bytes, cifar_records(bytes, CIFAR_N, 2));
	data = case_open(case_path("cifar-100-binary"), NULL);
	assert_cifar(data, 2 * CIFAR_N, 10, "1");
	cs_dataset_close(data);
	snprintf(spec, sizeof spec, "%s:labels=coarse", case_path("cifar-100-binary"));
	data = case_open(spec, NULL);
	assert_cifar(data, 2 * CIFAR_N, 5, "1");
	cs_dataset_close(data);
}

static void a_tar_of_class_folders_is_what_it_was_packed_from(void **state)
{
	struct cs_dataset *folder, *tar;
	uint8_t a[8 * 8 * 3], b[8 * 8 * 3];

	(void)state;
	case_classes("pets/train", 2, 12, 8);
	case_classes("pets/val", 2, 4, 8);
	put_tar("pets", "pets.tgz");
	folder = case_open(case_path("pets"), NULL);
	tar = case_open(case_path("pets.tgz"), NULL);
	assert_string_equal(tar->ops->name, "folder");
	assert_int_equal(tar->count, folder->count);
	assert_int_equal(tar->split[CS_SPLIT_VAL].count, 8);
	for (int64_t i = 0; i < tar->count; i++) {
		assert_int_equal(cs_dataset_pixels(folder, i, a, NULL), CS_OK);
		assert_int_equal(cs_dataset_pixels(tar, i, b, NULL), CS_OK);
		assert_memory_equal(a, b, sizeof a);
		assert_int_equal(cs_dataset_label(tar, i), cs_dataset_label(folder, i));
	}
	cs_dataset_close(folder);
	cs_dataset_close(tar);
	case_truncate("pets.tgz", 0.7);
	assert_true(*case_refused(case_path("pets.tgz"), NULL));
}

static void add_to_tar(
	struct archive *tar, const char *name, unsigned kind, const char *target, const void *bytes, size_t size)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, name);
	archive_entry_set_filetype(entry, kind);
	archive_entry_set_perm(entry, 0644);
	archive_entry_set_size(entry, (la_int64_t)size);
	if (target && kind == AE_IFLNK)
		archive_entry_set_symlink(entry, target);
	else if (target)
		archive_entry_set_hardlink(entry, target);
	if (archive_write_header(tar, entry) < ARCHIVE_WARN)
		abort();
	if (size)
		archive_write_data(tar, bytes, size);
	archive_entry_free(entry);
}

static void nothing_in_a_tar_reaches_outside(void **state)
{
	struct archive *tar = archive_write_new();
	struct cs_dataset *data;
	char *png = NULL;
	size_t size = 0;
	struct cs_picture picture;

	(void)state;
	assert_int_equal(cs_picture_init(&picture, 8, 8, NULL), CS_OK);
	assert_int_equal(cs_picture_encode(&picture, NULL, &png, &size, NULL), CS_OK);
	cs_picture_fini(&picture);
	archive_write_set_format_pax(tar);
	assert_int_equal(archive_write_open_filename(tar, case_path("evil.tar")), ARCHIVE_OK);
	for (int i = 0; i < 20; i++) {
		char name[40];

		snprintf(name, sizeof name, "%c/%d.png", 'a' + i % 2, i);
		add_to_tar(tar, name, AE_IFREG, NULL, png, size);
	}
	add_to_tar(tar, "../climbs/1.png", AE_IFREG, NULL, png, size);
	add_to_tar(tar, "a/../../climbs/2.png", AE_IFREG, NULL, png, size);
	add_to_tar(tar, "/absolute/1.png", AE_IFREG, NULL, png, size);
	add_to_tar(tar, "a/link.png", AE_IFLNK, "/etc/passwd", NULL, 0);
	add_to_tar(tar, "a/hard.png", AE_IFREG, "/etc/passwd", NULL, 0);
	add_to_tar(tar, "a/device.png", AE_IFCHR, NULL, NULL, 0);
	add_to_tar(tar, "a/pipe.png", AE_IFIFO, NULL, NULL, 0);
	assert_int_equal(archive_write_free(tar), ARCHIVE_OK);
	data = case_open(case_path("evil.tar"), NULL);
	assert_int_equal(data->count, 20);
	assert_int_equal(data->skipped, 0);
	assert_int_equal(data->class_count, 2);
	cs_dataset_close(data);
	cs_free(png);
}

static void every_source_is_exported_and_read_back_bit_for_bit(void **state)
{
	static const char *const specs[] = {"plain", "grey.npz", "cifar", "pets"};

	(void)state;
	idx_set("plain/", "t10k", 0, false, put, "");
	images_npy("<f4", true, true, 1.0 / 255);
	labels_npy(1, "<i4");
	put_npz("grey.npz", true, xy);
	{
		static uint8_t bytes[CIFAR_N * (3 * PLANE + 2)];

		put("cifar/data_batch_1.bin", bytes, cifar_records(bytes, 0, 1));
	}
	case_classes("pets", 3, 7, 8);
	for (size_t s = 0; s < sizeof specs / sizeof *specs; s++) {
		struct cs_dataset *data = case_open(case_path(specs[s]), NULL), *again;
		size_t size = (size_t)data->width * (size_t)data->height * 3;
		uint8_t *a = malloc(size), *b = malloc(size);
		struct cs_error error;

		assert_int_equal(cs_dataset_export(data, case_path("export.h5"), NULL, &error), CS_OK);
		again = case_open(case_path("export.h5"), NULL);
		assert_int_equal(again->count, data->count);
		assert_int_equal(again->class_count, data->class_count);
		for (int64_t i = 0; i < data->count; i++) {
			struct cs_sample one, other;

			assert_int_equal(cs_dataset_pixels(data, i, a, NULL), CS_OK);
			assert_int_equal(cs_dataset_pixels(again, i, b, NULL), CS_OK);
			assert_memory_equal(a, b, size);
			cs_dataset_sample(data, i, &one);
			cs_dataset_sample(again, i, &other);
			assert_int_equal(one.label, other.label);
			assert_string_equal(one.name, other.name);
		}
		for (int kind = 0; kind < CS_SPLIT_COUNT; kind++) {
			assert_int_equal(again->split[kind].count, data->split[kind].count);
			if (data->split[kind].count)
				assert_memory_equal(again->split[kind].images, data->split[kind].images,
					(size_t)data->split[kind].count * sizeof(int64_t));
		}
		cs_dataset_close(data);
		cs_dataset_close(again);
		free(a);
		free(b);
	}
}

static void what_is_no_file_is_no_data_set(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(case_path("pipe.npz"), 0600), 0);
	assert_true(*case_refused(case_path("pipe.npz"), NULL)); /* and does not wait for a writer */
	assert_true(*case_refused("/dev/null", NULL));
	assert_true(*case_refused("/dev/zero", NULL));
	assert_int_equal(symlink("loop", case_path("loop")), 0);
	assert_true(*case_refused(case_path("loop"), NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(mnist_opens_plain_or_packed_by_folder_or_file, case_begin, case_end),
		cmocka_unit_test_setup_teardown(emnist_is_turned_and_named_and_chosen_by_file, case_begin, case_end),
		cmocka_unit_test_setup_teardown(idx_files_that_lie_are_refused, case_begin, case_end),
		cmocka_unit_test_setup_teardown(cifar_10_opens_as_folder_file_and_published_tar, case_begin, case_end),
		cmocka_unit_test_setup_teardown(cifar_100_has_fine_and_coarse_labels, case_begin, case_end),
		cmocka_unit_test_setup_teardown(
			a_tar_of_class_folders_is_what_it_was_packed_from, case_begin, case_end),
		cmocka_unit_test_setup_teardown(nothing_in_a_tar_reaches_outside, case_begin, case_end),
		cmocka_unit_test_setup_teardown(
			every_source_is_exported_and_read_back_bit_for_bit, case_begin, case_end),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_no_data_set, case_begin, case_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
