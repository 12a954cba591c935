/* Files that mean harm, made here from good ones: models, data sets, pictures, zips. Each is opened as a user's would be. It may load where what was
 * changed did not matter; else it is one sentence, in seconds, and nothing outside it is looked at.
 *
 * The changes are drawn from fixed seeds, so that a failure is the same the next time; the file that made one is kept and named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data_case.h"

#include "core/random.h"
#include "io/h5.h"
#include "model/keras.h"
#include "model/model.h"

#include <hdf5.h>
#include <limits.h>
#include <sys/resource.h>
#include <time.h>

enum { MOST = 1 << 18 };

static uint8_t good[MOST], bad[MOST];
static size_t good_size;
static int refused, taken;

/* --- judging --- */

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void put(const char *name, const void *bytes, size_t size)
{
	FILE *file = fopen(case_path(name), "wb");

	if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
		abort();
}

static void keep_good(const char *name)
{
	FILE *file = fopen(case_path(name), "rb");

	good_size = file ? fread(good, 1, sizeof good, file) : 0;
	if (!good_size || good_size == sizeof good)
		abort();
	fclose(file);
}

/* One sentence, or no error. */
static void judge(const char *what, const char *path, enum cs_status status, const struct cs_error *error)
{
	if (!status) {
		taken++;
		return;
	}
	refused++;
	if (!*error->message || strpbrk(error->message, "\n\r\t\033") || status == CS_ERR_CANCELLED)
		fail_msg("%s (%s): status %d, '%s'", what, path, (int)status, error->message);
}

static void open_model(const char *what, const char *name)
{
	struct cs_model *model = NULL;
	struct cs_error error = {0};
	enum cs_status status = cs_model_load(case_path(name), NULL, &model, &error);

	judge(what, case_path(name), status, &error);
	cs_model_free(model);
}

static void open_data(const char *what, const char *name)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_dataset *data = NULL;
	struct cs_error error = {0};
	enum cs_status status;

	options.no_cache = true;
	options.size = 8;
	status = cs_dataset_open(case_path(name), &options, NULL, &data, &error);
	judge(what, case_path(name), status, &error);
	cs_dataset_close(data);
}

static void open_picture(const char *what, const char *name)
{
	struct cs_picture picture;
	struct cs_error error = {0};
	enum cs_status status = cs_picture_load(case_path(name), &picture, &error);

	judge(what, case_path(name), status, &error);
	if (!status)
		cs_picture_fini(&picture);
}

/* --- changing --- */

static struct cs_random draw;

static size_t below(size_t count)
{
	return cs_random_below(&draw, (uint32_t)count);
}

/* The good file with bits turned, fields that lie, parts gone, doubled or moved. */
static size_t change(void)
{
	static const uint8_t lies[][8] = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, {0}, {0, 0, 0, 0x80},
		{0xff, 0xff, 0xff, 0x7f}, {1, 0, 0, 0, 0, 0, 0, 0x80}, {0, 0, 0, 0, 1}, {0x60}, {0xfe, 0xff, 0xff, 0xff}};
	size_t size = good_size;

	memcpy(bad, good, size);
	for (size_t n = below(6) + 1; n; n--) {
		size_t at = below(size), length = below(size - at < 64 ? size - at : 64) + 1;

		length = length < size - at ? length : size - at;
		switch (below(7)) {
		case 0:
		case 1:
			bad[at] ^= (uint8_t)(1u << below(8));
			break;
		case 2:
			bad[at] = (uint8_t)below(256);
			break;
		case 3:
			at &= ~(size_t)3;
			memcpy(bad + at, lies[below(8)], size - at < 8 ? size - at : below(2) ? 4 : 8);
			break;
		case 4:
			memmove(bad + below(size - length + 1), bad + at, length);
			break;
		case 5:
			if (size > 64) {
				memmove(bad + at, bad + at + length, size - at - length);
				size -= length;
			}
			break;
		default:
			if (size + length < MOST) {
				memmove(bad + at + length, bad + at, size - at);
				size += length;
			}
		}
	}
	return size;
}

