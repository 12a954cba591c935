/* test_h5.c: HDF5 tensors, tables, text and live reading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "h5_case.h"

#include "core/alloc.h"
#include "io/file.h"
#include "io/h5_save.h"

#include <hdf5.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct cs_h5 *make(void)
{
	struct cs_h5 *file;

	OK(cs_h5_open(path, CS_H5_CREATE, &file, &error));
	return file;
}

static struct cs_h5 *reopen(struct cs_h5 *file)
{
	OK(cs_h5_close(file, &error));
	OK(cs_h5_open(path, CS_H5_READ, &file, &error));
	return file;
}

static void tensors_come_back_bit_for_bit(void **state)
{
	struct cs_h5 *file = make();
	struct cs_tensor out, back = {0}, scalar, empty;
	struct cs_shape shape;
	float rows[2 * 6];
	char kind;

	(void)state;
	OK(cs_tensor_init(&out, CS_SHAPE(5, 3, 2), &error));
	for (int i = 0; i < 30; i++)
		out.data[i] = i == 7 ? NAN : i == 8 ? -INFINITY : (float)i / 3;
	OK(cs_h5_write_tensor(file, "/a/b/c", &out, &error));
	OK(cs_tensor_init(&scalar, (struct cs_shape){0}, &error));
	scalar.data[0] = 4.5f;
	OK(cs_h5_write_tensor(file, "/scalar", &scalar, &error));
	OK(cs_tensor_init(&empty, CS_SHAPE(0, 4), &error));
	OK(cs_h5_write_tensor(file, "/empty", &empty, &error));
	file = reopen(file);
	OK(cs_h5_info(file, "/a/b/c", &shape, &kind, &error));
	assert_true(cs_shape_equal(&shape, &out.shape));
	assert_int_equal(kind, 'f');
	OK(cs_h5_read_tensor(file, "/a/b/c", 30, &back, &error));
	assert_memory_equal(out.data, back.data, 30 * sizeof(float));
	cs_tensor_fini(&back);
	OK(cs_h5_read_rows(file, "/a/b/c", 3, 2, rows, &error));
	assert_memory_equal(rows, out.data + 18, sizeof rows);
	OK(cs_h5_read_rows(file, "/a/b/c", 5, 0, rows, &error));
	assert_int_equal(cs_h5_read_rows(file, "/a/b/c", 4, 2, rows, &error), CS_ERR_ARGUMENT);
	assert_int_equal(cs_h5_read_rows(file, "/a/b/c", -1, 2, rows, &error), CS_ERR_ARGUMENT);
	assert_int_equal(cs_h5_read_rows(file, "/a/b/c", 1, INT64_MAX, rows, &error), CS_ERR_ARGUMENT);
	assert_int_equal(cs_h5_read_tensor(file, "/a/b/c", 29, &back, &error), CS_ERR_MEMORY);
	assert_int_equal(cs_h5_read_tensor(file, "/a/b", 30, &back, &error), CS_ERR_FORMAT);
	assert_int_equal(cs_h5_read_tensor(file, "/a/x", 30, &back, &error), CS_ERR_NOT_FOUND);
	OK(cs_h5_read_tensor(file, "/scalar", 1, &back, &error));
	assert_int_equal(back.shape.rank, 0);
	assert_true(back.data[0] == 4.5f);
	cs_tensor_fini(&back);
	OK(cs_h5_read_tensor(file, "/empty", 0, &back, &error));
	assert_int_equal(back.shape.dim[1], 4);
	cs_tensor_fini(&back);
	OK(cs_h5_close(file, &error));
	cs_tensor_fini(&out);
	cs_tensor_fini(&scalar);
	cs_tensor_fini(&empty);
}

static void arrays_keep_their_type(void **state)
{
	static const int64_t big[3] = {INT64_MIN, 0, INT64_MAX};
	static const uint8_t bytes[4] = {0, 1, 128, 255};
	static const double fine[2] = {0.1, 1e300};
	struct cs_h5 *file = make();
	struct cs_shape shape;
	void *back = NULL;

	(void)state;
	OK(cs_h5_write_array(file, "/big", CS_H5_I64, CS_SHAPE(3), big, &error));
	OK(cs_h5_write_array(file, "/bytes", CS_H5_U8, CS_SHAPE(2, 2), bytes, &error));
	OK(cs_h5_write_array(file, "/fine", CS_H5_F64, CS_SHAPE(2), fine, &error));
	OK(cs_h5_write_array(file, "/fine", CS_H5_F64, CS_SHAPE(2), fine, &error)); /* again: replaced */
	file = reopen(file);
	OK(cs_h5_read_array(file, "/big", CS_H5_I64, 3, &back, &shape, &error));
	assert_memory_equal(back, big, sizeof big);
	cs_free(back);
	OK(cs_h5_read_array(file, "/bytes", CS_H5_U8, 4, &back, &shape, &error));
	assert_memory_equal(back, bytes, sizeof bytes);
	assert_int_equal(shape.rank, 2);
	cs_free(back);
	OK(cs_h5_read_array(file, "/fine", CS_H5_F64, 2, &back, NULL, &error));
	assert_memory_equal(back, fine, sizeof fine);
	cs_free(back);
	back = NULL;
	assert_int_equal(cs_h5_read_array(file, "/fine", CS_H5_I32, 2, &back, NULL, &error), CS_ERR_FORMAT);
	assert_int_equal(cs_h5_read_array(file, "/bytes", CS_H5_U8, 3, &back, NULL, &error), CS_ERR_MEMORY);
	assert_null(back);
	OK(cs_h5_close(file, &error));
}

