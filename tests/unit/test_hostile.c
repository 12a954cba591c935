/* Models that mean harm, made here from good ones (hostile_case.h). Each is opened as a user's would be. It may load where what was changed did not
 * matter; else it is one sentence, in seconds, and nothing outside it is looked at.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hostile_case.h"

#include "io/h5.h"
#include "model/keras.h"
#include "model/model.h"

#include <limits.h>
#include <sys/resource.h>

static void open_model(const char *what, const char *name)
{
	struct cs_model *model = NULL;
	struct cs_error error = {0};
	enum cs_status status = cs_model_load(case_path(name), NULL, &model, &error);

	judge(what, case_path(name), status, &error);
	cs_model_free(model);
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

#define KERNEL "/model_weights/c/c/kernel:0"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(changed_models_end_in_a_sentence, case_begin, case_end),
		cmocka_unit_test_setup_teardown(architectures_that_lie_are_refused, case_begin, case_end),
		cmocka_unit_test_setup_teardown(architectures_without_end_are_refused, case_begin, case_end),
		cmocka_unit_test_setup_teardown(
			models_that_point_elsewhere_or_lie_about_their_arrays_are_refused, case_begin, case_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