/* `count` changed files, and the file cut at as many places; as long as `seconds` allow, for sanitizers are slow. */
static void try_changed(const char *name, int count, double seconds, void (*open)(const char *what, const char *name))
{
	double end = now() + seconds;
	char what[80];
	int i;

	cs_random_init(&draw, 7, CS_RANDOM_SHAPES, 0, good_size);
	refused = taken = 0;
	for (i = 0; i < count && now() < end; i++) {
		size_t size = i % 4 == 3 ? below(good_size) : change();
		double before = now();

		if (i % 4 == 3)
			memcpy(bad, good, size);
		snprintf(what, sizeof what, "change %d of %s", i, name);
		put(name, bad, size);
		open(what, name);
		if (now() - before > 15)
			fail_msg("%s took %.1f s", what, now() - before);
	}
	print_message("%s: %d changed files, %d refused\n", name, i, refused);
	assert_true(refused > 0);
}

/* --- models --- */

static const char architecture[] =
	"{\"class_name\":\"Sequential\",\"keras_version\":\"2.15.0\",\"backend\":\"tensorflow\",\"config\":{\"name\":\"s\",\"layers\":["
	"{\"class_name\":\"InputLayer\",\"config\":{\"batch_input_shape\":[null,12,12,3],\"name\":\"i\"}},"
	"{\"class_name\":\"Conv2D\",\"config\":{\"name\":\"c\",\"filters\":4,\"kernel_size\":[3,3],\"strides\":[1,1],\"padding\":\"same\","
	"\"activation\":\"relu\",\"use_bias\":true}},"
	"{\"class_name\":\"MaxPooling2D\",\"config\":{\"name\":\"p\",\"pool_size\":[2,2],\"strides\":[2,2],\"padding\":\"valid\"}},"
	"{\"class_name\":\"Flatten\",\"config\":{\"name\":\"f\"}},"
	"{\"class_name\":\"Dense\",\"config\":{\"name\":\"o\",\"units\":3,\"activation\":\"softmax\"}}]}}";

static void save_good_model(const char *name)
{
	struct cs_network *network = NULL;
	struct cs_model *model = NULL;
	struct cs_error error;

	if (cs_keras_parse(architecture, &network, &error) || cs_model_new(network, &model, &error) ||
		cs_model_write(model, case_path(name), &error))
		fail_msg("%s", error.message);
	cs_model_free(model);
}

static void need_reader(void)
{
	const char *reader = getenv("CONVSCOPE_READER");

	if (!reader || access(reader, X_OK)) {
		print_message("skipped: no convscope-reader (set CONVSCOPE_READER)\n");
		skip();
	}
}

static void changed_models_end_in_a_sentence(void **state)
{
	(void)state;
	need_reader();
	save_good_model("m.h5");
	keep_good("m.h5");
	try_changed("m.h5", 400, 20, open_model);
}

