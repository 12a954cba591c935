/* test_guard.c: files read by the helper say what they say when read directly, and whatever becomes of the helper is one error.
 *
 * The helper is $CONVSCOPE_READER, or stands in the build directory. For the tests of a helper that lies this program is its own
 * helper: started with LIE in its environment it answers as that says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/alloc.h"
#include "io/guard.h"
#include "io/h5.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char directory[] = "/tmp/convscope-guard-XXXXXX";
static char reader[PATH_MAX];

static struct cs_error error;

#define OK(call) \
	do { \
		if ((call) != CS_OK) \
			fail_msg("%s: %s", #call, error.message); \
	} while (0)

static const char *in_directory(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

/* Start every test with the real helper; skip where there is none. */
static void need_reader(void)
{
	if (access(reader, X_OK)) {
		print_message("skipped: no convscope-reader (set CONVSCOPE_READER or CS_BUILD_DIR)\n");
		skip();
	}
	setenv("CONVSCOPE_READER", reader, 1);
}

static void write_sample(const char *path)
{
	static const char *const names[] = {"conv", "", "d\xc3\xa9j\xc3\xa0"};
	const int64_t integers[] = {INT64_MIN, -1, INT64_MAX};
	const double doubles[] = {0.1, 1e300};
	const uint8_t bytes[] = {0, 255, 7, 1};
	struct cs_tensor tensor = {0};
	struct cs_h5 *file;

	OK(cs_h5_open(path, CS_H5_CREATE, &file, &error));
	OK(cs_tensor_init(&tensor, CS_SHAPE(5, 4, 3, 2), &error));
	for (int i = 0; i < 120; i++)
		tensor.data[i] = (float)i / 7 - 3;
	OK(cs_h5_write_tensor(file, "/a/kernel", &tensor, &error));
	OK(cs_h5_write_array(file, "/a/integers", CS_H5_I64, CS_SHAPE(3), integers, &error));
	OK(cs_h5_write_array(file, "/a/doubles", CS_H5_F64, CS_SHAPE(2), doubles, &error));
	OK(cs_h5_write_array(file, "/a/bytes", CS_H5_U8, CS_SHAPE(2, 2), bytes, &error));
	OK(cs_h5_write_array(file, "/a/scalar", CS_H5_F32, (struct cs_shape){0}, tensor.data + 9, &error));
	OK(cs_h5_write_array(file, "/a/none", CS_H5_F32, CS_SHAPE(0), tensor.data, &error));
	OK(cs_h5_make_growing(file, "/a/table", CS_H5_F32, 2, &error));
	OK(cs_h5_append(file, "/a/table", CS_H5_F32, tensor.data, 60, &error));
	OK(cs_h5_write_string(file, "/", "model_config", "{\"class\": \"Sequential\"}", &error));
	OK(cs_h5_write_string(file, "/text", NULL, "", &error));
	OK(cs_h5_write_strings(file, "/a", "names", names, 3, &error));
	OK(cs_h5_write_strings(file, "/a", "nothing", names, 0, &error));
	OK(cs_h5_write_strings(file, "/list", NULL, names, 3, &error));
	OK(cs_h5_write_number(file, "/a", "number", -0.1, &error));
	OK(cs_h5_close(file, &error));
	cs_tensor_fini(&tensor);
}

static void same_list(char **a, int a_count, char **b, int b_count)
{
	assert_int_equal(a_count, b_count);
	for (int i = 0; i < a_count; i++)
		assert_string_equal(a[i], b[i]);
	assert_null(b[b_count]);
	cs_free(a);
	cs_free(b);
}

