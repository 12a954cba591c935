/* seeds.c: writes a small corpus for each target, made here: seeds DIRECTORY. */
#include "fuzz.h"

#include "core/alloc.h"
#include "core/whitening.h"
#include "data/dataset.h"
#include "io/picture.h"
#include "model/keras.h"
#include "model/model.h"

#include <archive.h>
#include <archive_entry.h>
#include <jpeglib.h>
#include <sys/stat.h>
#include <zip.h>

static const char *const architectures[] = {
	"{\"class_name\":\"Sequential\",\"keras_version\":\"2.15.0\",\"backend\":\"tensorflow\",\"config\":{\"name\":"
	"\"s\",\"layers\":["
	"{\"class_name\":\"InputLayer\",\"config\":{\"batch_input_shape\":[null,12,12,3],\"name\":\"i\"}},"
	"{\"class_name\":\"ZeroPadding2D\",\"config\":{\"name\":\"z\",\"padding\":[[1,1],[1,1]]}},"
	"{\"class_name\":\"Conv2D\",\"config\":{\"name\":\"c\",\"filters\":4,\"kernel_size\":[3,3],\"strides\":[1,1],"
	"\"padding\":"
	"\"same\",\"activation\":\"relu\",\"use_bias\":true}},"
	"{\"class_name\":\"BatchNormalization\",\"config\":{\"name\":\"b\",\"axis\":[3],\"epsilon\":0.001,\"center\":"
	"true}},"
	"{\"class_name\":\"MaxPooling2D\",\"config\":{\"name\":\"p\",\"pool_size\":[2,2],\"strides\":[2,2],\"padding\":"
	"\"valid\"}},"
	"{\"class_name\":\"Dropout\",\"config\":{\"name\":\"d\",\"rate\":0.5}},"
	"{\"class_name\":\"Flatten\",\"config\":{\"name\":\"f\"}},"
	"{\"class_name\":\"Dense\",\"config\":{\"name\":\"o\",\"units\":3,\"activation\":\"softmax\"}}]}}",
	"{\"class_name\":\"Functional\",\"config\":{\"name\":\"m\",\"layers\":["
	"{\"class_name\":\"InputLayer\",\"name\":\"i\",\"config\":{\"batch_shape\":[null,3,8,8],\"name\":\"i\"},"
	"\"inbound_nodes\":[]},"
	"{\"class_name\":\"Conv2D\",\"name\":\"c\",\"config\":{\"name\":\"c\",\"filters\":2,\"kernel_size\":3,\"data_"
	"format\":"
	"\"channels_first\"},\"inbound_nodes\":[[[\"i\",0,0,{}]]]},"
	"{\"class_name\":\"GlobalAveragePooling2D\",\"name\":\"g\",\"config\":{\"name\":\"g\",\"data_format\":"
	"\"channels_first\"},"
	"\"inbound_nodes\":[[[\"c\",0,0,{}]]]}],\"input_layers\":[[\"i\",0,0]],\"output_layers\":[[\"g\",0,0]]}}",
	"{\"class_name\":\"Sequential\",\"config\":[{\"class_name\":\"Convolution2D\",\"config\":{\"name\":\"c\",\"nb_"
	"filter\":2,"
	"\"nb_row\":3,\"nb_col\":3,\"border_mode\":\"same\",\"dim_ordering\":\"th\",\"subsample\":[2,2],\"batch_input_"
	"shape\":[null,1,9,9]}},"
	"{\"class_name\":\"Flatten\",\"config\":{\"name\":\"f\"}},{\"class_name\":\"Dense\",\"config\":{\"name\":\"d\","
	"\"output_dim\":2,"
	"\"bias\":true,\"activation\":\"tanh\"}}]}",
};

static char folder[512];

static void enter(const char *root, const char *target)
{
	snprintf(folder, sizeof folder, "%s/%s", root, target);
	mkdir(root, 0777);
	mkdir(folder, 0777);
}

static void must(enum cs_status status, const struct cs_error *error)
{
	if (status) {
		fprintf(stderr, "%s\n", error->message);
		exit(1);
	}
}