/* The architecture with one thing in it replaced. */
static void architectures_that_lie_are_refused(void **state)
{
	static const struct {
		const char *from, *to;
	} lies[] = {
		{"\"filters\":4", "\"filters\":-4"},
		{"\"filters\":4", "\"filters\":0"},
		{"\"filters\":4", "\"filters\":4.5"},
		{"\"filters\":4", "\"filters\":\"4\""},
		{"\"filters\":4", "\"filters\":[4]"},
		{"\"filters\":4", "\"filters\":{}"},
		{"\"filters\":4", "\"filters\":null"},
		{"\"filters\":4", "\"filters\":9223372036854775807"},
		{"\"filters\":4", "\"filters\":1e308"},
		{"\"filters\":4", "\"filters\":99999999999999999999999"},
		{"\"filters\":4", "\"filters\":NaN"},
		{"\"filters\":4", "\"filters\":5"},
		{"\"filters\":4", "\"filters\":5,\"filters\":4,\"filters\":6"},
		{"[3,3]", "[0,0]"},
		{"[3,3]", "[3,3,3]"},
		{"[3,3]", "[]"},
		{"[3,3]", "[1000000,1000000]"},
		{"\"strides\":[1,1]", "\"strides\":[0,1]"},
		{"\"strides\":[1,1]", "\"strides\":-1"},
		{"\"pool_size\":[2,2]", "\"pool_size\":[0,0]"},
		{"\"pool_size\":[2,2]", "\"pool_size\":[99,99]"},
		{"\"padding\":\"same\"", "\"padding\":\"\\u001b[2J\""},
		{"\"activation\":\"relu\"", "\"activation\":\"\\u001b]0;owned\\u0007\""},
		{"\"activation\":\"relu\"", "\"activation\":{}"},
		{"\"activation\":\"relu\"", "\"activation\":{\"config\":{}}"},
		{"\"name\":\"c\"", "\"name\":\"c\",\"dtype\":\"int8\""},
		{"\"name\":\"c\"", "\"name\":\"c\",\"dtype\":7"},
		{"\"activation\":\"relu\"", "\"activation\":{\"class_name\":\"Lambda\",\"config\":\"os.system('id')\"}"},
		{"[null,12,12,3]", "[null,2000000000,2000000000,3]"},
		{"[null,12,12,3]", "[null,-1,-1,3]"},
		{"[null,12,12,3]", "[null,0,0,3]"},
		{"[null,12,12,3]", "[12,3]"},
		{"[null,12,12,3]", "[null,null,null,null]"},
		{"[null,12,12,3]", "\"12x12x3\""},
		{"\"units\":3", "\"units\":2147483647"},
		{"\"units\":3", "\"units\":-2147483648"},
		{"\"class_name\":\"Flatten\"", "\"class_name\":\"Lambda\""},
		{"\"class_name\":\"Flatten\"", "\"class_name\":\"\""},
		{"\"class_name\":\"Flatten\"", "\"class_name\":7"},
		{"\"class_name\":\"Dense\"", "\"class_name\":\"../../Dense\""},
		{"\"name\":\"c\"", "\"name\":\"\\u0000\""},
		{"\"name\":\"c\"", "\"name\":\"../../../etc/passwd\""},
		{"\"name\":\"c\"", "\"name\":\"o\""},
		{"\"layers\":[", "\"layers\":[[[[[[[["},
		{"\"layers\":[", "\"layers\":{},\"x\":["},
		{"\"class_name\":\"Sequential\"", "\"class_name\":\"Functional\""},
	};

	(void)state;
	need_reader();
	save_good_model("m.h5");
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		const char *at = strstr(architecture, lies[i].from);
		struct cs_model *model = NULL;
		struct cs_error error = {0};
		struct cs_h5 *file = NULL;
		char text[4096];
		enum cs_status status;

		assert_non_null(at);
		snprintf(text, sizeof text, "%.*s%s%s", (int)(at - architecture), architecture, lies[i].to,
			at + strlen(lies[i].from));
		assert_int_equal(cs_h5_open(case_path("m.h5"), CS_H5_WRITE, &file, &error), CS_OK);
		assert_int_equal(cs_h5_write_string(file, "/", "model_config", text, &error), CS_OK);
		cs_h5_close(file, NULL);
		status = cs_model_load(case_path("m.h5"), NULL, &model, &error);
		judge(lies[i].to, case_path("m.h5"), status, &error);
		if (!status)
			fail_msg("%s was taken", lies[i].to);
	}
}

/* Text that is deep, long or nothing. */
static void architectures_without_end_are_refused(void **state)
{
	static const char *const units[] = {"[", "{\"a\":", "{\"class_name\":\"Sequential\",\"config\":[", "\"", "\\u0041", "9"};
	enum { REPEATS = 100000 };

	(void)state;
	need_reader();
	for (size_t i = 0; i <= sizeof units / sizeof *units; i++) {
		size_t length = i < sizeof units / sizeof *units ? strlen(units[i]) : 0;
		char *text = calloc(1, length * REPEATS + 1);
		struct cs_h5 *file = NULL;
		struct cs_error error;

		for (int k = 0; k < REPEATS && length; k++)
			memcpy(text + (size_t)k * length, units[i], length);
		save_good_model("m.h5");
		assert_int_equal(cs_h5_open(case_path("m.h5"), CS_H5_WRITE, &file, &error), CS_OK);
		assert_int_equal(cs_h5_write_string(file, "/", "model_config", text, &error), CS_OK);
		cs_h5_close(file, NULL);
		refused = 0;
		open_model(length ? units[i] : "no text", "m.h5");
		assert_int_equal(refused, 1);
		free(text);
	}
}

/* --- what HDF5 itself allows --- */

static hid_t open_for_change(const char *name)
{
	hid_t file = H5Fopen(case_path(name), H5F_ACC_RDWR, H5P_DEFAULT);

	assert_true(file >= 0);
	return file;
}

static void make_data(hid_t file, const char *path, hid_t type, int rank, const hsize_t *dims, hid_t creation)
{
	hid_t space = H5Screate_simple(rank, dims, NULL), links = H5Pcreate(H5P_LINK_CREATE), data;

	H5Ldelete(file, path, H5P_DEFAULT);
	H5Pset_create_intermediate_group(links, 1);
	data = H5Dcreate2(file, path, type, space, links, creation, H5P_DEFAULT);
	assert_true(data >= 0);
	H5Dclose(data);
	H5Pclose(links);
	H5Sclose(space);
}