static void compare(struct cs_h5 *plain, struct cs_h5 *guarded)
{
	static const char *const data[] = {"/a/kernel", "/a/integers", "/a/doubles", "/a/bytes", "/a/scalar", "/a/none",
		"/a/table", "/text", "/list", "/a", "/", "/no", "/a/no/further"};
	static const char *const attributes[][2] = {{"/", "model_config"}, {"/a", "names"}, {"/a", "nothing"},
		{"/a", "number"}, {"/a", "no"}, {"/no", "no"}};
	char *text[2], **list[2], kind[2];
	int count[2];
	double number[2];

	for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
		struct cs_tensor tensor[2] = {{{0}, NULL, false}, {{0}, NULL, false}};
		struct cs_shape shape[2] = {{0}, {0}};
		enum cs_status status = cs_h5_info(plain, data[i], &shape[0], &kind[0], &error);

		assert_int_equal(cs_h5_exists(plain, data[i]), cs_h5_exists(guarded, data[i]));
		assert_int_equal(cs_h5_is_group(plain, data[i]), cs_h5_is_group(guarded, data[i]));
		assert_int_equal(cs_h5_info(guarded, data[i], &shape[1], &kind[1], &error), status);
		if (!status) {
			assert_true(cs_shape_equal(&shape[0], &shape[1]));
			assert_int_equal(kind[0], kind[1]);
		}
		status = cs_h5_read_tensor(plain, data[i], 1000, &tensor[0], &error);
		assert_int_equal(cs_h5_read_tensor(guarded, data[i], 1000, &tensor[1], &error), status);
		if (!status) {
			assert_true(cs_shape_equal(&tensor[0].shape, &tensor[1].shape));
			assert_memory_equal(
				tensor[0].data, tensor[1].data, (size_t)cs_tensor_count(&tensor[0]) * sizeof(float));
		}
		for (int k = 0; k < 2; k++)
			cs_tensor_fini(&tensor[k]);
		for (int type = CS_H5_U8; type <= CS_H5_F64; type++) {
			void *array[2] = {NULL, NULL};

			status = cs_h5_read_array(
				plain, data[i], (enum cs_h5_type)type, 1000, &array[0], &shape[0], &error);
			assert_int_equal(cs_h5_read_array(guarded, data[i], (enum cs_h5_type)type, 1000, &array[1],
						 &shape[1], &error),
				status);
			if (!status) {
				assert_true(cs_shape_equal(&shape[0], &shape[1]));
				assert_memory_equal(array[0], array[1],
					(size_t)cs_shape_count(&shape[0]) *
						(type == CS_H5_U8                                        ? 1
								: type == CS_H5_I32 || type == CS_H5_F32 ? 4
													 : 8));
				cs_free(array[0]);
				cs_free(array[1]);
			}
		}
		status = cs_h5_read_string(plain, data[i], NULL, &text[0], &error);
		assert_int_equal(cs_h5_read_string(guarded, data[i], NULL, &text[1], &error), status);
		if (!status) {
			assert_string_equal(text[0], text[1]);
			cs_free(text[0]);
			cs_free(text[1]);
		}
		status = cs_h5_list(plain, data[i], &list[0], &count[0], &error);
		assert_int_equal(cs_h5_list(guarded, data[i], &list[1], &count[1], &error), status);
		if (!status)
			same_list(list[0], count[0], list[1], count[1]);
	}
	for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
		const char *path = attributes[i][0], *name = attributes[i][1];
		enum cs_status status;

		assert_int_equal(cs_h5_has_attribute(plain, path, name), cs_h5_has_attribute(guarded, path, name));
		status = cs_h5_read_string(plain, path, name, &text[0], &error);
		assert_int_equal(cs_h5_read_string(guarded, path, name, &text[1], &error), status);
		if (!status) {
			assert_string_equal(text[0], text[1]);
			cs_free(text[0]);
			cs_free(text[1]);
		}
		status = cs_h5_read_strings(plain, path, name, &list[0], &count[0], &error);
		assert_int_equal(cs_h5_read_strings(guarded, path, name, &list[1], &count[1], &error), status);
		if (!status)
			same_list(list[0], count[0], list[1], count[1]);
		status = cs_h5_read_number(plain, path, name, &number[0], &error);
		assert_int_equal(cs_h5_read_number(guarded, path, name, &number[1], &error), status);
		if (!status)
			assert_memory_equal(&number[0], &number[1], sizeof number[0]);
	}
}

static void answers_are_those_of_a_direct_read(void **state)
{
	const char *path = in_directory("sample.h5");
	struct cs_h5 *plain, *guarded;
	int descriptor;

	(void)state;
	need_reader();
	write_sample(path);
	OK(cs_h5_open(path, CS_H5_READ, &plain, &error));
	OK(cs_h5_open_foreign(path, &guarded, &error));
	compare(plain, guarded);
	OK(cs_h5_lost(guarded, &error));
	OK(cs_h5_close(guarded, &error));

	descriptor = open(path, O_RDONLY);
	OK(cs_h5_open_foreign_descriptor(descriptor, "without a name", &guarded, &error));
	close(descriptor);
	compare(plain, guarded);
	OK(cs_h5_close(guarded, &error));
	OK(cs_h5_close(plain, &error));
}