static void equal_data_makes_equal_files(void **state)
{
	char *first = NULL, *second = NULL;
	size_t first_size = 0, second_size = 0;

	(void)state;
	for (int round = 0; round < 2; round++) {
		static const double number = 3;
		struct cs_h5 *file = make();

		OK(cs_h5_write_array(file, "/group/x", CS_H5_F64, CS_SHAPE(1), &number, &error));
		OK(cs_h5_write_string(file, "/", "name", "value", &error));
		OK(cs_h5_make_growing(file, "/table", CS_H5_F64, 3, &error));
		OK(cs_h5_close(file, &error));
		if (round == 0)
			sleep(1); /* a time stamp would differ */
		OK(cs_file_read(path, 1 << 24, round ? &second : &first, round ? &second_size : &first_size, &error));
	}
	assert_int_equal(first_size, second_size);
	assert_memory_equal(first, second, first_size);
	cs_free(first);
	cs_free(second);
}

static void names_are_listed_in_order(void **state)
{
	struct cs_h5 *file = make();
	char **names = NULL;
	int count = 0;

	(void)state;
	for (int i = 99; i >= 0; i--) {
		char name[32];

		snprintf(name, sizeof name, "/g/n%02d", i);
		OK(cs_h5_make_group(file, name, &error));
	}
	file = reopen(file);
	OK(cs_h5_list(file, "/g", &names, &count, &error));
	assert_int_equal(count, 100);
	for (int i = 0; i < 100; i++) {
		char name[32];

		snprintf(name, sizeof name, "n%02d", i);
		assert_string_equal(names[i], name);
	}
	assert_null(names[100]);
	cs_free(names);
	OK(cs_h5_list(file, "/g/n00", &names, &count, &error));
	assert_int_equal(count, 0);
	assert_null(names[0]);
	cs_free(names);
	assert_int_equal(cs_h5_list(file, "/x", &names, &count, &error), CS_ERR_NOT_FOUND);
	assert_true(cs_h5_exists(file, "/"));
	assert_true(cs_h5_is_group(file, "/"));
	assert_true(cs_h5_is_group(file, "/g/n50"));
	assert_false(cs_h5_exists(file, "/g/n50/deeper/still"));
	OK(cs_h5_close(file, &error));
}

