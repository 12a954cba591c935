/* fuzz_npy.c: headers of NumPy arrays, and their numbers and text. */
#include "fuzz.h"

#include "io/npy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cs_npy npy;
	struct cs_error error = {0};
	enum cs_status status = cs_npy_parse(data, size, "input", &npy, &error);
	int64_t left;

	check_error(status, &error);
	if (status)
		return 0;
	if (npy.size < 1 || npy.data < 10 || (size_t)npy.data > size || npy.count != cs_shape_count(&npy.shape) || npy.shape.rank > CS_MAX_RANK)
		abort();
	left = ((int64_t)size - npy.data) / npy.size;
	for (int64_t i = 0; i < npy.count && i < left && i < 1000; i++) {
		const uint8_t *element = data + npy.data + i * npy.size;
		char text[64];
		float number;

		if (npy.kind == 's') {
			cs_npy_text(&npy, element, text, sizeof text);
			if (strlen(text) >= sizeof text)
				abort();
		} else if (npy.kind != '?') {
			cs_npy_floats(&npy, element, npy.size, 1, &number);
		}
	}
	return 0;
}