static void seed_jpeg(const char *name, const struct cs_picture *picture, bool grey, bool progressive, int sampling)
{
	struct jpeg_compress_struct jpeg;
	struct jpeg_error_mgr errors;
	unsigned char *bytes = NULL;
	unsigned long size = 0;

	jpeg.err = jpeg_std_error(&errors);
	jpeg_create_compress(&jpeg);
	jpeg_mem_dest(&jpeg, &bytes, &size);
	jpeg.image_width = (JDIMENSION)(grey ? picture->width * 3 : picture->width);
	jpeg.image_height = (JDIMENSION)picture->height;
	jpeg.input_components = grey ? 1 : 3;
	jpeg.in_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
	jpeg_set_defaults(&jpeg);
	jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = sampling;
	if (progressive)
		jpeg_simple_progression(&jpeg);
	jpeg_start_compress(&jpeg, TRUE);
	while (jpeg.next_scanline < jpeg.image_height) {
		JSAMPROW row = picture->rgb + (size_t)jpeg.next_scanline * (size_t)picture->width * 3;

		jpeg_write_scanlines(&jpeg, &row, 1);
	}
	jpeg_finish_compress(&jpeg);
	jpeg_destroy_compress(&jpeg);
	put_file(folder, name, bytes, size);
	free(bytes);
}

static void seed_pictures(const char *root)
{
	const char *const text[] = {"Comment", "a seed", NULL, NULL};
	struct cs_error error = {0};
	struct cs_picture picture;
	size_t size = 0;
	char *png = NULL;

	enter(root, "picture");
	must(cs_picture_init(&picture, 17, 13, &error), &error);
	for (int i = 0; i < 17 * 13 * 3; i++)
		picture.rgb[i] = (uint8_t)(i * 7 + i / 51 * 13);
	must(cs_picture_encode(&picture, text, &png, &size, &error), &error);
	put_file(folder, "rgb.png", png, size);
	cs_free(png);
	seed_jpeg("rgb.jpg", &picture, false, false, 2);
	seed_jpeg("progressive.jpg", &picture, false, true, 1);
	seed_jpeg("grey.jpg", &picture, true, false, 1);
	cs_picture_fini(&picture);
}

static void seed_archive(const char *root)
{
	char path[600];
	zip_t *zip;

	enter(root, "archive");
	for (int method = 0; method < 2; method++) {
		static const char *const names[] = {"config.json", "a/b.txt", "a\\c.txt", "empty"};

		snprintf(path, sizeof path, "%s/%s.zip", folder, method ? "deflated" : "stored");
		zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
		for (size_t i = 0; zip && i < 4; i++) {
			const char *bytes = i < 3 ? architectures[i] : "";
			zip_int64_t entry = zip_file_add(zip, names[i],
				zip_source_buffer(zip, bytes, strlen(bytes) / (method ? 1 : 8), 0), ZIP_FL_ENC_UTF_8);

			zip_set_file_compression(zip, (zip_uint64_t)entry, method ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
		}
		if (!zip || zip_close(zip)) {
			fprintf(stderr, "cannot write '%s'\n", path);
			exit(1);
		}
	}
}

/* The model with a whitening that changes little: of whole pictures, or a filter. */
static void seed_whitening(struct cs_model *model, enum cs_whitening_kind kind, const char *path)
{
	const struct cs_shape *in = &model->network->input;
	int h = (int)in->dim[0], w = (int)in->dim[1], c = (int)in->dim[2];
	int64_t n = (int64_t)h * w * c, gains = cs_whitening_gains(kind, h, w, c);
	struct cs_whitening *whitening = NULL;
	struct cs_error error = {0};
	float *mean = cs_calloc((size_t)n, sizeof *mean), *gain = cs_calloc((size_t)gains, sizeof *gain);
	float *axes = kind == CS_WHITENING_WHOLE ? cs_calloc((size_t)n, (size_t)n * sizeof *axes) : NULL;

	for (int64_t i = 0; axes && i < n; i++)
		axes[i * n + i] = 1;
	for (int64_t i = 0; i < n; i++)
		gain[kind == CS_WHITENING_WHOLE ? i : i * c + i % c] = 1.5f;
	must(cs_whitening_new(kind, h, w, c, 0.01f, mean, axes, gain, &whitening, &error), &error);
	model->preprocess_known = true;
	cs_model_set_whitening(model, whitening);
	must(cs_model_save(model, path, &error), &error);
	cs_model_set_whitening(model, NULL);
	cs_free(mean);
	cs_free(axes);
	cs_free(gain);
}

static void seed_models(const char *root)
{
	struct cs_error error = {0};
	char name[64], path[600];

	for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++) {
		struct cs_network *network;
		struct cs_model *model;

		enter(root, "keras");
		snprintf(name, sizeof name, "%zu.json", i);
		put_file(folder, name, architectures[i], strlen(architectures[i]));
		must(cs_keras_parse(architectures[i], &network, &error), &error);
		must(cs_model_new(network, &model, &error), &error);
		enter(root, "model");
		snprintf(path, sizeof path, "%s/%zu.h5", folder, i);
		must(cs_model_save(model, path, &error), &error);
		enter(root, "onnx");
		snprintf(path, sizeof path, "%s/%zu.onnx", folder, i);
		must(cs_model_write(model, path, &error), &error);
		enter(root, "h5");
		snprintf(path, sizeof path, "%s/%zu.h5", folder, i);
		must(cs_model_save(model, path, &error), &error);
		enter(root, "model");
		for (int kind = 0; kind < 2 && network->input.rank == 3 && cs_shape_count(&network->input) <= 500; kind++) {
			if (network->input.dim[2] != 1 && network->input.dim[2] != 3)
				continue;
			snprintf(path, sizeof path, "%s/%zu-white-%d.h5", folder, i, kind);
			seed_whitening(model, (enum cs_whitening_kind)kind, path);
		}
		cs_model_free(model);
	}
}