static void text_of_our_own_comes_back(void **state)
{
	static const char *const list[] = {"kernel:0", "", "bi\xc3\xa4s", NULL};
	struct cs_h5 *file = make();
	char *text = NULL, **back = NULL;
	char *large = cs_alloc(200001);
	double number = 0;
	int count = -1;

	(void)state;
	memset(large, 'x', 200000);
	large[200000] = '\0';
	OK(cs_h5_write_string(file, "/", "model_config", large, &error));
	OK(cs_h5_write_string(file, "/", "empty", "", &error));
	OK(cs_h5_write_string(file, "/text", NULL, "a data set", &error));
	OK(cs_h5_write_strings(file, "/layer", "weight_names", list, 3, &error));
	OK(cs_h5_write_strings(file, "/layer", "none", list, 0, &error));
	OK(cs_h5_write_strings(file, "/words", NULL, list, 3, &error));
	OK(cs_h5_write_number(file, "/layer", "epoch", 12.25, &error));
	OK(cs_h5_write_number(file, "/layer", "epoch", 13.25, &error));
	file = reopen(file);
	OK(cs_h5_read_string(file, "/", "model_config", &text, &error));
	assert_string_equal(text, large);
	cs_free(text);
	cs_free(large);
	OK(cs_h5_read_string(file, "/", "empty", &text, &error));
	assert_string_equal(text, "");
	cs_free(text);
	OK(cs_h5_read_string(file, "/text", NULL, &text, &error));
	assert_string_equal(text, "a data set");
	cs_free(text);
	for (int round = 0; round < 2; round++) {
		OK(cs_h5_read_strings(
			file, round ? "/words" : "/layer", round ? NULL : "weight_names", &back, &count, &error));
		assert_int_equal(count, 3);
		for (int i = 0; i < 3; i++)
			assert_string_equal(back[i], list[i]);
		assert_null(back[3]);
		cs_free(back);
	}
	OK(cs_h5_read_strings(file, "/layer", "none", &back, &count, &error));
	assert_int_equal(count, 0);
	assert_null(back[0]);
	cs_free(back);
	OK(cs_h5_read_number(file, "/layer", "epoch", &number, &error));
	assert_true(number == 13.25);
	assert_true(cs_h5_has_attribute(file, "/layer", "epoch"));
	assert_false(cs_h5_has_attribute(file, "/layer", "epoc"));
	assert_false(cs_h5_has_attribute(file, "/lay", "epoch"));
	assert_int_equal(cs_h5_read_string(file, "/layer", "epoch", &text, &error), CS_ERR_FORMAT);
	assert_int_equal(cs_h5_read_number(file, "/", "empty", &number, &error), CS_ERR_FORMAT);
	assert_int_equal(cs_h5_read_string(file, "/", "nothing", &text, &error), CS_ERR_NOT_FOUND);
	OK(cs_h5_close(file, &error));
}

static void a_list_over_64_kib_fits_an_attribute(void **state)
{
	enum { COUNT = 5000 };
	static const char *list[COUNT];
	static char names[COUNT][32];
	struct cs_h5 *file = make();
	char **back = NULL;
	int count = 0;

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		snprintf(names[i], sizeof names[i], "a_rather_long_name_%d", i);
		list[i] = names[i];
	}
	OK(cs_h5_write_strings(file, "/", "layer_names", list, COUNT, &error));
	OK(cs_h5_write_strings(file, "/model_weights", "layer_names", list, COUNT, &error));
	file = reopen(file);
	OK(cs_h5_read_strings(file, "/model_weights", "layer_names", &back, &count, &error));
	assert_int_equal(count, COUNT);
	assert_string_equal(back[COUNT - 1], names[COUNT - 1]);
	cs_free(back);
	OK(cs_h5_close(file, &error));
}

/* The first bytes of the file at `path`, as a file without a name. */
static int nameless_copy(size_t most)
{
	int copy = memfd_create("copy", MFD_CLOEXEC);
	char *bytes = NULL;
	size_t size = 0;

	OK(cs_file_read(path, 1 << 24, &bytes, &size, &error));
	size = size < most ? size : most;
	assert_int_equal(write(copy, bytes, size), size);
	cs_free(bytes);
	return copy;
}