static void rows_come_as_asked(void **state)
{
	const char *path = in_directory("rows.h5");
	struct cs_h5 *guarded;
	float rows[48];

	(void)state;
	need_reader();
	write_sample(path);
	OK(cs_h5_open_foreign(path, &guarded, &error));
	OK(cs_h5_read_rows(guarded, "/a/kernel", 3, 2, rows, &error));
	for (int i = 0; i < 48; i++)
		assert_float_equal(rows[i], (float)(72 + i) / 7 - 3, 0);
	assert_int_equal(cs_h5_read_rows(guarded, "/a/kernel", 4, 2, rows, &error), CS_ERR_ARGUMENT);
	assert_int_equal(cs_h5_read_rows(guarded, "/a/scalar", 0, 1, rows, &error), CS_ERR_ARGUMENT);
	assert_int_not_equal(cs_h5_write_number(guarded, "/a", "number", 1, &error), CS_OK);
	OK(cs_h5_close(guarded, &error));
}

/* The three ways of large tensors: float32 as it lies in the file; others in slices, the last of them shorter; and, where a row is
 * longer than a slice, whole, in a window that grows for it. */
static void large_tensors_come_whole(void **state)
{
	const int64_t plain = 9 << 18, wide = 17 << 20;
	const char *path = in_directory("large.h5");
	double *doubles = cs_alloc((size_t)plain * sizeof *doubles);
	float *floats = cs_alloc((size_t)plain * sizeof *floats);
	uint8_t *bytes = cs_alloc((size_t)wide);
	struct cs_tensor back = {0};
	struct cs_h5 *file;

	(void)state;
	need_reader();
	for (int64_t i = 0; i < plain; i++)
		floats[i] = (float)(doubles[i] = (double)(i % 8191) / 3);
	for (int64_t i = 0; i < wide; i++)
		bytes[i] = (uint8_t)(i % 251);
	OK(cs_h5_open(path, CS_H5_CREATE, &file, &error));
	OK(cs_h5_write_array(file, "/floats", CS_H5_F32, CS_SHAPE(9, 1 << 18), floats, &error));
	OK(cs_h5_write_array(file, "/doubles", CS_H5_F64, CS_SHAPE(9, 1 << 18), doubles, &error));
	OK(cs_h5_write_array(file, "/wide", CS_H5_U8, CS_SHAPE(1, wide), bytes, &error));
	OK(cs_h5_make_growing(file, "/chunks", CS_H5_F32, 1 << 10, &error));
	OK(cs_h5_append(file, "/chunks", CS_H5_F32, floats, 9 << 8, &error));
	OK(cs_h5_close(file, &error));
	OK(cs_h5_open_foreign(path, &file, &error));
	for (int i = 0; i < 3; i++) {
		const char *const names[] = {"/floats", "/doubles", "/chunks"};

		assert_int_equal(cs_h5_read_tensor(file, names[i], plain - 1, &back, &error), CS_ERR_MEMORY);
		OK(cs_h5_read_tensor(file, names[i], plain, &back, &error));
		assert_int_equal(cs_tensor_count(&back), plain);
		assert_memory_equal(floats, back.data, (size_t)plain * sizeof *floats);
		cs_tensor_fini(&back);
	}
	OK(cs_h5_read_tensor(file, "/wide", wide, &back, &error));
	for (int64_t i = 0; i < wide; i++)
		if (back.data[i] != (float)bytes[i])
			fail_msg("number %lld is %g", (long long)i, (double)back.data[i]);
	OK(cs_h5_close(file, &error));
	cs_tensor_fini(&back);
	cs_free(doubles);
	cs_free(floats);
	cs_free(bytes);
}

static void what_is_no_hdf5_is_refused(void **state)
{
	struct cs_h5 *file = NULL;
	FILE *stream;

	(void)state;
	need_reader();
	stream = fopen(in_directory("text.h5"), "w");
	fputs("this is no model", stream);
	fclose(stream);
	assert_int_equal(cs_h5_open_foreign(in_directory("text.h5"), &file, &error), CS_ERR_FORMAT);
	assert_non_null(strstr(error.message,
		"is not an HDF5 file: expected one (.h5, .hdf5) as convscope, Keras or h5py write it; name another"));
	assert_int_equal(cs_h5_open_foreign(in_directory("missing.h5"), &file, &error), CS_ERR_NOT_FOUND);
	assert_int_not_equal(cs_h5_open_foreign(directory, &file, &error), CS_OK);
	assert_int_not_equal(cs_h5_open_foreign("/dev/zero", &file, &error), CS_OK);
	assert_null(file);
}

/* A line of /proc/PID/status of the child that this process has; its value as a number. */
static int child_status(int pid, const char *field)
{
	char path[64], line[256];
	int value = -1;
	FILE *stream;

	snprintf(path, sizeof path, "/proc/%d/status", pid);
	stream = fopen(path, "r");
	while (stream && fgets(line, sizeof line, stream))
		if (!strncmp(line, field, strlen(field)))
			value = atoi(line + strlen(field));
	if (stream)
		fclose(stream);
	return value;
}