#define KERNEL "/model_weights/c/c/kernel:0"

static void elsewhere(hid_t file, const char *path, int rank, const hsize_t *dims, const char *target)
{
	hid_t creation = H5Pcreate(H5P_DATASET_CREATE);

	H5Pset_external(creation, target, 0, H5F_UNLIMITED);
	make_data(file, path, H5T_NATIVE_FLOAT, rank, dims, creation);
	H5Pclose(creation);
}

static void filtered(hid_t file, const char *path, int rank, const hsize_t *dims)
{
	hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
	unsigned values[1] = {0};

	H5Pset_chunk(creation, rank, dims);
	H5Pset_filter(creation, 32015, H5Z_FLAG_OPTIONAL, 1, values);
	make_data(file, path, H5T_NATIVE_FLOAT, rank, dims, creation);
	H5Pclose(creation);
}

static void chunked(hid_t file, const char *path, int rank, const hsize_t *dims, const hsize_t *chunk)
{
	hid_t creation = H5Pcreate(H5P_DATASET_CREATE);

	H5Pset_chunk(creation, rank, chunk);
	H5Pset_deflate(creation, 9);
	make_data(file, path, H5T_NATIVE_FLOAT, rank, dims, creation);
	H5Pclose(creation);
}

static void spoil_model(hid_t file, int how)
{
	static const hsize_t dims[4] = {3, 3, 3, 4}, huge[4] = {1 << 20, 1 << 20, 1 << 10, 4}, deep[8] = {1, 1, 1, 1, 3, 3, 3, 4},
			     chunk[4] = {1, 1, 16, 4}, big_chunk[4] = {512, 512, 512, 2};
	hid_t text = H5Tcopy(H5T_C_S1), group;

	switch (how) {
	case 0:
		elsewhere(file, KERNEL, 4, dims, "/etc/passwd");
		break;
	case 1:
		elsewhere(file, KERNEL, 4, dims, "/dev/zero");
		break;
	case 2:
		elsewhere(file, KERNEL, 4, dims, "../../../../../../etc/passwd");
		break;
	case 3:
		H5Ldelete(file, KERNEL, H5P_DEFAULT);
		H5Lcreate_external("/etc/passwd", "/x", file, KERNEL, H5P_DEFAULT, H5P_DEFAULT);
		break;
	case 4: /* a circle of soft links */
		H5Ldelete(file, KERNEL, H5P_DEFAULT);
		H5Lcreate_soft("/model_weights/c/c/y", file, KERNEL, H5P_DEFAULT, H5P_DEFAULT);
		H5Lcreate_soft(KERNEL, file, "/model_weights/c/c/y", H5P_DEFAULT, H5P_DEFAULT);
		break;
	case 5: /* a group in itself, in the place of the kernel */
		H5Ldelete(file, KERNEL, H5P_DEFAULT);
		H5Lcreate_hard(file, "/model_weights/c/c", file, KERNEL, H5P_DEFAULT, H5P_DEFAULT);
		break;
	case 6:
		H5Ldelete(file, "/model_weights", H5P_DEFAULT);
		H5Lcreate_hard(file, "/", file, "/model_weights", H5P_DEFAULT, H5P_DEFAULT);
		break;
	case 7: {
		hid_t creation = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(4, dims, NULL);

		H5Pset_virtual(creation, space, "/etc/passwd", "/x", space);
		make_data(file, KERNEL, H5T_NATIVE_FLOAT, 4, dims, creation);
		H5Sclose(space);
		H5Pclose(creation);
		break;
	}
	case 8:
		chunked(file, KERNEL, 4, huge, chunk);
		break;
	case 9:
		chunked(file, KERNEL, 4, huge, big_chunk);
		break;
	case 10:
		make_data(file, KERNEL, H5T_NATIVE_FLOAT, 8, deep, H5P_DEFAULT);
		break;
	case 11:
		make_data(file, KERNEL, H5T_NATIVE_FLOAT, 3, dims, H5P_DEFAULT);
		break;
	case 12:
		H5Tset_size(text, H5T_VARIABLE);
		make_data(file, KERNEL, text, 4, dims, H5P_DEFAULT);
		break;
	case 13:
		filtered(file, KERNEL, 4, dims);
		break;
	case 14: {
		hid_t compound = H5Tcreate(H5T_COMPOUND, 8);

		H5Tinsert(compound, "r", 0, H5T_NATIVE_FLOAT);
		H5Tinsert(compound, "i", 4, H5T_NATIVE_FLOAT);
		make_data(file, KERNEL, compound, 4, dims, H5P_DEFAULT);
		H5Tclose(compound);
		break;
	}
	case 15: {
		hid_t sequence = H5Tvlen_create(H5T_NATIVE_FLOAT);

		make_data(file, KERNEL, sequence, 4, dims, H5P_DEFAULT);
		H5Tclose(sequence);
		break;
	}
	case 16: {
		hid_t space = H5Screate(H5S_NULL), data;

		H5Ldelete(file, KERNEL, H5P_DEFAULT);
		data = H5Dcreate2(file, KERNEL, H5T_NATIVE_FLOAT, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
		H5Dclose(data);
		H5Sclose(space);
		break;
	}
	default: { /* the list of weights is one name of 64,000 steps */
		char *name = calloc(1, 64001);
		hid_t space = H5Screate(H5S_SCALAR), attribute;

		for (int i = 0; i < 64000; i += 2)
			memcpy(name + i, "a/", 2);
		group = H5Gopen2(file, "/model_weights/c", H5P_DEFAULT);
		H5Adelete(group, "weight_names");
		H5Tset_size(text, 64000);
		attribute = H5Acreate2(group, "weight_names", text, space, H5P_DEFAULT, H5P_DEFAULT);
		H5Awrite(attribute, text, name);
		H5Aclose(attribute);
		H5Gclose(group);
		H5Sclose(space);
		free(name);
	}
	}
	H5Tclose(text);
}

static void models_that_point_elsewhere_or_lie_about_their_arrays_are_refused(void **state)
{
	(void)state;
	need_reader();
	for (int how = 0; how <= 17; how++) {
		char what[40];
		hid_t file;

		save_good_model("m.h5");
		file = open_for_change("m.h5");
		spoil_model(file, how);
		H5Fclose(file);
		refused = 0;
		snprintf(what, sizeof what, "spoilt in way %d", how);
		open_model(what, "m.h5");
		if (!refused)
			fail_msg("a model %s was taken", what);
	}
}

/* --- data sets --- */

static void changed_data_sets_end_in_a_sentence(void **state)
{
	struct cs_dataset *data = case_open("shapes:count=30,size=16", NULL);
	struct cs_error error;

	(void)state;
	need_reader();
	assert_int_equal(cs_dataset_export(data, case_path("d.h5"), NULL, &error), CS_OK);
	cs_dataset_close(data);
	keep_good("d.h5");
	try_changed("d.h5", 250, 15, open_data);
}

static void data_sets_that_point_elsewhere_or_lie_are_refused(void **state)
{
	static const hsize_t dims[4] = {30, 16, 16, 3}, huge[4] = {1 << 28, 4096, 4096, 3}, chunk[4] = {1, 1, 1, 1},
			     many[4] = {100000000, 1, 1, 1}, wide[4] = {30, 16384, 16384, 3}, labels[1] = {30};

	(void)state;
	need_reader();
	for (int how = 0; how < 8; how++) {
		struct cs_dataset *data = case_open("shapes:count=30,size=16", NULL);
		struct cs_error error;
		hid_t file;
		char what[40];

		assert_int_equal(cs_dataset_export(data, case_path("d.h5"), NULL, &error), CS_OK);
		cs_dataset_close(data);
		file = open_for_change("d.h5");
		switch (how) {
		case 0:
			elsewhere(file, "/x", 4, dims, "/etc/passwd");
			break;
		case 1:
			elsewhere(file, "/x", 4, dims, "/dev/zero");
			break;
		case 2:
			chunked(file, "/x", 4, huge, chunk);
			break;
		case 3:
			chunked(file, "/x", 4, many, chunk);
			break;
		case 4:
			chunked(file, "/x", 4, wide, chunk);
			break;
		case 5:
			elsewhere(file, "/y", 1, labels, "/etc/passwd");
			break;
		case 6:
			filtered(file, "/x", 4, dims);
			break;
		default:
			H5Ldelete(file, "/x", H5P_DEFAULT);
			H5Lcreate_external("/etc/passwd", "/x", file, "/x", H5P_DEFAULT, H5P_DEFAULT);
		}
		H5Fclose(file);
		refused = 0;
		snprintf(what, sizeof what, "spoilt in way %d", how);
		open_data(what, "d.h5");
		if (!refused)
			fail_msg("a data set %s was taken", what);
	}
}

/* --- zips --- */

static void changed_zips_end_in_a_sentence(void **state)
{
	(void)state;
	case_classes("set", 2, 6, 8);
	case_zip("set", "z.zip");
	keep_good("z.zip");
	try_changed("z.zip", 600, 10, open_data);
}

static void zips_reach_nothing_outside(void **state)
{
	static const char *const names[] = {"../../../../tmp/climbs/1.png", "/absolute/1.png", "a/../../climbs/2.png",
		"..\\climbs\\3.png", "C:/drive/4.png", "a/./5.png", "a//6.png", "\033[2J/7.png"};
	struct cs_dataset *data;
	char *png = NULL;
	size_t size = 0;
	struct cs_picture picture;
	zip_t *zip;

	(void)state;
	assert_int_equal(cs_picture_init(&picture, 8, 8, NULL), CS_OK);
	assert_int_equal(cs_picture_encode(&picture, NULL, &png, &size, NULL), CS_OK);
	cs_picture_fini(&picture);
	zip = zip_open(case_path("evil.zip"), ZIP_CREATE | ZIP_TRUNCATE, NULL);
	assert_non_null(zip);
	for (int i = 0; i < 20; i++) {
		char name[40];

		snprintf(name, sizeof name, "%c/%d.png", 'a' + i % 2, 100 + i);
		assert_true(zip_file_add(zip, name, zip_source_buffer(zip, png, size, 0), ZIP_FL_ENC_UTF_8) >= 0);
	}
	for (size_t i = 0; i < 3; i++)
		assert_true(zip_file_add(zip, names[i], zip_source_buffer(zip, png, size, 0), ZIP_FL_ENC_UTF_8) >= 0);
	{
		/* what a zip calls a symbolic link is no picture, and is not followed */
		zip_int64_t entry = zip_file_add(zip, "a/link.png", zip_source_buffer(zip, "/etc/passwd", 11, 0), 0);

		assert_true(entry >= 0);
		zip_file_set_external_attributes(
			zip, (zip_uint64_t)entry, 0, ZIP_OPSYS_UNIX, (zip_uint32_t)0120777 << 16);
	}
	assert_int_equal(zip_close(zip), 0);
	data = case_open(case_path("evil.zip"), NULL);
	assert_int_equal(data->count, 20);
	assert_int_equal(data->class_count, 2);
	assert_int_equal(data->skipped, 1);
	cs_dataset_close(data);
	assert_int_equal(access("/tmp/climbs", F_OK), -1);
	cs_free(png);
}

/* --- pictures --- */

static void changed_pictures_end_in_a_sentence(void **state)
{
	struct cs_picture picture;

	(void)state;
	assert_int_equal(cs_picture_init(&picture, 33, 21, NULL), CS_OK);
	for (int i = 0; i < 33 * 21 * 3; i++)
		picture.rgb[i] = (uint8_t)(i * 37 % 251);
	assert_int_equal(cs_picture_save(&picture, case_path("p.png"), NULL, NULL), CS_OK);
	cs_picture_fini(&picture);
	keep_good("p.png");
	try_changed("p.png", 1500, 10, open_picture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(changed_models_end_in_a_sentence, case_begin, case_end),
		cmocka_unit_test_setup_teardown(architectures_that_lie_are_refused, case_begin, case_end),
		cmocka_unit_test_setup_teardown(architectures_without_end_are_refused, case_begin, case_end),
		cmocka_unit_test_setup_teardown(
			models_that_point_elsewhere_or_lie_about_their_arrays_are_refused, case_begin, case_end),
		cmocka_unit_test_setup_teardown(changed_data_sets_end_in_a_sentence, case_begin, case_end),
		cmocka_unit_test_setup_teardown(data_sets_that_point_elsewhere_or_lie_are_refused, case_begin, case_end),
		cmocka_unit_test_setup_teardown(changed_zips_end_in_a_sentence, case_begin, case_end),
		cmocka_unit_test_setup_teardown(zips_reach_nothing_outside, case_begin, case_end),
		cmocka_unit_test_setup_teardown(changed_pictures_end_in_a_sentence, case_begin, case_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