/* A data set as convscope exports one. */
static void seed_data(const char *root)
{
	struct cs_data_options options = cs_data_options_default();
	struct cs_error error = {0};
	struct cs_dataset *data;
	char path[600];

	enter(root, "h5");
	snprintf(path, sizeof path, "%s/data.h5", folder);
	options.size = 16;
	must(cs_dataset_open("shapes:count=12", &options, NULL, &data, &error), &error);
	must(cs_dataset_export(data, path, NULL, &error), &error);
	cs_dataset_close(data);
}

/* An array of NumPy's, its numbers made of their places. */
static size_t make_npy(const char *type, const char *order, const char *shape, size_t bytes, uint8_t *out)
{
	int length = snprintf((char *)out + 10, 118, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", type, order, shape);

	memcpy(out, "\x93NUMPY\1\0v\0", 10);
	memset(out + 10 + length, ' ', (size_t)(117 - length));
	out[127] = '\n';
	for (size_t i = 0; i < bytes; i++)
		out[128 + i] = (uint8_t)(i * 31);
	return 128 + bytes;
}

static void seed_npz(const char *name, int method, const char *order)
{
	static uint8_t x[2048], y[512], names[512];
	char path[600];
	const struct {
		const char *name;
		const uint8_t *bytes;
		size_t size;
	} members[] = {
		{"x_train.npy", x, make_npy("|u1", order, "(12, 8, 8)", 768, x)},
		{"y_train.npy", y, make_npy("<i4", "False", "(12,)", 48, y)},
		{"class_names.npy", names, make_npy("<U3", "False", "(3,)", 36, names)},
	};
	zip_t *zip;

	for (int i = 0; i < 12; i++)
		memcpy(y + 128 + 4 * i, (uint8_t[4]){(uint8_t)(i % 3)}, 4);
	for (int i = 0; i < 36; i++)
		names[128 + i] = (uint8_t)(i % 4 ? 0 : 'a' + i / 4);
	snprintf(path, sizeof path, "%s/%s.npz", folder, name);
	zip = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);
	for (size_t i = 0; zip && i < sizeof members / sizeof *members; i++) {
		zip_int64_t entry = zip_file_add(zip, members[i].name,
			zip_source_buffer(zip, members[i].bytes, members[i].size, 0), ZIP_FL_ENC_UTF_8);

		zip_set_file_compression(zip, (zip_uint64_t)entry, method ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
	}
	if (!zip || zip_close(zip)) {
		fprintf(stderr, "cannot write '%s'\n", path);
		exit(1);
	}
}

struct tar_member {
	const char *name;
	const uint8_t *bytes;
	size_t size;
};

static void seed_tar(const char *name, bool packed, const struct tar_member *members, size_t count)
{
	struct archive *tar = archive_write_new();
	char path[600];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	archive_write_set_format_ustar(tar);
	if (packed)
		archive_write_add_filter_gzip(tar);
	archive_write_open_filename(tar, path);
	for (size_t i = 0; i < count; i++) {
		struct archive_entry *entry = archive_entry_new();

		archive_entry_set_pathname(entry, members[i].name);
		archive_entry_set_size(entry, (la_int64_t)members[i].size);
		archive_entry_set_filetype(entry, AE_IFREG);
		archive_entry_set_perm(entry, 0644);
		archive_write_header(tar, entry);
		archive_write_data(tar, members[i].bytes, members[i].size);
		archive_entry_free(entry);
	}
	if (archive_write_free(tar) != ARCHIVE_OK) {
		fprintf(stderr, "cannot write '%s'\n", path);
		exit(1);
	}
}

static void seed_arrays(const char *root)
{
	static uint8_t npy[4096], images[16 + 8 * 16] = {0, 0, 8, 3, 0, 0, 0, 8, 0, 0, 0, 4, 0, 0, 0, 4};
	static uint8_t labels[8 + 8] = {0, 0, 8, 1, 0, 0, 0, 8}, bin[4 * 3073];
	static const char *const types[] = {"<f4", ">f8", "<f2", "|b1", "<i8", ">u2", "<U4", "|S5"};

	enter(root, "npy");
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		char name[16];
		size_t size = make_npy(types[i], i % 2 ? "True" : "False", "(4, 3, 2)", 384, npy);

		snprintf(name, sizeof name, "%zu.npy", i);
		put_file(folder, name, npy, size);
	}
	enter(root, "dataset");
	seed_npz("stored", 0, "False");
	seed_npz("deflated", 1, "True");
	for (int i = 0; i < 8; i++)
		labels[8 + i] = (uint8_t)(i % 2);
	for (int i = 0; i < 128; i++)
		images[16 + i] = (uint8_t)(i * 2);
	for (int i = 0; i < 4; i++)
		bin[i * 3073] = (uint8_t)(i % 2);
	put_file(folder, "cifar.bin", bin, sizeof bin);
	seed_tar("mnist.tar", false,
		(const struct tar_member[]){{"train-images-idx3-ubyte", images, sizeof images},
			{"train-labels-idx1-ubyte", labels, sizeof labels}},
		2);
	seed_tar("cifar.tar.gz", true,
		(const struct tar_member[]){{"c/data_batch_1.bin", bin, sizeof bin}, {"c/test_batch.bin", bin, sizeof bin},
			{"c/batches.meta.txt", (const uint8_t *)"plane\ncar\n", 10}},
		3);
}

