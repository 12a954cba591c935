/* driver.c: main() for a target where there is no libFuzzer: every file of the folders it is given, and then, for
 * -max_total_time=SECONDS, those files with random changes. Without feedback from coverage it finds less, but it runs anywhere. The
 * input in work is in crash-input when the target fails.
 */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>
#include <time.h>

enum { FILES = 4096, MOST = 1 << 20 };

static struct {
	uint8_t *bytes;
	size_t size;
} seeds[FILES];
static int count;
static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static void add(const char *path)
{
	struct stat info;
	FILE *file;

	if (stat(path, &info))
		return;
	if (S_ISDIR(info.st_mode)) {
		DIR *folder = opendir(path);
		const struct dirent *entry;

		while (folder && (entry = readdir(folder))) {
			char below[1024];

			snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
			if (entry->d_name[0] != '.')
				add(below);
		}
		if (folder)
			closedir(folder);
		return;
	}
	file = fopen(path, "rb");
	if (!file || info.st_size > MOST || count == FILES) {
		if (file)
			fclose(file);
		return;
	}
	seeds[count].bytes = malloc((size_t)info.st_size + 1);
	seeds[count].size = fread(seeds[count].bytes, 1, (size_t)info.st_size, file);
	fclose(file);
	count++;
}

/* A seed with a few bytes changed, cut, doubled or taken from another. */
static size_t change(const uint8_t *from, size_t size, uint8_t *to)
{
	memcpy(to, from, size);
	for (uint64_t n = next_random() % 8 + 1; n && size; n--) {
		size_t at = next_random() % size, length = next_random() % (size - at) % 64 + 1;
		int other = (int)(next_random() % (uint64_t)count);

		switch (next_random() % 6) {
		case 0:
			to[at] ^= (uint8_t)(1u << next_random() % 8);
			break;
		case 1:
			to[at] = (uint8_t)next_random();
			break;
		case 2:
			to[at] = (const uint8_t[]){0, 1, 0x7f, 0x80, 0xff, '-', '9', '"'}[next_random() % 8];
			break;
		case 3:
			memmove(to + at, to + at + length, size - at - length);
			size -= length;
			break;
		case 4:
			if (size + length <= MOST) {
				memmove(to + at + length, to + at, size - at);
				size += length;
			}
			break;
		default:
			if (length <= seeds[other].size)
				memcpy(to + at, seeds[other].bytes + next_random() % (seeds[other].size - length + 1),
					length);
			break;
		}
	}
	return size;
}

static void run(const uint8_t *bytes, size_t size)
{
	/* exactly as large, so that a byte too far is seen */
	uint8_t *exact = malloc(size ? size : 1);

	memcpy(exact, bytes, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

int main(int argc, char **argv)
{
	static uint8_t changed[MOST];
	long seconds = 0, executed = 0;
	time_t start = time(NULL);

	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "-max_total_time=", 16))
			seconds = atol(argv[i] + 16);
		else if (argv[i][0] != '-')
			add(argv[i]);
	}
	for (int i = 0; i < count; i++, executed++)
		run(seeds[i].bytes, seeds[i].size);
	while (count && time(NULL) - start < seconds) {
		int i = (int)(next_random() % (uint64_t)count);
		size_t size = change(seeds[i].bytes, seeds[i].size, changed);

		put_file(".", "crash-input", changed, size);
		run(changed, size);
		executed++;
	}
	remove("crash-input");
	printf("%d seeds, %ld executions\n", count, executed);
	return count ? 0 : 1;
}