static void open_files_are_read_through_their_descriptors(void **state)
{
	struct cs_h5 *file = make(), *one, *two;
	int first, second, damaged;
	char *text = NULL;

	(void)state;
	OK(cs_h5_write_string(file, "/", "who", "one", &error));
	OK(cs_h5_close(file, &error));
	first = nameless_copy(SIZE_MAX);
	OK(cs_h5_open_descriptor(first, "model.weights.h5", &one, &error));
	file = make();
	OK(cs_h5_write_string(file, "/", "who", "two", &error));
	OK(cs_h5_close(file, &error));
	second = nameless_copy(SIZE_MAX);
	/* The same name must not make them one file. */
	OK(cs_h5_open_descriptor(second, "model.weights.h5", &two, &error));
	OK(cs_h5_read_string(one, "/", "who", &text, &error));
	assert_string_equal(text, "one");
	cs_free(text);
	OK(cs_h5_read_string(two, "/", "who", &text, &error));
	assert_string_equal(text, "two");
	cs_free(text);
	OK(cs_h5_close(one, &error));
	OK(cs_h5_close(two, &error));
	close(first);
	close(second);
	for (size_t i = 0; i < 2; i++) {
		damaged = nameless_copy(i ? 7 : 512);
		assert_int_equal(cs_h5_open_descriptor(damaged, "damaged", &one, &error), CS_ERR_FORMAT);
		close(damaged);
	}
}

/* The writer is another process, as when the browser follows a run. */
static void write_live(int ready, int go)
{
	struct cs_h5 *file;
	struct cs_error mine;
	double row[3] = {0, 0, 0};
	char byte;

	if (cs_h5_open(path, CS_H5_CREATE_SWMR, &file, &mine) != CS_OK ||
		cs_h5_make_growing(file, "/epochs", CS_H5_F64, 3, &mine) != CS_OK ||
		cs_h5_make_growing(file, "/steps", CS_H5_I64, 0, &mine) != CS_OK ||
		cs_h5_start_swmr(file, &mine) != CS_OK)
		_exit(1);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 100; i++) {
			int64_t step = round * 100 + i;

			row[0] = (double)step;
			if (cs_h5_append(file, "/epochs", CS_H5_F64, row, 1, &mine) != CS_OK ||
				cs_h5_append(file, "/steps", CS_H5_I64, &step, 1, &mine) != CS_OK)
				_exit(2);
		}
		if (cs_h5_flush(file, &mine) != CS_OK || write(ready, "r", 1) != 1 || read(go, &byte, 1) != 1)
			_exit(3);
	}
	_exit(0); /* killed, in effect: the file is never closed */
}