static int only_child(void)
{
	DIR *processes = opendir("/proc");
	const struct dirent *entry;
	int found = 0;

	while (processes && (entry = readdir(processes)))
		if (atoi(entry->d_name) > 0 && child_status(atoi(entry->d_name), "PPid:") == getpid())
			found = atoi(entry->d_name);
	if (processes)
		closedir(processes);
	return found;
}

static int descriptors_of(int pid)
{
	const struct dirent *entry;
	char path[64];
	int count = 0;
	DIR *folder;

	snprintf(path, sizeof path, "/proc/%d/fd", pid);
	folder = opendir(path);
	while (folder && (entry = readdir(folder)))
		count += entry->d_name[0] != '.';
	if (folder)
		closedir(folder);
	return count;
}

static void the_helper_holds_its_file_and_nothing_else(void **state)
{
	char path[PATH_MAX];
	struct cs_h5 *file;
	FILE *secret;
	int child;

	(void)state;
	need_reader();
	snprintf(path, sizeof path, "%s", in_directory("held.h5"));
	write_sample(path);
	secret = fopen(in_directory("secret"), "w"); /* without O_CLOEXEC, as a library might open it */
	OK(cs_h5_open_foreign(path, &file, &error));
	child = only_child();
	assert_true(child > 0);
	/* 0, 1, 2, the file, the socket, the window */
	assert_int_equal(descriptors_of(child), 6);
#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_int_equal(child_status(child, "Seccomp:"), 2);
	assert_int_equal(child_status(child, "NoNewPrivs:"), 1);
#endif
	OK(cs_h5_close(file, &error));
	assert_int_equal(only_child(), 0);
	fclose(secret);
}

static void a_missing_helper_is_named(void **state)
{
	struct cs_h5 *file;

	(void)state;
	write_sample(in_directory("unread.h5"));
	setenv("CONVSCOPE_READER", "/no/such/program", 1);
	assert_int_equal(cs_h5_open_foreign(in_directory("unread.h5"), &file, &error), CS_ERR_NOT_FOUND);
	assert_non_null(strstr(error.message, "/no/such/program"));
}

static void pretend(const char *lines)
{
	static char path[PATH_MAX];
	FILE *stream;

	snprintf(path, sizeof path, "%s/pretend", directory);
	unlink(path);
	stream = fopen(path, "w");
	fprintf(stream, "#!/bin/sh\n%s\n", lines);
	fclose(stream);
	chmod(path, 0755);
	setenv("CONVSCOPE_READER", path, 1);
}

static void a_helper_that_dies_is_an_error(void **state)
{
	struct cs_h5 *file;

	(void)state;
	write_sample(in_directory("dies.h5"));
	pretend("exit 7");
	assert_int_equal(cs_h5_open_foreign(in_directory("dies.h5"), &file, &error), CS_ERR_FORMAT);
	assert_non_null(strstr(error.message, "status 7"));
	pretend("kill -SEGV $$");
	assert_int_equal(cs_h5_open_foreign(in_directory("dies.h5"), &file, &error), CS_ERR_FORMAT);
	assert_non_null(strstr(error.message, "signal 11"));
	assert_int_equal(only_child(), 0);
}

static void a_helper_that_hangs_is_given_up(void **state)
{
	struct timespec before, after;
	struct cs_h5 *file;

	(void)state;
	write_sample(in_directory("hangs.h5"));
	pretend("exec sleep 60");
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(cs_h5_open_foreign(in_directory("hangs.h5"), &file, &error), CS_ERR_FORMAT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_non_null(strstr(error.message, "4 s"));
	assert_true(after.tv_sec - before.tv_sec <= 5);
	assert_int_equal(only_child(), 0);
}

/* Every answer that is not well-formed ends the helper. */
static const char *const lies[] = {
	"short", "status", "rank", "negative", "product", "room", "strings", "end", "truncate"};

static int lie(const char *what)
{
	static struct cs_guard_request request;
	struct cs_guard_reply reply = {.status = CS_OK};
	char *window = mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED, CS_GUARD_WINDOW, 0);

	send(CS_GUARD_SOCKET, &reply, sizeof reply, 0);
	if (recv(CS_GUARD_SOCKET, &request, sizeof request, 0) != sizeof request)
		return 1;
	memcpy(window, "one\0two", 8);
	reply.bytes = 8;
	reply.count = 2;
	if (!strcmp(what, "short")) {
		send(CS_GUARD_SOCKET, &reply, 10, 0);
	} else {
		if (!strcmp(what, "status"))
			reply.status = -3;
		else if (!strcmp(what, "rank"))
			reply.shape.rank = 5;
		else if (!strcmp(what, "negative"))
			reply.shape = CS_SHAPE(2, -1);
		else if (!strcmp(what, "product"))
			reply.shape = CS_SHAPE(INT64_MAX / 2, 3, 3);
		else if (!strcmp(what, "room"))
			reply.bytes = request.room + 1;
		else if (!strcmp(what, "strings"))
			reply.count = 3;
		else if (!strcmp(what, "end"))
			window[7] = 'x';
		else if (!strcmp(what, "truncate") && ftruncate(CS_GUARD_WINDOW, 0) < 0)
			reply.status = -1; /* the seal held */
		send(CS_GUARD_SOCKET, &reply, sizeof reply, 0);
	}
	while (recv(CS_GUARD_SOCKET, &request, sizeof request, 0) > 0)
		;
	return 0;
}

