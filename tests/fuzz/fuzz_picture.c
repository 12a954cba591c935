/* fuzz_picture.c: PNG and JPEG. */
#include "fuzz.h"

#include "io/picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cs_picture picture = {0};
	struct cs_error error = {0};
	enum cs_status status = cs_picture_decode(data, size, "input", &picture, &error);

	check_error(status, &error);
	if (!status) {
		unsigned sum = 0;

		if (picture.width < 1 || picture.height < 1)
			abort();
		for (size_t i = 0; i < (size_t)picture.width * (size_t)picture.height * 3; i++)
			sum += picture.rgb[i]; /* every byte is there and written */
		if (sum == 1)
			fputs("", stderr);
		cs_picture_fini(&picture);
	}
	return 0;
}