static void a_live_file_is_followed_and_outlives_its_writer(void **state)
{
	struct cs_h5 *file = NULL;
	struct cs_tensor tensor = {0};
	int ready[2], go[2], status;
	char byte;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	child = fork();
	if (child == 0)
		write_live(ready[1], go[0]);
	for (int round = 0; round < 5; round++) {
		assert_int_equal(read(ready[0], &byte, 1), 1);
		if (!file)
			OK(cs_h5_open(path, CS_H5_READ_SWMR, &file, &error));
		OK(cs_h5_refresh(file, "/epochs", &error));
		OK(cs_h5_refresh(file, "/steps", &error));
		OK(cs_h5_read_tensor(file, "/epochs", 100000, &tensor, &error));
		assert_int_equal(tensor.shape.dim[0], 100 * (round + 1));
		for (int i = 0; i < 100 * (round + 1); i++)
			assert_true(tensor.data[3 * i] == (float)i);
		cs_tensor_fini(&tensor);
		OK(cs_h5_read_tensor(file, "/steps", 100000, &tensor, &error));
		assert_int_equal(tensor.shape.rank, 1);
		assert_int_equal(tensor.shape.dim[0], 100 * (round + 1));
		cs_tensor_fini(&tensor);
		assert_int_equal(write(go[1], "g", 1), 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	OK(cs_h5_close(file, &error));
	/* What a killed writer leaves cannot be opened as usual, which is said, but can be read live. */
	assert_int_not_equal(cs_h5_open(path, CS_H5_READ, &file, &error), CS_OK);
	OK(cs_h5_open(path, CS_H5_READ_SWMR, &file, &error));
	OK(cs_h5_read_tensor(file, "/epochs", 100000, &tensor, &error));
	assert_int_equal(tensor.shape.dim[0], 500);
	cs_tensor_fini(&tensor);
	OK(cs_h5_close(file, &error));
	close(ready[0]);
	close(ready[1]);
	close(go[0]);
	close(go[1]);
}

static void failed_allocations_are_errors(void **state)
{
	struct cs_h5 *file = make();
	static const double numbers[100];
	static const char *const list[] = {"a", "b"};
	long nth;

	(void)state;
	OK(cs_h5_write_array(file, "/x", CS_H5_F64, CS_SHAPE(100), numbers, &error));
	OK(cs_h5_write_strings(file, "/", "names", list, 2, &error));
	OK(cs_h5_close(file, &error));
	for (nth = 1; nth < 50; nth++) {
		struct cs_tensor tensor = {0};
		enum cs_status status;
		char **names = NULL, **back = NULL;
		int count;

		file = NULL;
		cs_alloc_fail_after(nth);
		status = cs_h5_open(path, CS_H5_READ, &file, &error);
		if (status == CS_OK)
			status = cs_h5_read_tensor(file, "/x", 100, &tensor, &error);
		if (status == CS_OK)
			status = cs_h5_list(file, "/", &names, &count, &error);
		if (status == CS_OK)
			status = cs_h5_read_strings(file, "/", "names", &back, &count, &error);
		cs_alloc_fail_after(0);
		cs_h5_close(file, &error);
		cs_tensor_fini(&tensor);
		cs_free(names);
		cs_free(back);
		if (status == CS_OK)
			break;
		assert_int_equal(status, CS_ERR_MEMORY);
	}
	assert_in_range(nth, 6, 30);
}

static void *read_again_and_again(void *context)
{
	for (int i = 0; i < 200; i++) {
		struct cs_tensor tensor = {0};
		struct cs_error mine;

		if (cs_h5_read_tensor(context, "/x", 1000, &tensor, &mine) != CS_OK || tensor.data[999] != 999)
			return (void *)1;
		cs_tensor_fini(&tensor);
		if (cs_h5_read_tensor(context, "/y", 1000, &tensor, &mine) != CS_ERR_NOT_FOUND)
			return (void *)1;
	}
	return NULL;
}

static void threads_may_share_a_file(void **state)
{
	struct cs_h5 *file = make();
	int32_t numbers[1000];
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 1000; i++)
		numbers[i] = i;
	OK(cs_h5_write_array(file, "/x", CS_H5_I32, CS_SHAPE(1000), numbers, &error));
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_again_and_again, file), 0);
	for (int i = 0; i < 4; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	OK(cs_h5_close(file, &error));
}

static enum cs_status fill(struct cs_h5 *file, void *context, struct cs_error *why)
{
	return cs_h5_write_tensor(file, "/x", context, why);
}

/* A full disk, played by a limit on the size of files: the line names the file that was wanted and what the system says, and no more. */
static void a_full_disk_is_told_in_plain_words(void **state)
{
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (child == 0) {
		struct rlimit limit = {20000, 20000};
		struct cs_tensor tensor;
		char wanted[300];

		signal(SIGXFSZ, SIG_IGN);
		if (cs_tensor_init(&tensor, CS_SHAPE(100, 100), NULL) || setrlimit(RLIMIT_FSIZE, &limit))
			_exit(2);
		cs_h5_save(path, fill, &tensor, &error);
		snprintf(wanted, sizeof wanted, "'%s': cannot write '/x': File too large", path);
		if (strcmp(error.message, wanted) != 0)
			fprintf(stderr, "%s\n", error.message);
		_exit(strcmp(error.message, wanted) != 0);
	}
	waitpid(child, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_live_file_is_followed_and_outlives_its_writer), /* forks: before any thread */
		cmocka_unit_test(a_full_disk_is_told_in_plain_words), /* forks, too */
		cmocka_unit_test(tensors_come_back_bit_for_bit),
		cmocka_unit_test(arrays_keep_their_type),
		cmocka_unit_test(equal_data_makes_equal_files),
		cmocka_unit_test(names_are_listed_in_order),
		cmocka_unit_test(text_of_our_own_comes_back),
		cmocka_unit_test(a_list_over_64_kib_fits_an_attribute),
		cmocka_unit_test(open_files_are_read_through_their_descriptors),
		cmocka_unit_test(failed_allocations_are_errors),
		cmocka_unit_test(threads_may_share_a_file),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