static void seed_texts(const char *root)
{
	static const char tiny[] = "n00000001\nn00000002\n\0n00000001\tgoldfish, fish\nn00000002\tdog\n\0"
				   "val_0.JPEG\tn00000001\t0\t1\t3\t3\nval_1.JPEG\tn00000002\t0\t0\t2\t2\r\n\0"
				   "n00000001_0.JPEG\t0\t0\t3\t3\nn00000001_1.JPEG\t1\t1\t2\t2\n";
	static const char run[] =
		"{\"run\":{\"network\":\"seed\",\"dataset\":\"shapes\",\"epochs\":3,\"batch\":32,\"seed\":1}}\0"
		"{\"finished\":true,\"best_epoch\":1,\"best_val_accuracy\":0.5}\0"
		"epoch,train_loss,train_accuracy,val_loss,val_accuracy,val_top5,rate,images_per_second,seconds,time\n"
		"0,2.3,0.1,2.2,0.2,0.5,0.02,100,10,1700000000\n1,2.1,0.2,nan,nan,nan,0.01,100,10,1700000010\n";
	static const char *const replies[] = {"\x07\033[?63;4;22c", "\xff\033[4;480;640t\033[6;16;8t",
		"\x03\033]11;rgb:1e1e/1e1e/2e2e\033\\", "\x05q\033[A\033P1$r0m\033\\x", "\xff\033[?2;0;1920;1080S"};
	static const char keys[] = "# a comment\nup k Up C-p\nquit Q\ndown j\r\npage-down PageDown F12 Space\nhelp ?\n";
	static const char sidecar[] = "{\"convscope\":1,\"scale\":0.25,\"mean\":[1,2,3],\"std\":2,\"bgr\":true,\"classes\":[\"a\",\"b\\u00e9\",\"c\"],"
				      "\"size\":[224,192],\"architecture\":{\"class_name\":\"Sequential\"}}";
	char name[16];

	enter(root, "sidecar");
	put_file(folder, "all", sidecar, sizeof sidecar - 1);
	enter(root, "annotations");
	put_file(folder, "tiny", tiny, sizeof tiny - 1);
	enter(root, "config");
	put_file(folder, "run", run, sizeof run - 1);
	enter(root, "keys");
	put_file(folder, "keys", keys, sizeof keys - 1);
	enter(root, "replies");
	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
		snprintf(name, sizeof name, "%zu", i);
		put_file(folder, name, replies[i], strlen(replies[i]));
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fputs("usage: seeds DIRECTORY\n", stderr);
		return 2;
	}
	seed_pictures(argv[1]);
	seed_archive(argv[1]);
	seed_models(argv[1]);
	seed_data(argv[1]);
	seed_arrays(argv[1]);
	seed_texts(argv[1]);
	return 0;
}