static void a_helper_that_lies_is_not_believed(void **state)
{
	const char *path = in_directory("lies.h5");
	struct cs_h5 *file;
	char **list;
	int count;

	(void)state;
	write_sample(path);
	setenv("CONVSCOPE_READER", "/proc/self/exe", 1);
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		struct cs_error again;

		setenv("LIE", lies[i], 1);
		OK(cs_h5_open_foreign(path, &file, &error));
		if (cs_h5_read_strings(file, "/", "x", &list, &count, &error) != CS_ERR_FORMAT ||
			!strstr(error.message, "makes no sense"))
			fail_msg("%s: %s", lies[i], error.message);
		assert_int_equal(cs_h5_lost(file, &again), CS_ERR_FORMAT);
		assert_string_equal(again.message, error.message);
		assert_false(cs_h5_exists(file, "/"));
		OK(cs_h5_close(file, &error));
	}
	/* The same answer without a lie is taken. */
	setenv("LIE", "not", 1);
	OK(cs_h5_open_foreign(path, &file, &error));
	OK(cs_h5_read_strings(file, "/", "x", &list, &count, &error));
	assert_int_equal(count, 2);
	assert_string_equal(list[1], "two");
	cs_free(list);
	OK(cs_h5_close(file, &error));
	unsetenv("LIE");
	assert_int_equal(only_child(), 0);
}

/* Two files that end libhdf5 1.10: here they end a helper. */
static void files_that_crash_the_library_are_errors(void **state)
{
	static const char *const names[] = {"09_btree_self_child.h5", "14_heap_size_max.h5"};
	const char *shared = getenv("CS_SHARED_DIR");

	(void)state;
	need_reader();
	if (!shared) {
		print_message("skipped: CS_SHARED_DIR is not set\n");
		skip();
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[PATH_MAX], **list = NULL;
		struct cs_h5 *file = NULL;
		int count;
		enum cs_status status;

		snprintf(path, sizeof path, "%s/data/malformed/%s", shared, names[i]);
		status = cs_h5_open_foreign(path, &file, &error);
		if (!status)
			status = cs_h5_list(file, "/", &list, &count, &error);
		if (!status)
			status = cs_h5_list(file, "/model_weights", &list, &count, &error);
		print_message("%s: %s\n", names[i], status ? error.message : "read");
		if (status)
			assert_null(strchr(error.message, '\n'));
		cs_free(list);
		if (file)
			OK(cs_h5_close(file, &error));
	}
	assert_int_equal(only_child(), 0);
}

static int make_directory(void **state)
{
	const char *named = getenv("CONVSCOPE_READER"), *build = getenv("CS_BUILD_DIR");

	(void)state;
	snprintf(reader, sizeof reader, "%s%s", named ? named : build ? build : ".", named ? "" : "/convscope-reader");
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	DIR *folder = opendir(directory);
	const struct dirent *entry;

	(void)state;
	while (folder && (entry = readdir(folder)))
		unlink(in_directory(entry->d_name));
	if (folder)
		closedir(folder);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_those_of_a_direct_read),
		cmocka_unit_test(rows_come_as_asked),
		cmocka_unit_test(large_tensors_come_whole),
		cmocka_unit_test(what_is_no_hdf5_is_refused),
		cmocka_unit_test(the_helper_holds_its_file_and_nothing_else),
		cmocka_unit_test(a_missing_helper_is_named),
		cmocka_unit_test(a_helper_that_dies_is_an_error),
		cmocka_unit_test(a_helper_that_hangs_is_given_up),
		cmocka_unit_test(a_helper_that_lies_is_not_believed),
		cmocka_unit_test(files_that_crash_the_library_are_errors),
	};

	if (getenv("LIE"))
		_exit(lie(getenv("LIE")));
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
